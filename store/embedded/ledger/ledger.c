/* store/embedded/ledger/ledger.c -- the store's spool inside the committer's transaction. */
#include "store/embedded/ledger/ledger.h"

#include "runtime/base/assert.h"
#include "runtime/base/byteorder.h"
#include "s3client/wire/s3_error.h"
#include "store/embedded/commit/batch.h"
#include "store/embedded/store.h"

enum { SPOOL_ROW_BYTES = 24, SPOOL_ROW_VERSION = 1, AMOUNTS_BYTES = 24 };

/* ---- rows ---- */

static void make_record_key(const uint8_t id[SPOOL_ID_BYTES], uint64_t record, uint64_t creation_id,
                            uint8_t ret_key[SPOOL_RECORD_KEY_BYTES])
{
    memcpy(ret_key, id, SPOOL_ID_BYTES);
    catalogue_number_key(record, ret_key + SPOOL_ID_BYTES);
    catalogue_number_key(creation_id, ret_key + SPOOL_ID_BYTES + 8);
}

static bool damaged(struct error *error)
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
        damaged(error);
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

/* i64 * 3, name */
bool spool_decode_amounts(struct span key, struct span value, struct spool_amounts *ret_amounts)
{
    if (key.size != SPOOL_RECORD_KEY_BYTES || value.size <= AMOUNTS_BYTES ||
        value.size - AMOUNTS_BYTES > BUCKET_NAME_BYTES_MAX)
        return false;
    ret_amounts->bucket = span_skip(value, AMOUNTS_BYTES);
    ret_amounts->creation_id = load_u64_be(key.data + SPOOL_ID_BYTES + 8);
    ret_amounts->amounts.objects = (int64_t)load_u64_le(value.data);
    ret_amounts->amounts.original_bytes = (int64_t)load_u64_le(value.data + 8);
    ret_amounts->amounts.stored_bytes = (int64_t)load_u64_le(value.data + 16);
    return true;
}

static bool put_amounts(MDB_txn *txn, const struct catalogue *catalogue, struct span key,
                        const struct spool_amounts *amounts, struct error *error)
{
    uint8_t value[AMOUNTS_BYTES + BUCKET_NAME_BYTES_MAX];
    store_u64_le(value, (uint64_t)amounts->amounts.objects);
    store_u64_le(value + 8, (uint64_t)amounts->amounts.original_bytes);
    store_u64_le(value + 16, (uint64_t)amounts->amounts.stored_bytes);
    memcpy(value + AMOUNTS_BYTES, amounts->bucket.data, amounts->bucket.size);
    return catalogue_put(txn, catalogue->spool_records, key, span_of(value, AMOUNTS_BYTES + amounts->bucket.size), 0,
                         error);
}

/* To the first row of the spool at or behind `record`; damaged ones are met as well, which the next opening drops. */
static int seek_record(MDB_cursor *cursor, const uint8_t id[SPOOL_ID_BYTES], uint64_t record, MDB_val *ret_key,
                       MDB_val *ret_value)
{
    uint8_t first[SPOOL_RECORD_KEY_BYTES];
    make_record_key(id, record, 0, first);
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
    int result = mdb_cursor_open(txn, catalogue->spool_records, &cursor);
    if (result != 0)
        return catalogue_failed(result, error, "open a cursor");
    result = seek_record(cursor, id, record, &key, &value);
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
    int result = mdb_cursor_open(txn, catalogue->spool_records, &cursor);
    if (result != 0)
        return catalogue_failed(result, error, "open a cursor");
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
               (spool_decode_amounts(span_of(key.mv_data, key.mv_size), bytes, &amounts) || damaged(error)) &&
               each(context, &amounts);
    }
    mdb_cursor_close(cursor);
    return done && (result == 0 || result == MDB_NOTFOUND || catalogue_failed(result, error, "read a spool"));
}

/* ---- the open record ---- */

