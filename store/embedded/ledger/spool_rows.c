/* store/embedded/ledger/spool_rows.c -- rows of spools and of their records, as bytes and as members. */
#include "store/embedded/ledger/spool_rows.h"

#include "runtime/base/byteorder.h"
#include "s3client/wire/s3_error.h"

enum { SPOOL_ROW_BYTES = 24, SPOOL_ROW_VERSION = 1, AMOUNTS_BYTES = 24, FORMER_AMOUNTS_BYTES = 49 };

void spool_record_key(const uint8_t id[SPOOL_ID_BYTES], uint64_t record, uint64_t creation_id,
                      uint8_t ret_key[SPOOL_RECORD_KEY_BYTES])
{
    memcpy(ret_key, id, SPOOL_ID_BYTES);
    catalogue_number_key(record, ret_key + SPOOL_ID_BYTES);
    catalogue_number_key(creation_id, ret_key + SPOOL_ID_BYTES + 8);
}

bool spool_damaged(struct error *error)
{
    return error_set(error, ERROR_DAMAGED, S3_InternalError,
                     "A row of the ledger's spool is damaged. Run `bale check`.");
}

/* version u8, zero u8 * 7, created u64, last frozen u64 */
enum lookup spool_find(MDB_txn *txn, const struct catalogue *catalogue, const uint8_t id[SPOOL_ID_BYTES],
                       struct spool_row *ret_row, struct error *error)
{
    struct span value;
    enum lookup found = catalogue_get(txn, catalogue->spools, span_of(id, SPOOL_ID_BYTES), &value, error);
    if (found != LOOKUP_FOUND)
        return found;
    if (value.size != SPOOL_ROW_BYTES || value.data[0] != SPOOL_ROW_VERSION) {
        spool_damaged(error);
        return LOOKUP_FAILED;
    }
    *ret_row = (struct spool_row){(int64_t)load_u64_le(value.data + 8), load_u64_le(value.data + 16)};
    return LOOKUP_FOUND;
}

bool spool_put(MDB_txn *txn, const struct catalogue *catalogue, const uint8_t id[SPOOL_ID_BYTES],
               const struct spool_row *row, struct error *error)
{
    uint8_t value[SPOOL_ROW_BYTES] = {SPOOL_ROW_VERSION};
    store_u64_le(value + 8, (uint64_t)row->created_ms);
    store_u64_le(value + 16, row->last_frozen);
    return catalogue_put(txn, catalogue->spools, span_of(id, SPOOL_ID_BYTES), span_of(value, sizeof value), 0, error);
}

/* i64 * 3, name; with former versions: i64 * 3, a zero, with which no name begins, i64 * 3, name */
bool spool_decode_amounts(struct span key, struct span value, struct spool_amounts *ret_amounts)
{
    struct ledger_amounts *amounts = &ret_amounts->amounts;
    bool has_former = value.size > FORMER_AMOUNTS_BYTES && value.data[AMOUNTS_BYTES] == 0;
    size_t fixed_bytes = has_former ? FORMER_AMOUNTS_BYTES : AMOUNTS_BYTES;
    if (key.size != SPOOL_RECORD_KEY_BYTES || value.size <= fixed_bytes ||
        value.size - fixed_bytes > BUCKET_NAME_BYTES_MAX)
        return false;
    ret_amounts->bucket = span_skip(value, fixed_bytes);
    ret_amounts->creation_id = load_u64_be(key.data + SPOOL_ID_BYTES + 8);
    *amounts = (struct ledger_amounts){(int64_t)load_u64_le(value.data), (int64_t)load_u64_le(value.data + 8),
                                       (int64_t)load_u64_le(value.data + 16)};
    if (has_former) {
        const uint8_t *former = value.data + AMOUNTS_BYTES + 1;
        amounts->former_versions = (int64_t)load_u64_le(former);
        amounts->former_original_bytes = (int64_t)load_u64_le(former + 8);
        amounts->former_stored_bytes = (int64_t)load_u64_le(former + 16);
    }
    return true;
}

bool spool_write_amounts(MDB_txn *txn, const struct catalogue *catalogue, struct span key,
                         const struct spool_amounts *amounts, struct error *error)
{
    const struct ledger_amounts *sums = &amounts->amounts;
    uint8_t value[FORMER_AMOUNTS_BYTES + BUCKET_NAME_BYTES_MAX] = {0};
    uint8_t *former = value + AMOUNTS_BYTES + 1;
    bool has_former = sums->former_versions != 0 || sums->former_original_bytes != 0 || sums->former_stored_bytes != 0;
    size_t fixed_bytes = has_former ? FORMER_AMOUNTS_BYTES : AMOUNTS_BYTES;
    store_u64_le(value, (uint64_t)sums->objects);
    store_u64_le(value + 8, (uint64_t)sums->original_bytes);
    store_u64_le(value + 16, (uint64_t)sums->stored_bytes);
    store_u64_le(former, (uint64_t)sums->former_versions);
    store_u64_le(former + 8, (uint64_t)sums->former_original_bytes);
    store_u64_le(former + 16, (uint64_t)sums->former_stored_bytes);
    memcpy(value + fixed_bytes, amounts->bucket.data, amounts->bucket.size);
    return catalogue_put(txn, catalogue->spool_records, key, span_of(value, fixed_bytes + amounts->bucket.size), 0,
                         error);
}

