/* bench/job/plan.h -- which request comes next: what is done to which object. Pure: same seed, same plan.
 *
 * Objects 0 to objects - 1 are those that stay; what puts of a mix and copies make has numbers from there on, so that
 * no read of the job misses what a delete of it has taken. */
#pragma once

#include "bench/job/job.h"

#include <stdbool.h>
#include <stdint.h>

struct assignment {
    enum operation operation;
    uint64_t object;
    uint64_t count;  /* of objects from there on: a batch, or 1 */
    uint64_t target; /* of a copy: the new object */
    uint64_t offset; /* of a range; else 0 */
    uint64_t size;   /* bytes that are sent or expected; of a list 0: any */
};

struct plan {
    const struct job *job;
    uint64_t random;
    uint64_t begun;
    uint64_t made_begun, made, deleted; /* new objects of a mix */
    uint64_t range_object, range_offset;
};

void plan_begin(struct plan *plan, const struct job *job);
/* False: the job has no further request. */
bool plan_next(struct plan *plan, struct assignment *ret_assignment);
/* It was answered as it should be. */
void plan_note_done(struct plan *plan, const struct assignment *assignment);