/* The spool appears with its first amounts: a process that adds none leaves nothing behind. */
static bool need_own_spool(struct batch *batch, struct error *error)
{
    const struct embedded_store *store = batch->store;
    if (batch->numbers.spool_record != 0)
        return true;
    batch->numbers.spool_record = 1;
    const struct spool_row row = {.created_ms = clock_wall_ms(store->options.clock)};
    return spool_put(batch->txn, &store->catalogue, store->spool_id, &row, error);
}

static bool freeze_own(struct batch *batch, struct error *error)
{
    const struct embedded_store *store = batch->store;
    struct spool_row row;
    enum lookup found = spool_find(batch->txn, &store->catalogue, store->spool_id, &row, error);
    if (found != LOOKUP_FOUND)
        return found == LOOKUP_MISSING ? damaged(error) : false;
    row.last_frozen = batch->numbers.spool_record++;
    batch->numbers.spool_buckets = 0;
    return spool_put(batch->txn, &store->catalogue, store->spool_id, &row, error);
}

static bool write_line(struct batch *batch, const struct spool_amounts *line, struct error *error)
{
    const struct embedded_store *store = batch->store;
    const struct catalogue *catalogue = &store->catalogue;
    if (ledger_amounts_are_zero(&line->amounts))
        return true;
    if (!need_own_spool(batch, error) ||
        (batch->numbers.spool_buckets == SPOOL_RECORD_BUCKETS_MAX && !freeze_own(batch, error)))
        return false;
    uint8_t bytes[SPOOL_RECORD_KEY_BYTES];
    make_record_key(store->spool_id, batch->numbers.spool_record, line->creation_id, bytes);
    struct span key = span_of(bytes, sizeof bytes);
    struct span value;
    struct spool_amounts sum;
    MDB_val lmdb_key = {.mv_size = key.size, .mv_data = bytes};
    MDB_val found;
    if (!catalogue_find_for_write(batch->txn, catalogue->spool_records, key, &found, error))
        return false;
    if (found.mv_data == NULL) {
        batch->numbers.spool_buckets++;
        return put_amounts(batch->txn, catalogue, key, line, error);
    }
    if (!catalogue_check(&lmdb_key, &found, &value, error))
        return false;
    if (!spool_decode_amounts(key, value, &sum))
        return damaged(error);
    ledger_amounts_add(&sum.amounts, &line->amounts);
    sum.bucket = line->bucket; /* the other one may move with the write */
    if (!ledger_amounts_are_zero(&sum.amounts))
        return put_amounts(batch->txn, catalogue, key, &sum, error);
    batch->numbers.spool_buckets--;
    return catalogue_delete(batch->txn, catalogue->spool_records, key, error);
}

bool ledger_write(struct batch *batch, struct error *error)
{
    struct ledger_lines *lines = &batch->ledger;
    for (unsigned i = 0; i < lines->count; i++) {
        if (!write_line(batch, &lines->lines[i], error))
            return false;
    }
    lines->count = 0;
    return true;
}

bool ledger_add(struct batch *batch, struct span bucket, uint64_t creation_id, const struct ledger_amounts *amounts,
                struct error *error)
{
    struct ledger_lines *lines = &batch->ledger;
    if (ledger_is_system_bucket(bucket) || batch->store->folder.is_raw)
        return true;
    for (unsigned i = 0; i < lines->count; i++) {
        if (lines->lines[i].creation_id == creation_id) {
            ledger_amounts_add(&lines->lines[i].amounts, amounts);
            return true;
        }
    }
    if (lines->count == LEDGER_LINES_MAX && !ledger_write(batch, error))
        return false;
    lines->lines[lines->count++] = (struct spool_amounts){bucket, creation_id, *amounts};
    return true;
}

/* ---- changes ---- */

bool ledger_freeze(struct batch *batch, struct change *change, struct error *error)
{
    catalogue_check_readers(&batch->store->catalogue); /* a snapshot's process may have been killed */
    if (!ledger_write(batch, error) || (batch->numbers.spool_buckets > 0 && !freeze_own(batch, error)))
        return batch_broken(batch);
    change->spool.last = batch->numbers.spool_record == 0 ? 0 : batch->numbers.spool_record - 1;
    return true;
}

