/* store/embedded/catalogue/key_path.h -- keys of up to 1024 bytes in byte order, in a table whose keys end at 511.
 *
 * A row's key is (group number, 6 bytes big endian; a piece of at most 505 bytes). The first group is the bucket. A key
 * that is longer than 505 bytes goes on in a group of its own, whose number stands in the row of the first 505 bytes;
 * that row may hold an object as well (the key of exactly 505 bytes). Ordinary keys pay nothing; 1024 bytes are three
 * pieces. Rows in table order, each followed by its group, are the keys in byte order.
 *
 *     bucket 7:  "a" -> object     <505 bytes p> -> object, group 9     "q" -> object
 *     group 9:                     "x" -> object  (the key is p + "x")
 */
#pragma once

#include "store/embedded/catalogue/catalogue.h"
#include "store/embedded/catalogue/row.h"

enum { KEY_GROUP_BYTES = 6, KEY_PIECE_BYTES = 505, KEY_LEVELS = 3, KEY_ROW_BYTES = KEY_GROUP_BYTES + KEY_PIECE_BYTES };

/* What a writer looked for last, if its name is no longer than most are: the same row is not searched for again when it
 * is put. Whoever writes to the table otherwise, or begins another transaction, forgets it. */
enum { KEY_MEMO_BYTES = 96 };
struct key_memo {
    MDB_dbi table;
    size_t row_key_bytes; /* 0: nothing */
    struct row_shape shape;
    uint8_t row_key[KEY_MEMO_BYTES];
};

/* Where rows are read and written. */
struct key_table {
    MDB_txn *txn;
    MDB_dbi table;
    uint64_t *next_group;   /* where a new group's number comes from; writers only */
    struct buffer *scratch; /* writers only */
    struct key_memo *memo;  /* writers only; NULL: each look is a search */
};

static inline void key_memo_forget(struct key_memo *memo)
{
    memo->row_key_bytes = 0;
}

/* ret_object: the encoded object part, in the map. */
enum lookup key_find(const struct key_table *table, uint64_t group, struct span key, struct span *ret_object,
                     struct error *error);
bool key_put(const struct key_table *table, uint64_t group, struct span key, struct span object, struct error *error);
/* After a failed key_find: is it the key's own row that is damaged, so that it may be put or deleted all the same? Not
 * where longer keys may hang on that row. */
bool key_is_lost(const struct key_table *table, uint64_t group, struct span key, const struct error *error);
/* The key must be there. Groups that become empty go with it. */
bool key_delete(const struct key_table *table, uint64_t group, struct span key, struct error *error);
bool key_group_is_empty(const struct key_table *table, uint64_t group, bool *ret_empty, struct error *error);

/* A walk over the keys of a bucket, in byte order. One transaction; the cursor is a short stack of LMDB's. */
struct key_cursor {
    struct key_table table;
    MDB_cursor *cursors[KEY_LEVELS];
    uint64_t groups[KEY_LEVELS];
    unsigned level;
    bool tolerates_damage; /* set after opening: damaged rows are met like others, instead of LOOKUP_FAILED */
    bool is_damaged; /* the row it stands on: its key is what was found, perhaps out of order; sound ones before the
                      * target may follow */
    struct row_shape shape; /* of the row it stands on */
    struct span object;     /* its encoded object part, in the map */
    size_t key_bytes;
    uint8_t key[OBJECT_KEY_BYTES_MAX + KEY_PIECE_BYTES]; /* a damaged table may hold more than a key's length */
};

void key_cursor_open(struct key_cursor *cursor, const struct key_table *table, uint64_t group);
void key_cursor_close(struct key_cursor *cursor);
/* To the first key >= target (or > target). LOOKUP_MISSING: there is none. */
enum lookup key_cursor_seek(struct key_cursor *cursor, struct span target, bool is_exclusive, struct error *error);
enum lookup key_cursor_next(struct key_cursor *cursor, struct error *error);
static inline struct span key_cursor_key(const struct key_cursor *cursor)
{
    return span_of(cursor->key, cursor->key_bytes);
}
