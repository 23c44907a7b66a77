/* store/embedded/shard/shard.c -- reading transactions of a shard, and tokens of its writes. */
#include "store/embedded/shard/shard.h"

#include "runtime/base/assert.h"
#include "runtime/base/byteorder.h"
#include "s3client/wire/s3_error.h"

static _Thread_local struct shard *thread_shard;

void shard_enter(struct shard *shard)
{
    ASSERT((thread_shard == NULL) != (shard == NULL));
    thread_shard = shard;
}

struct shard *shard_current(struct embedded_store *store)
{
    if (store->snapshot != NULL)
        return &store->shards[0];
    ASSERT(thread_shard != NULL && thread_shard->store == store);
    return thread_shard;
}

MDB_txn *shard_begin_read(struct shard *shard, struct error *error)
{
    if (shard->store->snapshot != NULL)
        return shard->store->snapshot;
    int result = mdb_txn_renew(shard->reader);
    if (result == 0)
        return shard->reader;
    catalogue_failed(result, error, "renew a reader");
    return NULL;
}

void shard_end_read(struct shard *shard)
{
    if (shard->store->snapshot == NULL)
        mdb_txn_reset(shard->reader);
}

bool store_begin_read(struct embedded_store *store, MDB_txn **ret_txn, struct error *error)
{
    *ret_txn = store->snapshot;
    if (*ret_txn != NULL)
        return true;
    int result = mdb_txn_begin(store->catalogue.env, NULL, MDB_RDONLY, ret_txn);
    return result == 0 || catalogue_failed(result, error, "begin a read");
}

void store_end_read(struct embedded_store *store, MDB_txn *txn)
{
    if (store->snapshot == NULL)
        mdb_txn_abort(txn);
}

void shard_next_token(struct shard *shard, uint8_t ret_token[ROW_TOKEN_BYTES])
{
    memcpy(ret_token, shard->token_prefix, sizeof shard->token_prefix);
    store_u64_le(ret_token + sizeof shard->token_prefix, ++shard->token_count);
}

SUSPENDS bool store_offload(struct embedded_store *store, void (*work)(void *), void *job, struct error *error)
{
    if (store->options.offload == NULL) {
        work(job);
        return true;
    }
    if (offload_run(store->options.offload, work, job, error))
        return true;
    error->code = S3_SlowDown;
    return false;
}
