/* server/dictionaries/reservoir.h -- what the server keeps of new objects to learn from by itself (--dict auto).
 *
 * Under the bucket, and under one and two components of its path, each small object that is written counts for a
 * prefix. The RESERVOIR_PREFIXES that get most of them are known; those that have proved themselves keep a sample:
 * RESERVOIR_SAMPLES objects at most, of each the beginning, RESERVOIR_BYTES together. Newer objects take the place of
 * older ones, so that the sample is mostly of the last day or of the last few thousand objects, whichever is less.
 *
 * One for all shards. No request waits for it: where its lock is taken, the object is simply not counted. Memory is
 * bounded by RESERVOIRS_FULL_MAX samples, 16 MiB. */
#pragma once

#include "codec/dictionary/dictionary_train.h"
#include "store/bucket.h"

#include <pthread.h>

enum {
    RESERVOIR_PREFIXES = 64,
    RESERVOIR_PREFIX_BYTES_MAX = 256, /* longer ones are not looked at */
    RESERVOIR_SAMPLES = TRAINING_SAMPLES_MAX,
    RESERVOIR_SAMPLE_BYTES = 8 << 10,
    RESERVOIR_BYTES = 1 << 20,
    RESERVOIRS_FULL_MAX = 16,
    RESERVOIR_READY_SAMPLES = 256,
    RESERVOIR_READY_BYTES = 128 << 10,
};

struct reservoir {
    uint64_t creation_id; /* 0: free */
    char bucket[BUCKET_NAME_BYTES_MAX + 1];
    uint8_t prefix[RESERVOIR_PREFIX_BYTES_MAX];
    size_t prefix_size;
    uint64_t weight;   /* about how many objects it got */
    uint8_t **samples; /* RESERVOIR_SAMPLES; NULL: none are kept yet */
    size_t *sizes;
    unsigned count;
    size_t bytes;
    int64_t tried_ms; /* when it was last trained on; 0: never */
};

struct reservoirs {
    pthread_mutex_t lock;
    struct reservoir all[RESERVOIR_PREFIXES];
    unsigned full; /* that keep samples */
    uint64_t random;
};

struct reservoirs *reservoirs_create(void);
void reservoirs_destroy(struct reservoirs *reservoirs); /* NULL: nothing is done */

/* A small object that is being written. Any shard; never waits. */
void reservoirs_offer(struct reservoirs *reservoirs, const struct object_name *name, uint64_t creation_id,
                      struct span original);

/* One that is ready to be trained on, and was not since `before_ms`: copied out, and marked as tried now. The samples
 * are appended to the buffer, their sizes go to ret_sizes (RESERVOIR_SAMPLES). False: there is none. */
struct reservoir_place {
    uint64_t creation_id;
    char bucket[BUCKET_NAME_BYTES_MAX + 1];
    uint8_t prefix[RESERVOIR_PREFIX_BYTES_MAX];
    size_t prefix_size;
};
bool reservoirs_take(struct reservoirs *reservoirs, int64_t now_ms, int64_t before_ms,
                     struct reservoir_place *ret_place, struct buffer *ret_samples, size_t *ret_sizes,
                     unsigned *ret_count);
