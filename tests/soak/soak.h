/* tests/soak/soak.h -- what the parts of the soak share: what is true, and who may say so.
 *
 * A batch is numbered within its caller. It appends its number to a list of the caller, adds to a counter, and appends
 * to a second list, so that states show order, multiplicity and wholeness. */
#pragma once

#include "journal/journal.h"

#include <stdatomic.h>

enum {
    SOAK_REPLICAS = 3,
    SOAK_CALLERS = 8, /* of each replica */
    SOAK_TRIES_MAX = 4,
    SOAK_LIST_BATCHES = 1000, /* a list holds so many; then comes the caller's next one */
};

enum truth_kind { TRUTH_UNKNOWN, TRUTH_COMMITTED, TRUTH_REJECTED };

struct truth {
    struct journal_id id; /* zero: none */
    enum truth_kind kind;
    unsigned tries;
    struct segment_key keys[SOAK_TRIES_MAX]; /* of those that may have been written */
    bool is_decided[SOAK_TRIES_MAX];         /* rejected for good */
};

/* One at a time, by one fiber; it outlives the journals of its replica. */
struct caller {
    unsigned number; /* over all replicas */
    struct truth *truths;
    uint32_t count, capacity;
    _Atomic uint32_t committed; /* number of the last one, and 1; 0: none. For other threads */
};

/* The caller's lists and counter in a state. */
void soak_put_ops(const struct caller *caller, uint32_t number, struct buffer *ops);
bool soak_is_visible(const struct state *state, unsigned caller, uint32_t number);
/* All batches of the caller: committed ones once and in order, rejected ones not at all, unknown ones at most once,
 * each of them whole. Counts violations and says them. */
unsigned soak_check_caller(const struct state *state, const struct caller *caller);
/* Every entry of a state in one order: equal states have equal bytes. */
void soak_dump(const struct state *state, struct buffer *ret_bytes);
