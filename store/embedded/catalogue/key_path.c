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

/* Writers are told that a row is missing where a reader is told that it may be damaged: they make it. */
static enum lookup look_for_row(const struct key_table *table, struct span row_key, MDB_val *ret_value,
                                struct error *error)
{
    bool met_damage;
    if (table->scratch != NULL) {
        if (!catalogue_find_for_write(table->txn, table->table, row_key, ret_value, error))
            return LOOKUP_FAILED;
        return ret_value->mv_data == NULL ? LOOKUP_MISSING : LOOKUP_FOUND;
    }
    int result = catalogue_find(table->txn, table->table, row_key, ret_value, &met_damage);
    if (result == MDB_NOTFOUND)
        return catalogue_missed(met_damage, error);
    if (result == 0)
        return LOOKUP_FOUND;
    catalogue_failed(result, error, "get a row");
    return LOOKUP_FAILED;
}

/* ---- what was looked for last ---- */

static void forget(const struct key_table *table)
{
    if (table->memo != NULL)
        key_memo_forget(table->memo);
}

static void remember(const struct key_table *table, struct span row_key, const struct row_shape *shape)
{
    struct key_memo *memo = table->memo;
    if (memo == NULL || row_key.size > sizeof memo->row_key)
        return;
    memo->table = table->table;
    memo->shape = *shape;
    memo->row_key_bytes = row_key.size;
    memcpy(memo->row_key, row_key.data, row_key.size);
}

/* True: the row was found as *ret_shape, or was not there, which has an empty one. */
static bool recall(const struct key_table *table, struct span row_key, struct row_shape *ret_shape)
{
    const struct key_memo *memo = table->memo;
    if (memo == NULL || memo->table != table->table ||
        !span_equal(span_of(memo->row_key, memo->row_key_bytes), row_key))
        return false;
    *ret_shape = memo->shape;
    return true;
}

/* ---- rows ---- */

static enum lookup find_row(const struct key_table *table, struct span row_key, struct row_shape *ret_shape,
                            struct span *ret_object, struct error *error)
{
    MDB_val value;
    forget(table); /* a look puts right what is damaged beside it */
    enum lookup found = look_for_row(table, row_key, &value, error);
    *ret_shape = (struct row_shape){0};
    *ret_object = SPAN_EMPTY;
    if (found == LOOKUP_FOUND &&
        !row_open(row_key, span_of(value.mv_data, value.mv_size), ret_shape, ret_object, error))
        return LOOKUP_FAILED;
    if (found != LOOKUP_FAILED)
        remember(table, row_key, ret_shape);
    return found;
}

/* The same of the last row of a key that is to be written. One that is damaged counts as empty: but for a full piece it
 * leads on to no other keys, so that nothing else goes with it. */
static enum lookup find_last_row(const struct key_table *table, struct span row_key, struct row_shape *ret_shape,
                                 struct span *ret_object, struct error *error)
{
    enum lookup found = find_row(table, row_key, ret_shape, ret_object, error);
    if (found != LOOKUP_FAILED || error->kind != ERROR_DAMAGED || row_key.size == KEY_ROW_BYTES)
        return found;
    *ret_shape = (struct row_shape){0};
    *ret_object = SPAN_EMPTY;
    return LOOKUP_FOUND;
}

