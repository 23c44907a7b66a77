/* store/embedded/catalogue/table.c -- what is kept in the tables: checked values, numbers, counters, rows of buckets.
 */
#include "codec/format/crc.h"
#include "runtime/base/byteorder.h"
#include "s3client/wire/s3_error.h"
#include "store/embedded/catalogue/seek.h"

#include <string.h>

enum { VALUE_CHECKSUM_BYTES = 4 };

/* A bucket's row; one of version 1 ends before the creation id, with zeros in front of the group. */
enum {
    BUCKET_ROW_VERSION = 2,
    AT_VERSIONING = 1,
    AT_HAS_LOCK = 2,
    AT_MODE = 3,
    AT_GROUP = 4,
    AT_CREATED = 12,
    AT_CREATION_ID = 20,
    AT_DAYS = 28,
    AT_YEARS = 32,
    BUCKET_FIXED_BYTES_1 = AT_CREATION_ID,
    BUCKET_FIXED_BYTES = 36,
};

/* ---- values ---- */

static MDB_val value_of_span(struct span span)
{
    return (MDB_val){.mv_size = span.size, .mv_data = (void *)(uintptr_t)span.data};
}

enum lookup catalogue_get(MDB_txn *txn, MDB_dbi table, struct span key, struct span *ret_value, struct error *error)
{
    MDB_val key_value = value_of_span(key);
    MDB_val value;
    bool met_damage;
    int result = catalogue_find(txn, table, key, &value, &met_damage);
    if (result == MDB_NOTFOUND)
        return catalogue_missed(met_damage, error);
    if (result != 0) {
        catalogue_failed(result, error, "get");
        return LOOKUP_FAILED;
    }
    return catalogue_check(&key_value, &value, ret_value, error) ? LOOKUP_FOUND : LOOKUP_FAILED;
}

/* *ret_room: for checksum and value. MDB_APPEND comes to MDB_KEYEXIST where a damaged key at the end is a greater one.
 */
static int reserve(MDB_txn *txn, MDB_dbi table, struct span key, size_t bytes, unsigned flags, MDB_val *ret_room)
{
    MDB_val key_value = value_of_span(key);
    *ret_room = (MDB_val){.mv_size = bytes};
    return mdb_put(txn, table, &key_value, ret_room, flags | MDB_RESERVE);
}

bool catalogue_put(MDB_txn *txn, MDB_dbi table, struct span key, struct span value, unsigned flags, struct error *error)
{
    const size_t bytes = VALUE_CHECKSUM_BYTES + value.size;
    MDB_val room;
    int result = MDB_KEYEXIST;
    if ((flags & MDB_APPEND) != 0)
        result = reserve(txn, table, key, bytes, flags, &room);
    if (result == MDB_KEYEXIST) {
        if (!catalogue_find_for_write(txn, table, key, NULL, error))
            return false;
        result = reserve(txn, table, key, bytes, flags & ~(unsigned)MDB_APPEND, &room);
    }
    if (result != 0)
        return catalogue_failed(result, error, "put");
    store_u32_le(room.mv_data, crc32c_update(crc32c_update(0, key), value));
    if (value.size > 0)
        memcpy((uint8_t *)room.mv_data + VALUE_CHECKSUM_BYTES, value.data, value.size);
    return true;
}

/* What LMDB's search does not find may be there all the same. */
static int delete_astray(MDB_txn *txn, MDB_dbi table, struct span key)
{
    MDB_cursor *cursor;
    MDB_val value;
    struct landing landing;
    int result = mdb_cursor_open(txn, table, &cursor);
    if (result != 0)
        return result;
    result = seek_sound(cursor, key, &value, &landing);
    if (result == 0)
        result = mdb_cursor_del(cursor, 0);
    mdb_cursor_close(cursor);
    return result;
}

bool catalogue_delete(MDB_txn *txn, MDB_dbi table, struct span key, struct error *error)
{
    MDB_val key_value = value_of_span(key);
    int result = mdb_del(txn, table, &key_value, NULL);
    if (result == MDB_NOTFOUND)
        result = delete_astray(txn, table, key);
    return result == 0 || result == MDB_NOTFOUND || catalogue_failed(result, error, "delete");
}

/* ---- values beside damaged ones ---- */

