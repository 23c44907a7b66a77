/* server/lifecycle/sweep.h -- one walk over one bucket, which does what its rules ask for. */
#pragma once

#include "server/lifecycle/runner.h"

enum { SWEEP_BATCH_MAX = 100 }; /* deletions of one commit: writers wait no longer than for these */

struct lifecycle_sweep {
    struct lifecycle_runner *runner;
    struct bucket_info bucket;
    const struct bucket_settings *settings; /* pinned: the rules live in them */
    struct lifecycle_plan plan;
    struct arena rules; /* of the plan */
    struct arena page;  /* of one page */
    struct sweep_record record;
    struct lifecycle_walk walk;
    uint64_t renewed_ns; /* when the record was written last */
    struct lifecycle_order orders[LIST_ENTRIES_MAX];
    struct delete_item items[SWEEP_BATCH_MAX];
    struct deletion_grounds grounds[SWEEP_BATCH_MAX];
};

static inline bool sweep_is_shared(const struct lifecycle_runner *runner)
{
    return runner->store->capabilities.is_shared;
}

enum sweep_need { SWEEP_IS_NOT_DUE, SWEEP_IS_DUE, SWEEP_IS_ANOTHERS /* who is at it */ };
/* Is there anything to be swept, and is it time? */
enum sweep_need sweep_need_of(struct lifecycle_runner *runner, const struct bucket_info *bucket, int64_t now_ms);
/* Takes the bucket, and sweeps it to its end, from where a former sweep was cut off. ERROR_NOT_FOUND: the bucket has
 * gone. ERROR_CONFLICT: another process has it. ERROR_CHANGED: its rules were replaced. After other errors it goes on
 * later from where it is. */
SUSPENDS bool sweep_bucket(struct lifecycle_runner *runner, const struct bucket_info *bucket, struct error *error);
