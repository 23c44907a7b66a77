/* store/embedded/catalogue/key_path.c -- keys of up to 1024 bytes in byte order, in a table whose keys end at 511. */
#include "store/embedded/catalogue/key_path.h"

#include "runtime/base/assert.h"
#include "runtime/base/byteorder.h"
#include "s3client/wire/s3_error.h"

/* The key of one row, built where LMDB can read it. */
struct row_key {
    uint8_t bytes[KEY_ROW_BYTES];
    size_t size;
};

static struct span make_row_key(struct row_key *row_key, uint64_t group, struct span piece)
{
    ASSERT(group >> (8 * KEY_GROUP_BYTES) == 0 && piece.size <= KEY_PIECE_BYTES);
    uint8_t number[8];
    store_u64_le(number, __builtin_bswap64(group));
    memcpy(row_key->bytes, number + 8 - KEY_GROUP_BYTES, KEY_GROUP_BYTES);
    if (piece.size > 0)
        memcpy(row_key->bytes + KEY_GROUP_BYTES, piece.data, piece.size);
    row_key->size = KEY_GROUP_BYTES + piece.size;
    return span_of(row_key->bytes, row_key->size);
}

static MDB_val value_of(struct span span)
{
    return (MDB_val){.mv_size = span.size, .mv_data = (void *)(uintptr_t)span.data};
}

static enum lookup find_row(const struct key_table *table, struct span row_key, struct row_shape *ret_shape,
                            struct span *ret_object, struct error *error)
{
    MDB_val key = value_of(row_key);
    MDB_val value;
    int result = mdb_get(table->txn, table->table, &key, &value);
    if (result == MDB_NOTFOUND) {
        *ret_shape = (struct row_shape){0};
        *ret_object = SPAN_EMPTY;
        return LOOKUP_MISSING;
    }
    if (result != 0) {
        catalogue_failed(result, error, "get a row");
        return LOOKUP_FAILED;
    }
    return row_open(row_key, span_of(value.mv_data, value.mv_size), ret_shape, ret_object, error) ? LOOKUP_FOUND
                                                                                                  : LOOKUP_FAILED;
}

/* Writes a row, or removes it when nothing is left of it. */
static bool store_row(const struct key_table *table, struct span row_key, struct span object, uint64_t group,
                      struct error *error)
{
    MDB_val key = value_of(row_key);
    if (object.size == 0 && group == 0) {
        int result = mdb_del(table->txn, table->table, &key, NULL);
        return result == 0 || catalogue_failed(result, error, "delete a row");
    }
    buffer_clear(table->scratch);
    row_seal(row_key, object, group, table->scratch);
    ASSERT(!table->scratch->overflow);
    MDB_val value = {.mv_size = table->scratch->size, .mv_data = table->scratch->data};
    int result = mdb_put(table->txn, table->table, &key, &value, 0);
    return result == 0 || catalogue_failed(result, error, "put a row");
}

enum lookup key_find(const struct key_table *table, uint64_t group, struct span key, struct span *ret_object,
                     struct error *error)
{
    for (;;) {
        struct row_key row_key;
        struct row_shape shape;
        struct span piece = span_take(key, KEY_PIECE_BYTES);
        enum lookup found = find_row(table, make_row_key(&row_key, group, piece), &shape, ret_object, error);
        if (found != LOOKUP_FOUND)
            return found;
        key = span_skip(key, piece.size);
        if (key.size == 0)
            return shape.has_object ? LOOKUP_FOUND : LOOKUP_MISSING;
        if (!shape.has_group)
            return LOOKUP_MISSING;
        group = shape.group;
    }
}

bool key_put(const struct key_table *table, uint64_t group, struct span key, struct span object, struct error *error)
{
    ASSERT(object.size > 0);
    for (;;) {
        struct row_key row_key;
        struct row_shape shape;
        struct span present;
        struct span piece = span_take(key, KEY_PIECE_BYTES);
        struct span name = make_row_key(&row_key, group, piece);
        if (find_row(table, name, &shape, &present, error) == LOOKUP_FAILED)
            return false;
        key = span_skip(key, piece.size);
        if (key.size == 0)
            return store_row(table, name, object, shape.group, error);
        if (!shape.has_group) {
            shape.group = (*table->next_group)++;
            if (!store_row(table, name, present, shape.group, error))
                return false;
        }
        group = shape.group;
    }
}

