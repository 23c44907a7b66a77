/* store/embedded/ledger/ledger_spool.c -- the spool as journal/ sees it, and what a recount needs. */
#include "runtime/base/assert.h"
#include "store/embedded/ledger/ledger_count.h"
#include "store/embedded/ledger/spool_rows.h"
#include "store/embedded/queue/committer.h"
#include "store/embedded/shard/shard.h"
#include "store/embedded/state.h"

#include <stdlib.h>

static struct embedded_store *store_of(struct spool *spool)
{
    return (struct embedded_store *)(void *)((uint8_t *)spool - offsetof(struct embedded_store, spool));
}

struct spool *embedded_spool(struct bucket_store *store)
{
    return &embedded_of(store)->spool;
}

/* ---- reading ---- */

static bool describe(struct embedded_store *store, MDB_txn *txn, const uint8_t id[SPOOL_ID_BYTES],
                     struct spool_info *ret_info, struct error *error)
{
    const struct catalogue *catalogue = &store->catalogue;
    struct spool_row row;
    uint64_t open;
    if (spool_find(txn, catalogue, id, &row, error) != LOOKUP_FOUND ||
        !spool_first_record(txn, catalogue, id, 0, &ret_info->first, error) ||
        !spool_first_record(txn, catalogue, id, row.last_frozen + 1, &open, error))
        return false;
    memcpy(ret_info->id, id, SPOOL_ID_BYTES);
    const struct embedded_store *owner = store->origin != NULL ? store->origin : store;
    ret_info->is_own = owner->snapshot == NULL && memcmp(id, owner->spool_id, SPOOL_ID_BYTES) == 0;
    ret_info->created_ms = row.created_ms;
    ret_info->last_frozen = row.last_frozen;
    ret_info->has_open = open != 0;
    return true;
}

static int oldest_first(const void *a, const void *b)
{
    const struct spool_info *left = a;
    const struct spool_info *right = b;
    if (left->created_ms != right->created_ms)
        return left->created_ms < right->created_ms ? -1 : 1;
    return memcmp(left->id, right->id, SPOOL_ID_BYTES);
}

static bool list_in(struct embedded_store *store, MDB_txn *txn, struct buffer *ret_infos, struct error *error)
{
    MDB_cursor *cursor;
    MDB_val key;
    MDB_val value;
    size_t start = ret_infos->size;
    int result;
    if (!catalogue_open_cursor(txn, store->catalogue.spools, &cursor, error))
        return false;
    bool done = true;
    while (done && (result = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) == 0) {
        struct spool_info info = {0};
        if (!catalogue_is_sound(&key, &value))
            continue; /* the next opening makes it anew from its records */
        done = key.mv_size == SPOOL_ID_BYTES ? describe(store, txn, key.mv_data, &info, error) : spool_damaged(error);
        if (done)
            buffer_append(ret_infos, span_of(&info, sizeof info));
    }
    mdb_cursor_close(cursor);
    if (done && ret_infos->size > start)
        qsort(ret_infos->data + start, (ret_infos->size - start) / sizeof(struct spool_info), sizeof(struct spool_info),
              oldest_first);
    return done && (result == MDB_NOTFOUND || catalogue_failed(result, error, "list spools"));
}

static bool list_spools(struct spool *spool, struct buffer *ret_infos, struct error *error)
{
    struct embedded_store *store = store_of(spool);
    MDB_txn *txn;
    if (!store_begin_read(store, &txn, error))
        return false;
    bool done = list_in(store, txn, ret_infos, error);
    store_end_read(store, txn);
    return done;
}

static bool append_bucket(void *context, const struct spool_amounts *amounts)
{
    spool_put_amounts(context, amounts);
    return true;
}

static bool read_record(struct spool *spool, const uint8_t id[SPOOL_ID_BYTES], uint64_t record,
                        struct buffer *ret_amounts, struct error *error)
{
    struct embedded_store *store = store_of(spool);
    MDB_txn *txn;
    size_t start = ret_amounts->size;
    if (!store_begin_read(store, &txn, error))
        return false;
    bool done = spool_each_bucket(txn, &store->catalogue, id, record, append_bucket, ret_amounts, error);
    store_end_read(store, txn);
    if (done && ret_amounts->size == start && !ret_amounts->overflow)
        return error_set(error, ERROR_NOT_FOUND, NULL, "The spool has no record %llu.", (unsigned long long)record);
    return done;
}

