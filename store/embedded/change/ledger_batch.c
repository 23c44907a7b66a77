/* store/embedded/change/ledger_batch.c -- the store's spool inside the committer's transaction. */
#include "store/embedded/change/ledger_batch.h"

#include "runtime/base/assert.h"
#include "s3client/wire/s3_error.h"
#include "store/embedded/ledger/spool_rows.h"
#include "store/embedded/state.h"

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
        return found == LOOKUP_MISSING ? spool_damaged(error) : false;
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
    spool_record_key(store->spool_id, batch->numbers.spool_record, line->creation_id, bytes);
    struct span key = span_of(bytes, sizeof bytes);
    struct span value;
    struct spool_amounts sum;
    MDB_val lmdb_key = {.mv_size = key.size, .mv_data = bytes};
    MDB_val found;
    if (!catalogue_find_for_write(batch->txn, catalogue->spool_records, key, &found, error))
        return false;
    if (found.mv_data == NULL) {
        batch->numbers.spool_buckets++;
        return spool_write_amounts(batch->txn, catalogue, key, line, error);
    }
    if (!catalogue_check(&lmdb_key, &found, &value, error))
        return false;
    if (!spool_decode_amounts(key, value, &sum))
        return spool_damaged(error);
    ledger_amounts_add(&sum.amounts, &line->amounts);
    sum.bucket = line->bucket; /* the other one may move with the write */
    if (!ledger_amounts_are_zero(&sum.amounts))
        return spool_write_amounts(batch->txn, catalogue, key, &sum, error);
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

bool ledger_trim(struct batch *batch, struct change *change, struct error *error)
{
    const struct catalogue *catalogue = &batch->store->catalogue;
    struct spool_row row;
    enum lookup found = spool_find(batch->txn, catalogue, change->spool.id, &row, error);
    if (found != LOOKUP_FOUND)
        return found == LOOKUP_MISSING;
    if (change->spool.record > row.last_frozen)
        return error_set(error, ERROR_INVALID, NULL, "Only frozen records of a spool may be trimmed.");
    return spool_delete_records(batch->txn, catalogue, change->spool.id, change->spool.record, error) ||
           batch_broken(batch);
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
    return !is_damaged || spool_damaged(error);
}

bool ledger_doubt(struct batch *batch, struct change *change, struct error *error)
{
    (void)change;
    return catalogue_put_counter(batch->txn, &batch->store->catalogue, "ledger_doubt", 1, error) || batch_broken(batch);
}

/* Records of which the journal's state has lost those before: it will never take them. The spool stays, as one that
 * never froze any, until the journal's sender has closed and removed it. */
static bool empty_spools(struct batch *batch, struct span ids, struct error *error)
{
    const struct embedded_store *store = batch->store;
    for (; ids.size >= SPOOL_ID_BYTES; ids = span_skip(ids, SPOOL_ID_BYTES)) {
        struct spool_row row;
        ASSERT(memcmp(ids.data, store->spool_id, SPOOL_ID_BYTES) != 0);
        if (!spool_delete_records(batch->txn, &store->catalogue, ids.data, UINT64_MAX, error))
            return false;
        enum lookup found = spool_find(batch->txn, &store->catalogue, ids.data, &row, error);
        row.last_frozen = 0;
        if (found == LOOKUP_FAILED ||
            (found == LOOKUP_FOUND && !spool_put(batch->txn, &store->catalogue, ids.data, &row, error)))
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
    return (ledger_add_all(batch, correction->amounts, error) && empty_spools(batch, correction->emptied, error) &&
            catalogue_put_counter(batch->txn, catalogue, "recounts", recounts + 1, error) &&
            catalogue_delete(batch->txn, catalogue->meta, SPAN("ledger_doubt"), error)) ||
           batch_broken(batch);
}
