/* runtime/metrics.h -- counters and histograms that a shard writes without a lock and anybody may read.
 *
 * One writer per counter (its shard), relaxed stores; a reader sums over shards. Histograms have fixed bounds in
 * powers of two of microseconds, enough for Prometheus' quantiles and cheap to write (one count leading zeros). */
#pragma once

#include <stdatomic.h>
#include <stdint.h>

typedef _Atomic uint64_t metric_counter;

/* Only on the writing shard's thread. */
static inline void metric_add(metric_counter *counter, uint64_t amount)
{
    atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + amount, memory_order_relaxed);
}

static inline uint64_t metric_read(const metric_counter *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

enum {
    METRIC_HISTOGRAM_BUCKETS = 24
}; /* bucket i: at most 2^(i+4) microseconds, the last: all above (16 us .. 67 s) */

struct metric_histogram {
    metric_counter buckets[METRIC_HISTOGRAM_BUCKETS]; /* not cumulative */
    metric_counter sum_us;
};

static inline void metric_observe_us(struct metric_histogram *histogram, uint64_t microseconds)
{
    unsigned bits = microseconds <= 1 ? 0 : 64U - (unsigned)__builtin_clzll(microseconds - 1);
    unsigned bucket = bits <= 4 ? 0 : bits - 4;
    if (bucket >= METRIC_HISTOGRAM_BUCKETS)
        bucket = METRIC_HISTOGRAM_BUCKETS - 1;
    metric_add(&histogram->buckets[bucket], 1);
    metric_add(&histogram->sum_us, microseconds);
}