static bool delete_records(MDB_txn *txn, const struct catalogue *catalogue, const uint8_t id[SPOOL_ID_BYTES],
                           uint64_t last, struct error *error)
{
    MDB_cursor *cursor;
    MDB_val key;
    MDB_val value;
    int result = mdb_cursor_open(txn, catalogue->spool_records, &cursor);
    if (result != 0)
        return catalogue_failed(result, error, "open a cursor");
    uint64_t record;
    result = seek_record(cursor, id, 0, &key, &value);
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

bool ledger_trim(struct batch *batch, struct change *change, struct error *error)
{
    const struct catalogue *catalogue = &batch->store->catalogue;
    struct spool_row row;
    enum lookup found = spool_find(batch->txn, catalogue, change->spool.id, &row, error);
    if (found != LOOKUP_FOUND)
        return found == LOOKUP_MISSING;
    if (change->spool.record > row.last_frozen)
        return error_set(error, ERROR_INVALID, NULL, "Only frozen records of a spool may be trimmed.");
    return delete_records(batch->txn, catalogue, change->spool.id, change->spool.record, error) || batch_broken(batch);
}

bool ledger_remove(struct batch *batch, struct change *change, struct error *error)
{
    const struct embedded_store *store = batch->store;
    uint64_t record;
    if (memcmp(change->spool.id, store->spool_id, SPOOL_ID_BYTES) == 0)
        return error_set(error, ERROR_INVALID, NULL, "The own spool stays as long as its process.");
    if (!spool_first_record(batch->txn, &store->catalogue, change->spool.id, 0, &record, error))
        return false;
    if (record != 0)
        return error_set(error, ERROR_CONFLICT, NULL, "A spool that holds records cannot be removed.");
    return catalogue_delete(batch->txn, store->catalogue.spools, span_of(change->spool.id, SPOOL_ID_BYTES), error) ||
           batch_broken(batch);
}

bool ledger_add_all(struct batch *batch, struct span encoded, struct error *error)
{
    struct spool_amounts amounts;
    bool is_damaged;
    while (spool_take_amounts(&encoded, &amounts, &is_damaged)) {
        if (!ledger_add(batch, amounts.bucket, amounts.creation_id, &amounts.amounts, error))
            return false;
    }
    return !is_damaged || damaged(error);
}

/* Records of which the journal's state has lost those before: it will never take them. */
static bool drop_spools(struct batch *batch, struct span ids, struct error *error)
{
    const struct embedded_store *store = batch->store;
    for (; ids.size >= SPOOL_ID_BYTES; ids = span_skip(ids, SPOOL_ID_BYTES)) {
        ASSERT(memcmp(ids.data, store->spool_id, SPOOL_ID_BYTES) != 0);
        if (!delete_records(batch->txn, &store->catalogue, ids.data, UINT64_MAX, error) ||
            !catalogue_delete(batch->txn, store->catalogue.spools, span_take(ids, SPOOL_ID_BYTES), error))
            return false;
    }
    return true;
}

bool ledger_correct(struct batch *batch, struct change *change, struct error *error)
{
    const struct catalogue *catalogue = &batch->store->catalogue;
    const struct embedded_correction *correction = change->correction;
    uint64_t recounts;
    if (!catalogue_get_counter(batch->txn, catalogue, "recounts", 0, &recounts, error))
        return false;
    if (recounts != correction->recounts)
        return error_set(error, ERROR_CONFLICT, S3_InternalError, "Somebody else counted the ledger anew meanwhile.");
    return (ledger_add_all(batch, correction->amounts, error) && drop_spools(batch, correction->dropped, error) &&
            catalogue_put_counter(batch->txn, catalogue, "recounts", recounts + 1, error) &&
            catalogue_delete(batch->txn, catalogue->meta, SPAN("ledger_doubt"), error)) ||
           batch_broken(batch);
}