/* Writes a row, or removes it when nothing is left of it. */
static bool store_row(const struct key_table *table, struct span row_key, struct span object, uint64_t group,
                      struct error *error)
{
    MDB_val key = value_of(row_key);
    forget(table);
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

bool key_is_lost(const struct key_table *table, uint64_t group, struct span key, const struct error *error)
{
    struct row_shape shape = {.has_group = true, .group = group};
    struct span object;
    struct error later;
    for (; error->kind == ERROR_DAMAGED && shape.has_group; key = span_skip(key, KEY_PIECE_BYTES)) {
        struct row_key row_key;
        struct span piece = span_take(key, KEY_PIECE_BYTES);
        struct span name = make_row_key(&row_key, shape.group, piece);
        if (key.size == piece.size)
            return find_row(table, name, &shape, &object, &later) == LOOKUP_FAILED && later.kind == ERROR_DAMAGED &&
                   name.size < KEY_ROW_BYTES;
        if (find_row(table, name, &shape, &object, &later) != LOOKUP_FOUND)
            return false;
    }
    return false;
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
        key = span_skip(key, piece.size);
        if (key.size == 0 && recall(table, name, &shape))
            return store_row(table, name, object, shape.group, error);
        enum lookup found = key.size == 0 ? find_last_row(table, name, &shape, &present, error)
                                          : find_row(table, name, &shape, &present, error);
        if (found == LOOKUP_FAILED)
            return false;
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
    if (!catalogue_open_cursor(table->txn, table->table, &cursor, error))
        return false;
    struct row_key row_key;
    struct span first = make_row_key(&row_key, group, SPAN_EMPTY);
    MDB_val key;
    MDB_val value;
    int result = catalogue_seek(cursor, first, &key, &value);
    *ret_empty = result == MDB_NOTFOUND ||
                 (result == 0 && catalogue_is_sound(&key, &value) && /* a damaged row may be the group's */
                  !span_starts_with(span_of(key.mv_data, key.mv_size), first));
    mdb_cursor_close(cursor);
    return result == 0 || result == MDB_NOTFOUND || catalogue_failed(result, error, "look into a group");
}

static bool row_is_missing(struct error *error)
{
    return error_set(error, ERROR_DAMAGED, S3_InternalError, "A row of a long key is missing. Run `bale check`.");
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
        key = span_skip(key, piece.size);
        enum lookup found = key.size == 0 ? find_last_row(table, name, &shape, &object, error)
                                          : find_row(table, name, &shape, &object, error);
        if (found == LOOKUP_FAILED)
            return false;
        if (found == LOOKUP_MISSING || (key.size > 0 && !shape.has_group))
            return row_is_missing(error);
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
        enum lookup found = find_row(table, name, &shape, &object, error);
        if (found == LOOKUP_MISSING)
            return row_is_missing(error);
        if (found == LOOKUP_FAILED || !store_row(table, name, object, 0, error))
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
    cursor->tolerates_damage = false;
    cursor->is_damaged = false;
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

/* A damaged row: whether its key or its value is, and in which group it was, is not known. */
static enum lookup meet_damage(struct key_cursor *cursor, struct span row_key, struct error *error)
{
    if (!cursor->tolerates_damage) {
        error_set(error, ERROR_DAMAGED, S3_InternalError, "A row of the catalogue is damaged. Run `bale check`.");
        return LOOKUP_FAILED;
    }
    size_t start = (size_t)cursor->level * KEY_PIECE_BYTES;
    struct span piece = span_take(span_skip(row_key, KEY_GROUP_BYTES), KEY_PIECE_BYTES);
    if (piece.size > 0)
        memcpy(cursor->key + start, piece.data, piece.size);
    cursor->key_bytes = start + piece.size;
    cursor->shape = (struct row_shape){.has_object = true};
    cursor->object = SPAN_EMPTY;
    cursor->is_damaged = true;
    return LOOKUP_FOUND;
}

/* Takes over the row that the cursor of the current level has found. */
static enum lookup take_over(struct key_cursor *cursor, const MDB_val *key, const MDB_val *value, bool is_next,
                             struct error *error)
{
    size_t start = (size_t)cursor->level * KEY_PIECE_BYTES; /* of this level's piece within the key */
    struct span row_key = span_of(key->mv_data, key->mv_size);
    struct row_key group;
    struct span group_key = make_row_key(&group, cursor->groups[cursor->level], SPAN_EMPTY);
    bool follows_damage = cursor->is_damaged;
    cursor->is_damaged = false;
    if (!span_starts_with(row_key, group_key) || row_key.size > KEY_ROW_BYTES)
        return catalogue_is_sound(key, value) ? LOOKUP_MISSING : meet_damage(cursor, row_key, error);
    if (!row_open(row_key, span_of(value->mv_data, value->mv_size), &cursor->shape, &cursor->object, error))
        return error->kind == ERROR_DAMAGED ? meet_damage(cursor, row_key, error) : LOOKUP_FAILED;
    struct span found = span_skip(row_key, KEY_GROUP_BYTES);
    /* damage to LMDB's pages can lead a walk in circles */
    struct span before = span_of(cursor->key + start, cursor->key_bytes < start ? 0 : cursor->key_bytes - start);
    if (is_next && !follows_damage && span_compare(found, span_take(before, KEY_PIECE_BYTES)) <= 0)
        return walk_damaged(error);
    if (found.size > 0)
        memcpy(cursor->key + start, found.data, found.size);
    cursor->key_bytes = start + found.size;
    return LOOKUP_FOUND;
}

/* Moves the cursor of the current level (MDB_NEXT, or MDB_SET_RANGE to `piece`). LOOKUP_MISSING: the group ends. */
static enum lookup load(struct key_cursor *cursor, MDB_cursor_op operation, struct span piece, struct error *error)
{
    MDB_cursor **lmdb = &cursor->cursors[cursor->level];
    int result = *lmdb == NULL ? mdb_cursor_open(cursor->table.txn, cursor->table.table, lmdb) : 0;
    struct row_key row_key;
    MDB_val key;
    MDB_val value;
    if (result == 0)
        result =
            operation == MDB_NEXT
                ? mdb_cursor_get(*lmdb, &key, &value, MDB_NEXT)
                : catalogue_seek(*lmdb, make_row_key(&row_key, cursor->groups[cursor->level], piece), &key, &value);
    if (result == 0)
        return take_over(cursor, &key, &value, operation == MDB_NEXT, error);
    if (result == MDB_NOTFOUND)
        return LOOKUP_MISSING;
    catalogue_failed(result, error, "walk");
    return LOOKUP_FAILED;
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
    cursor->is_damaged = false;
    struct span piece = span_take(target, KEY_PIECE_BYTES);
    enum lookup loaded = load(cursor, MDB_SET_RANGE, piece, error);
    for (;;) {
        if (loaded != LOOKUP_FOUND || cursor->is_damaged)
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