bool key_group_is_empty(const struct key_table *table, uint64_t group, bool *ret_empty, struct error *error)
{
    MDB_cursor *cursor;
    int result = mdb_cursor_open(table->txn, table->table, &cursor);
    if (result != 0)
        return catalogue_failed(result, error, "open a cursor");
    struct row_key row_key;
    struct span first = make_row_key(&row_key, group, SPAN_EMPTY);
    MDB_val key = value_of(first);
    MDB_val value;
    result = mdb_cursor_get(cursor, &key, &value, MDB_SET_RANGE);
    *ret_empty = result == MDB_NOTFOUND || key.mv_size < KEY_GROUP_BYTES ||
                 memcmp(key.mv_data, row_key.bytes, KEY_GROUP_BYTES) != 0;
    mdb_cursor_close(cursor);
    return result == 0 || result == MDB_NOTFOUND || catalogue_failed(result, error, "look into a group");
}

bool key_delete(const struct key_table *table, uint64_t group, struct span key, struct error *error)
{
    struct row_key row_keys[KEY_LEVELS];
    uint64_t groups[KEY_LEVELS + 1] = {group};
    unsigned level = 0;
    struct row_shape shape;
    struct span object;
    for (;; level++) { /* down to the row of the key */
        ASSERT(level < KEY_LEVELS);
        struct span piece = span_take(key, KEY_PIECE_BYTES);
        struct span name = make_row_key(&row_keys[level], groups[level], piece);
        enum lookup found = find_row(table, name, &shape, &object, error);
        if (found == LOOKUP_FAILED)
            return false;
        key = span_skip(key, piece.size);
        ASSERT(found == LOOKUP_FOUND && (key.size == 0 || shape.has_group));
        groups[level + 1] = shape.group;
        if (key.size == 0)
            break;
    }
    struct span name = span_of(row_keys[level].bytes, row_keys[level].size);
    if (!store_row(table, name, SPAN_EMPTY, shape.group, error))
        return false;
    for (; level > 0; level--) { /* and up again while groups are empty */
        bool is_empty;
        if (!key_group_is_empty(table, groups[level], &is_empty, error))
            return false;
        if (!is_empty)
            return true;
        name = span_of(row_keys[level - 1].bytes, row_keys[level - 1].size);
        if (find_row(table, name, &shape, &object, error) != LOOKUP_FOUND || !store_row(table, name, object, 0, error))
            return false;
    }
    return true;
}

/* ---- the walk ---- */

void key_cursor_open(struct key_cursor *cursor, const struct key_table *table, uint64_t group)
{
    cursor->table = *table;
    memset(cursor->cursors, 0, sizeof cursor->cursors);
    cursor->groups[0] = group;
    cursor->level = 0;
    cursor->key_bytes = 0;
}

void key_cursor_close(struct key_cursor *cursor)
{
    for (unsigned i = 0; i < KEY_LEVELS; i++) {
        if (cursor->cursors[i] != NULL)
            mdb_cursor_close(cursor->cursors[i]);
    }
}

static enum lookup walk_damaged(struct error *error)
{
    error_set(error, ERROR_DAMAGED, S3_InternalError, "The catalogue's keys are out of order. Run `bale check`.");
    return LOOKUP_FAILED;
}

/* Moves the cursor of the current level (MDB_NEXT, or MDB_SET_RANGE to `piece`) and takes over the row it finds there.
 * LOOKUP_MISSING: the group ends. */