/* To the first row of the spool at or behind `record`; damaged ones are met as well, which the next opening drops. */
static int seek_record(MDB_cursor *cursor, const uint8_t id[SPOOL_ID_BYTES], uint64_t record, MDB_val *ret_key,
                       MDB_val *ret_value)
{
    uint8_t first[SPOOL_RECORD_KEY_BYTES];
    spool_record_key(id, record, 0, first);
    return catalogue_seek(cursor, span_of(first, sizeof first), ret_key, ret_value);
}

static bool is_of_spool(const MDB_val *key, const uint8_t id[SPOOL_ID_BYTES], uint64_t *ret_record)
{
    if (key->mv_size != SPOOL_RECORD_KEY_BYTES || memcmp(key->mv_data, id, SPOOL_ID_BYTES) != 0)
        return false;
    *ret_record = load_u64_be((const uint8_t *)key->mv_data + SPOOL_ID_BYTES);
    return true;
}

bool spool_first_record(MDB_txn *txn, const struct catalogue *catalogue, const uint8_t id[SPOOL_ID_BYTES],
                        uint64_t record, uint64_t *ret_record, struct error *error)
{
    MDB_cursor *cursor;
    MDB_val key;
    MDB_val value;
    *ret_record = 0;
    if (!catalogue_open_cursor(txn, catalogue->spool_records, &cursor, error))
        return false;
    int result = seek_record(cursor, id, record, &key, &value);
    while (result == 0 &&
           (!catalogue_is_sound(&key, &value) || (is_of_spool(&key, id, ret_record) && *ret_record < record)))
        result = mdb_cursor_get(cursor, &key, &value, MDB_NEXT);
    if (result != 0 || !is_of_spool(&key, id, ret_record))
        *ret_record = 0;
    mdb_cursor_close(cursor);
    return result == 0 || result == MDB_NOTFOUND || catalogue_failed(result, error, "look into a spool");
}

bool spool_each_bucket(MDB_txn *txn, const struct catalogue *catalogue, const uint8_t id[SPOOL_ID_BYTES],
                       uint64_t record, spool_each *each, void *context, struct error *error)
{
    MDB_cursor *cursor;
    MDB_val key;
    MDB_val value;
    int result;
    if (!catalogue_open_cursor(txn, catalogue->spool_records, &cursor, error))
        return false;
    bool done = true;
    uint64_t found;
    for (result = seek_record(cursor, id, record, &key, &value); done && result == 0;
         result = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) {
        struct span bytes;
        struct spool_amounts amounts;
        bool is_of_record = is_of_spool(&key, id, &found) && found == record;
        if (!is_of_record && catalogue_is_sound(&key, &value) && !(is_of_spool(&key, id, &found) && found < record))
            break;
        if (!is_of_record)
            continue; /* damaged, and of another record as far as can be told; or what comes behind such a one */
        done = catalogue_check(&key, &value, &bytes, error) &&
               (spool_decode_amounts(span_of(key.mv_data, key.mv_size), bytes, &amounts) || spool_damaged(error)) &&
               each(context, &amounts);
    }
    mdb_cursor_close(cursor);
    return done && (result == 0 || result == MDB_NOTFOUND || catalogue_failed(result, error, "read a spool"));
}

bool spool_delete_records(MDB_txn *txn, const struct catalogue *catalogue, const uint8_t id[SPOOL_ID_BYTES],
                          uint64_t last, struct error *error)
{
    MDB_cursor *cursor;
    MDB_val key;
    MDB_val value;
    if (!catalogue_open_cursor(txn, catalogue->spool_records, &cursor, error))
        return false;
    uint64_t record;
    int result = seek_record(cursor, id, 0, &key, &value);
    while (result == 0) {
        bool goes = is_of_spool(&key, id, &record) && record <= last;
        if (!goes && catalogue_is_sound(&key, &value))
            break;
        if (goes)
            result = mdb_cursor_del(cursor, 0);
        if (result == 0)
            result = mdb_cursor_get(cursor, &key, &value, MDB_NEXT);
    }
    mdb_cursor_close(cursor);
    return result == 0 || result == MDB_NOTFOUND || catalogue_failed(result, error, "trim a spool");
}
