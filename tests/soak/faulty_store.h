/* tests/soak/faulty_store.h -- a store in front of another one that delays, loses answers, fails, and dies.
 *
 * Everything that a journal asks of a bucket passes; other calls do not. One thread. A store that is dead answers
 * nothing that comes from now on; what was under way when it died may still happen, and its answer is lost. */
#pragma once

#include "runtime/base/random.h"
#include "store/bucket.h"

#include <stdatomic.h>

/* In 1/1000 of requests. */
struct fault_rates {
    unsigned lost;        /* fail before they did anything */
    unsigned answer_lost; /* fail after it */
    unsigned slow;        /* take up to slow_ms before, and again after they happen */
    unsigned slow_ms;
    unsigned usual_ms; /* the others take up to this long */
};

struct faulty_store {
    struct bucket_store base;
    struct bucket_store *inner;
    const struct random_source *random;
    struct fault_rates rates;
    bool is_dead;
    bool refuses; /* every request fails at once */
    uint64_t requests, lost, answers_lost, slow;
};

void faulty_store_init(struct faulty_store *faulty, struct bucket_store *inner, const struct random_source *random);