static enum lookup load(struct key_cursor *cursor, MDB_cursor_op operation, struct span piece, struct error *error)
{
    unsigned level = cursor->level;
    size_t start = (size_t)level * KEY_PIECE_BYTES; /* of this level's piece within the key */
    MDB_cursor **lmdb = &cursor->cursors[level];
    int result = *lmdb == NULL ? mdb_cursor_open(cursor->table.txn, cursor->table.table, lmdb) : 0;
    struct row_key row_key;
    MDB_val key = value_of(make_row_key(&row_key, cursor->groups[level], piece));
    MDB_val value;
    if (result == 0)
        result = mdb_cursor_get(*lmdb, &key, &value, operation);
    if (result == MDB_NOTFOUND)
        return LOOKUP_MISSING;
    if (result != 0) {
        catalogue_failed(result, error, "walk");
        return LOOKUP_FAILED;
    }
    if (key.mv_size < KEY_GROUP_BYTES || key.mv_size > KEY_ROW_BYTES)
        return walk_damaged(error);
    if (memcmp(key.mv_data, row_key.bytes, KEY_GROUP_BYTES) != 0)
        return LOOKUP_MISSING;
    struct span found = span_of((const uint8_t *)key.mv_data + KEY_GROUP_BYTES, key.mv_size - KEY_GROUP_BYTES);
    /* damage to LMDB's pages can lead a walk in circles */
    struct span before = span_of(cursor->key + start, cursor->key_bytes < start ? 0 : cursor->key_bytes - start);
    if (operation == MDB_NEXT && span_compare(found, span_take(before, KEY_PIECE_BYTES)) <= 0)
        return walk_damaged(error);
    if (!row_open(span_of(key.mv_data, key.mv_size), span_of(value.mv_data, value.mv_size), &cursor->shape,
                  &cursor->object, error))
        return LOOKUP_FAILED;
    memcpy(cursor->key + start, found.data, found.size);
    cursor->key_bytes = start + found.size;
    return LOOKUP_FOUND;
}

/* Into the group below the row that the cursor stands on. */
static enum lookup descend(struct key_cursor *cursor, struct span piece, struct error *error)
{
    if (cursor->level + 1 == KEY_LEVELS || cursor->key_bytes != (cursor->level + 1) * (size_t)KEY_PIECE_BYTES)
        return walk_damaged(error);
    cursor->level++;
    cursor->groups[cursor->level] = cursor->shape.group;
    return load(cursor, MDB_SET_RANGE, piece, error);
}

/* From where a load ended to the first row with an object: down into groups, up where they end. */
static enum lookup settle(struct key_cursor *cursor, enum lookup loaded, struct error *error)
{
    for (;;) {
        if (loaded == LOOKUP_FAILED)
            return LOOKUP_FAILED;
        if (loaded == LOOKUP_FOUND) {
            if (cursor->shape.has_object)
                return cursor->key_bytes > OBJECT_KEY_BYTES_MAX ? walk_damaged(error) : LOOKUP_FOUND;
            loaded = cursor->shape.has_group ? descend(cursor, SPAN_EMPTY, error) : walk_damaged(error);
            continue;
        }
        if (cursor->level == 0)
            return LOOKUP_MISSING;
        cursor->level--;
        cursor->key_bytes = (size_t)(cursor->level + 1) * KEY_PIECE_BYTES; /* only full pieces have groups */
        loaded = load(cursor, MDB_NEXT, SPAN_EMPTY, error);
    }
}

enum lookup key_cursor_next(struct key_cursor *cursor, struct error *error)
{
    enum lookup loaded =
        cursor->shape.has_group ? descend(cursor, SPAN_EMPTY, error) : load(cursor, MDB_NEXT, SPAN_EMPTY, error);
    return settle(cursor, loaded, error);
}

enum lookup key_cursor_seek(struct key_cursor *cursor, struct span target, bool is_exclusive, struct error *error)
{
    cursor->level = 0;
    cursor->key_bytes = 0;
    struct span piece = span_take(target, KEY_PIECE_BYTES);
    enum lookup loaded = load(cursor, MDB_SET_RANGE, piece, error);
    for (;;) {
        if (loaded != LOOKUP_FOUND)
            return settle(cursor, loaded, error);
        size_t start = (size_t)cursor->level * KEY_PIECE_BYTES;
        if (!span_equal(span_of(cursor->key + start, cursor->key_bytes - start), piece))
            return settle(cursor, loaded, error);
        target = span_skip(target, piece.size);
        if (target.size == 0)
            return is_exclusive ? key_cursor_next(cursor, error) : settle(cursor, loaded, error);
        piece = span_take(target, KEY_PIECE_BYTES);
        if (cursor->shape.has_group)
            loaded = descend(cursor, piece, error);
        else /* what stands here is shorter than the target, and before it */
            return settle(cursor, load(cursor, MDB_NEXT, SPAN_EMPTY, error), error);
    }
}
