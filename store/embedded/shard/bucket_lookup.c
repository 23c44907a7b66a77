/* store/embedded/shard/bucket_lookup.c -- a table with one place for each hash of a name. */
#include "store/embedded/shard/bucket_lookup.h"

#include "store/embedded/queue/committer.h"
#include "store/embedded/shard/shard.h"
#include "store/embedded/state.h"

static struct remembered_bucket *place_of(struct shard *shard, struct span name)
{
    uint32_t hash = 0;
    for (size_t i = 0; i < name.size; i++)
        hash = hash * 31 + name.data[i];
    return &shard->buckets[hash % BUCKETS_REMEMBERED];
}

static bool is_of(const struct remembered_bucket *bucket, struct span name, uint64_t generation)
{
    return bucket->is_there && bucket->generation == generation &&
           span_equal(span_from_string(bucket->row.info.name), name);
}

const struct bucket_row *shard_find_bucket(struct shard *shard, struct span name, struct error *error)
{
    struct embedded_store *store = shard->store;
    struct remembered_bucket *bucket = place_of(shard, name);
    /* Before the transaction: what is changed after this is looked up again. */
    uint64_t generation = store->snapshot == NULL ? committer_buckets_generation(store->committer) : 0;
    if (is_of(bucket, name, generation))
        return &bucket->row;
    MDB_txn *txn = shard_begin_read(shard, error);
    if (txn == NULL)
        return NULL;
    struct bucket_row row;
    bool is_found = catalogue_need_bucket(txn, &store->catalogue, name, &row, error);
    shard_end_read(shard);
    if (!is_found)
        return NULL;
    *bucket = (struct remembered_bucket){.is_there = true, .generation = generation, .row = row};
    return &bucket->row;
}

MDB_txn *shard_begin_read_in(struct shard *shard, struct span bucket, uint64_t *ret_number, struct error *error)
{
    const struct bucket_row *row = shard_find_bucket(shard, bucket, error);
    if (row == NULL)
        return NULL;
    *ret_number = row->number;
    return shard_begin_read(shard, error);
}