/* ---- changing ---- */

static SUSPENDS bool commit(struct spool *spool, struct change *change, struct error *error)
{
    struct embedded_store *store = store_of(spool);
    if (store->snapshot != NULL)
        return error_set(error, ERROR_UNSUPPORTED, NULL, "A snapshot's spool can only be read.");
    return committer_commit(shard_current(store), change, error);
}

static SUSPENDS bool freeze(struct spool *spool, uint64_t *ret_last, struct error *error)
{
    struct change change = {.kind = CHANGE_FREEZE_SPOOL};
    if (!commit(spool, &change, error))
        return false;
    *ret_last = change.spool.last;
    return true;
}

static SUSPENDS bool trim(struct spool *spool, const uint8_t id[SPOOL_ID_BYTES], uint64_t record, struct error *error)
{
    struct change change = {.kind = CHANGE_TRIM_SPOOL, .spool = {.id = id, .record = record}};
    return commit(spool, &change, error);
}

static SUSPENDS bool remove_spool(struct spool *spool, const uint8_t id[SPOOL_ID_BYTES], struct error *error)
{
    struct change change = {.kind = CHANGE_REMOVE_SPOOL, .spool = {.id = id}};
    return commit(spool, &change, error);
}

static SUSPENDS bool doubt(struct spool *spool, struct error *error)
{
    struct change change = {.kind = CHANGE_DOUBT_LEDGER};
    return commit(spool, &change, error);
}

static bool is_in_doubt(struct spool *spool, bool *ret_is_in_doubt, struct error *error)
{
    struct embedded_store *store = store_of(spool);
    MDB_txn *txn;
    uint64_t doubted = 0;
    if (!store_begin_read(store, &txn, error))
        return false;
    bool done = catalogue_get_counter(txn, &store->catalogue, "ledger_doubt", 0, &doubted, error);
    store_end_read(store, txn);
    *ret_is_in_doubt = doubted != 0;
    return done;
}

const struct spool_operations spool_operations = {
    .list = list_spools,
    .freeze = freeze,
    .read = read_record,
    .trim = trim,
    .remove = remove_spool,
    .doubt = doubt,
    .is_in_doubt = is_in_doubt,
};

/* ---- counting anew ---- */

bool embedded_ledger(struct bucket_store *base, struct embedded_ledger *ret_ledger, struct error *error)
{
    struct embedded_store *store = embedded_of(base);
    const struct catalogue *catalogue = &store->catalogue;
    MDB_txn *txn;
    uint64_t counted;
    uint64_t doubt;
    if (!store_begin_read(store, &txn, error))
        return false;
    bool done = catalogue_get_counter(txn, catalogue, "ledger", 0, &counted, error) &&
                catalogue_get_counter(txn, catalogue, "ledger_doubt", 0, &doubt, error) &&
                catalogue_get_counter(txn, catalogue, "recounts", 0, &ret_ledger->recounts, error);
    store_end_read(store, txn);
    if (done) {
        ret_ledger->is_raw = store->folder.is_raw;
        ret_ledger->is_counted = counted != 0;
        ret_ledger->is_in_doubt = doubt != 0;
    }
    return done;
}

struct count_job {
    struct embedded_store *store;
    struct buffer *amounts;
    struct error *error;
    bool succeeded;
};

static void run_count(void *argument)
{
    struct count_job *job = argument;
    job->succeeded = ledger_count(job->store->snapshot, &job->store->catalogue, job->amounts, job->error);
}

SUSPENDS bool embedded_count(struct bucket_store *snapshot, struct buffer *ret_amounts, struct error *error)
{
    struct embedded_store *store = embedded_of(snapshot);
    ASSERT(store->snapshot != NULL);
    struct count_job job = {store, ret_amounts, error, false};
    return store_offload(store->origin != NULL ? store->origin : store, run_count, &job, error) && job.succeeded;
}

SUSPENDS bool embedded_correct(struct bucket_store *base, const struct embedded_correction *correction,
                               struct error *error)
{
    struct change change = {.kind = CHANGE_CORRECT_LEDGER, .correction = correction};
    return commit(embedded_spool(base), &change, error);
}