/* Over the row that the cursor stands on: LMDB searches for nothing. */
static bool put_there(MDB_cursor *cursor, struct span key, struct span value, struct error *error)
{
    MDB_val key_value = value_of_span(key);
    uint8_t checksum[VALUE_CHECKSUM_BYTES];
    struct buffer row;
    buffer_init(&row, 0);
    store_u32_le(checksum, crc32c_update(crc32c_update(0, key), value));
    buffer_append(&row, span_of(checksum, sizeof checksum));
    buffer_append(&row, value);
    MDB_val row_value = value_of_span(buffer_span(&row));
    int result = mdb_cursor_put(cursor, &key_value, &row_value, MDB_CURRENT);
    buffer_free(&row);
    return result == 0 || catalogue_failed(result, error, "put");
}

bool catalogue_put_beside(MDB_txn *txn, MDB_dbi table, struct span key, struct span value, struct error *error)
{
    MDB_cursor *cursor;
    if (!catalogue_open_cursor(txn, table, &cursor, error))
        return false;
    enum lookup found = catalogue_stand_on(cursor, key, error);
    bool done = found == LOOKUP_FOUND ? put_there(cursor, key, value, error)
                                      : found == LOOKUP_MISSING && catalogue_put(txn, table, key, value, 0, error);
    mdb_cursor_close(cursor);
    return done;
}

bool catalogue_delete_beside(MDB_txn *txn, MDB_dbi table, struct span key, struct error *error)
{
    MDB_cursor *cursor;
    if (!catalogue_open_cursor(txn, table, &cursor, error))
        return false;
    enum lookup found = catalogue_stand_on(cursor, key, error);
    int result = found == LOOKUP_FOUND ? mdb_cursor_del(cursor, 0) : 0;
    mdb_cursor_close(cursor);
    return found != LOOKUP_FAILED && (result == 0 || catalogue_failed(result, error, "delete"));
}

/* ---- numbers ---- */

void catalogue_number_key(uint64_t number, uint8_t ret_key[CATALOGUE_NUMBER_BYTES])
{
    store_u64_le(ret_key, __builtin_bswap64(number));
}

bool catalogue_next_number(MDB_txn *txn, MDB_dbi table, uint64_t *ret_number, struct error *error)
{
    MDB_cursor *cursor;
    if (!catalogue_open_cursor(txn, table, &cursor, error))
        return false;
    MDB_val key;
    MDB_val value;
    int result = mdb_cursor_get(cursor, &key, &value, MDB_LAST);
    uint64_t last = 0;
    bool is_behind_damage = false;
    for (; result == 0; result = mdb_cursor_get(cursor, &key, &value, MDB_PREV)) {
        if (key.mv_size == CATALOGUE_NUMBER_BYTES && load_u64_be(key.mv_data) > last)
            last = load_u64_be(key.mv_data);
        if (catalogue_is_sound(&key, &value))
            break;
        is_behind_damage = true; /* its number was greater than that of the sound row before it */
    }
    mdb_cursor_close(cursor);
    *ret_number = last + 1 + (is_behind_damage ? CATALOGUE_NUMBERS_LEFT_OUT : 0);
    return result == 0 || result == MDB_NOTFOUND || catalogue_failed(result, error, "find the last number");
}

bool catalogue_get_counter(MDB_txn *txn, const struct catalogue *catalogue, const char *name, uint64_t missing,
                           uint64_t *ret_value, struct error *error)
{
    struct span value;
    enum lookup found = catalogue_get(txn, catalogue->meta, span_from_string(name), &value, error);
    *ret_value = found == LOOKUP_FOUND && value.size == 8 ? load_u64_le(value.data) : missing;
    return found != LOOKUP_FAILED;
}

bool catalogue_put_counter(MDB_txn *txn, const struct catalogue *catalogue, const char *name, uint64_t value,
                           struct error *error)
{
    struct span key = span_from_string(name);
    MDB_val key_value = value_of_span(key);
    MDB_val there;
    uint8_t bytes[8];
    store_u64_le(bytes, value);
    if (mdb_get(txn, catalogue->meta, &key_value, &there) == 0) /* its own, damaged or not: no two names are alike */
        return catalogue_put(txn, catalogue->meta, key, span_of(bytes, sizeof bytes), 0, error);
    return catalogue_put_beside(txn, catalogue->meta, key, span_of(bytes, sizeof bytes), error);
}

