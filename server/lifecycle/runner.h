/* server/lifecycle/runner.h -- carries out the lifecycle rules of all buckets: on shard 0, beside its requests.
 *
 * Everything falls due at a midnight (UTC), so a bucket with rules is swept once after each: one walk over its versions
 * for all its rules, which are judged (walk.h) and carried out at once. It is swept as well when its rules have
 * changed, and not at all on days on which nothing can fall due. How far a sweep is stands in the journal (record.h): a
 * process that is killed is followed by one that goes on where it was.
 *
 * Nothing that was not judged is ever removed. A deletion names its grounds, which the store compares in the step that
 * deletes; and it is made in the turn in which settings of the bucket change (keeper_take_turn), so that after the
 * answer to a change of the rules nothing is removed by the former ones.
 *
 * Where replicas share a store, each has a runner, and the record of a bucket's sweep says which of them walks over it
 * (claims.h): one sweep a midnight for all of them together. There the turn binds only this process; a change of the
 * rules through another one is obeyed as soon as this one's journal has read it.
 *
 * Nothing is done while the journal stands still, or the clock cannot be believed (clock_watch.h).
 *
 * Only over a store that judges deletions (bucket_capabilities). All of it belongs to shard 0; counters can be read
 * from any thread. */
#pragma once

#include "runtime/io/pace.h"
#include "runtime/metrics.h"
#include "server/lifecycle/claims.h"
#include "server/lifecycle/clock_watch.h"
#include "server/lifecycle/record.h"
#include "server/settings/keeper.h"

struct lifecycle_sweep; /* sweep.h */

struct lifecycle_counters {
    metric_counter sweeps;      /* that were ended */
    metric_counter resumed;     /* that another process had begun */
    metric_counter interrupted; /* that ended before the last version, and are tried again */
    metric_counter judged;
    metric_counter done[LIFECYCLE_ACTIONS];
    metric_counter aborted; /* uploads */
    metric_counter changed;
    metric_counter locked;
    metric_counter unsafe; /* the store cannot decide it */
    metric_counter failed;
    metric_counter is_held; /* 1: for its clock nothing is done */
};

/* Why nothing is done. */
enum lifecycle_halt {
    LIFECYCLE_RUNS,
    LIFECYCLE_IS_PAUSED,    /* --lifecycle-pace 0 */
    LIFECYCLE_HAS_NO_CLOCK, /* see clock_watch.trouble */
    LIFECYCLE_HAS_NO_JOURNAL,
};

struct lifecycle_runner {
    /* Given: */
    struct bucket_store *store; /* judges deletions */
    struct settings *settings;  /* shard 0's */
    struct settings_keeper *keeper;
    int64_t day_ms;              /* how long a day is: midnights are its multiples since 1970 */
    uint64_t pace;               /* actions a second; 0: none at all */
    const struct clock *present; /* the store's, which has dated the objects */
    uint64_t takeover_ms; /* so long a sweep of another process must stand still; only over a store that is_shared */
    struct object_codecs *codecs;       /* of shard 0, which compute in the background */
    const struct class_levels *classes; /* at which moved objects are packed */

    struct lifecycle_counters counters;

    /* Its own: */
    struct journal *journal; /* NULL: not started, or stopped */
    const struct journal_environment *environment;
    uint8_t holder[SWEEP_HOLDER_BYTES];
    struct pace spent;
    struct clock_watch clock;
    struct claim_watch claims;
    int64_t believed_ms;                  /* of the wall clock, as the journal has it */
    struct lifecycle_sweep *sweep;        /* under way; NULL: none */
    char last_error[ERROR_MESSAGE_BYTES]; /* why the last sweep that was interrupted was; "": none was */
    bool is_ending;
    bool is_inside;         /* its fiber has not ended */
    struct wait_queue wake; /* it sleeps here */
    struct wait_queue ended;

    /* What was swept last, all buckets: */
    int64_t midnight_ms;
    uint64_t stamp;       /* of settings */
    uint64_t again_ms;    /* something was interrupted: so long after it ... */
    deadline_t again_ns;  /* ... it is tried again; 0: nothing was */
    deadline_t claims_ns; /* when sweeps of other processes are looked at again; 0: there are none under way */
};

/* What judgements of a bucket depend on beside its rules (evaluate.h). */
struct lifecycle_bucket lifecycle_bucket_of(const struct lifecycle_runner *runner, const struct bucket_info *bucket);

/* Shard 0, after keeper_start. Its fiber is the environment's scheduler's. */
void lifecycle_start(struct lifecycle_runner *runner, struct journal *journal,
                     const struct journal_environment *environment);
/* Ends what is under way and keeps where it was; while the journal still takes changes. May be called when it was never
 * started. */
SUSPENDS void lifecycle_stop(struct lifecycle_runner *runner, deadline_t deadline);

enum lifecycle_halt lifecycle_halt_of(struct lifecycle_runner *runner);
/* A sentence for an operator; "" when it runs. */
const char *lifecycle_halt_text(struct lifecycle_runner *runner);
/* Somebody knows that the clock is right. */
void lifecycle_confirm_clock(struct lifecycle_runner *runner);
