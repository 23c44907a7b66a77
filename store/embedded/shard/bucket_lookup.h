/* store/embedded/shard/bucket_lookup.h -- the buckets that a shard has looked up of late.
 *
 * Every request names a bucket, and nearly all name the same few. A row is read from the catalogue once and holds until
 * a bucket is made or removed, of which committer_buckets_generation tells before that is acknowledged. Numbers of
 * buckets are never used again: a row that goes out of date this moment finds nothing, never another bucket's objects.
 */
#pragma once

#include "store/embedded/catalogue/catalogue.h"

struct shard;

enum { BUCKETS_REMEMBERED = 16 };

struct remembered_bucket {
    bool is_there;
    uint64_t generation;
    struct bucket_row row;
};

/* NULL: NoSuchBucket, or the catalogue failed. The row stays until the shard looks up another bucket. Outside of
 * transactions of the shard. */
const struct bucket_row *shard_find_bucket(struct shard *shard, struct span name, struct error *error);

/* The same, and the shard's read transaction is begun. */
MDB_txn *shard_begin_read_in(struct shard *shard, struct span bucket, uint64_t *ret_number, struct error *error);