/* ---- buckets ---- */

static bool decode_lock(const uint8_t *fixed, struct bucket_info *info)
{
    info->versioning = (enum bucket_versioning)fixed[AT_VERSIONING];
    info->has_lock = fixed[AT_HAS_LOCK] != 0;
    info->creation_id = load_u64_le(fixed + AT_CREATION_ID);
    info->retention = (struct default_retention){(enum lock_mode)fixed[AT_MODE], load_u32_le(fixed + AT_DAYS),
                                                 load_u32_le(fixed + AT_YEARS)};
    return fixed[AT_VERSIONING] <= VERSIONING_SUSPENDED && fixed[AT_HAS_LOCK] <= 1 && fixed[AT_MODE] <= LOCK_COMPLIANCE;
}

bool catalogue_decode_bucket(struct span name, struct span value, struct bucket_row *ret_row)
{
    uint8_t version = value.size > 0 ? value.data[0] : 0;
    size_t fixed_bytes = version == 1 ? BUCKET_FIXED_BYTES_1 : BUCKET_FIXED_BYTES;
    if (name.size > BUCKET_NAME_BYTES_MAX || version < 1 || version > BUCKET_ROW_VERSION || value.size < fixed_bytes ||
        value.size - fixed_bytes > ACCOUNT_ID_BYTES_MAX)
        return false;
    *ret_row = (struct bucket_row){.number = load_u64_le(value.data + AT_GROUP)};
    struct bucket_info *info = &ret_row->info;
    info->creation_id = ret_row->number;
    info->created_ms = (int64_t)load_u64_le(value.data + AT_CREATED);
    memcpy(info->name, name.data, name.size);
    struct span owner = span_skip(value, fixed_bytes);
    if (owner.size > 0)
        memcpy(info->owner, owner.data, owner.size);
    return version == 1 || decode_lock(value.data, info);
}

enum lookup catalogue_find_bucket(MDB_txn *txn, const struct catalogue *catalogue, struct span name,
                                  struct bucket_row *ret_row, struct error *error)
{
    struct span value;
    enum lookup found = catalogue_get(txn, catalogue->buckets, name, &value, error);
    if (found == LOOKUP_FOUND && !catalogue_decode_bucket(name, value, ret_row)) {
        error_set(error, ERROR_DAMAGED, S3_InternalError, "The row of bucket %.*s is damaged. Run `bale check`.",
                  SPAN_FORMAT(name));
        return LOOKUP_FAILED;
    }
    return found;
}

bool catalogue_need_bucket(MDB_txn *txn, const struct catalogue *catalogue, struct span name,
                           struct bucket_row *ret_row, struct error *error)
{
    enum lookup found = catalogue_find_bucket(txn, catalogue, name, ret_row, error);
    if (found == LOOKUP_MISSING)
        error_set(error, ERROR_NOT_FOUND, S3_NoSuchBucket, "The specified bucket does not exist.");
    return found == LOOKUP_FOUND;
}

bool catalogue_put_bucket(MDB_txn *txn, const struct catalogue *catalogue, const struct bucket_row *row,
                          struct error *error)
{
    const struct bucket_info *info = &row->info;
    uint8_t value[BUCKET_FIXED_BYTES + ACCOUNT_ID_BYTES_MAX] = {BUCKET_ROW_VERSION};
    value[AT_VERSIONING] = (uint8_t)info->versioning;
    value[AT_HAS_LOCK] = info->has_lock;
    value[AT_MODE] = (uint8_t)info->retention.mode;
    store_u64_le(value + AT_GROUP, row->number);
    store_u64_le(value + AT_CREATED, (uint64_t)info->created_ms);
    store_u64_le(value + AT_CREATION_ID, info->creation_id);
    store_u32_le(value + AT_DAYS, info->retention.days);
    store_u32_le(value + AT_YEARS, info->retention.years);
    size_t owner_bytes = strlen(row->info.owner);
    memcpy(value + BUCKET_FIXED_BYTES, row->info.owner, owner_bytes);
    return catalogue_put_beside(txn, catalogue->buckets, span_from_string(row->info.name),
                                span_of(value, BUCKET_FIXED_BYTES + owner_bytes), error);
}
