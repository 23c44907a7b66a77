/* server/maintenance/jobs.h -- bale maintain inside a running server: one job at a time, begun and watched by whoever
 * may change something (server/admin/maintain.h).
 *
 * A job is one walk (maintenance.h) on a fiber of shard 0; what takes long is done by a thread of its own. It does not
 * need whoever has begun it: where that goes away it goes on to its end. It ends early where it is asked to, and with
 * the process, after the object in hand; what was done stands, and the next job goes on, for what is packed is left.
 *
 * Over a store that is_shared it is the only one of the fleet (claim.h). A job has a name that no other one has, before
 * or after, here or in another process: so who asks for one is never answered with another.
 *
 * The last job's sums stay until the next one begins, and where that is refused. Lines for its log wait for whoever
 * reads them; where nobody has come for LOG_WAIT_MS, what has no room is counted and dropped, and the job goes on. */
#pragma once

#include "runtime/fiber/wait.h"
#include "server/maintenance/claim.h"

enum {
    MAINTENANCE_LOG_BYTES_MAX = 1 << 20,
    MAINTENANCE_LOG_WAIT_MS = 30 * 1000,
    MAINTENANCE_JOB_BYTES = 32, /* with its end: "20261130T194512Z-9c41d07e5a20" */
};

enum maintenance_state {
    MAINTENANCE_NONE, /* none was begun since the start of the process */
    MAINTENANCE_RUNS,
    MAINTENANCE_DONE,    /* it came to its end; some objects may be unreadable */
    MAINTENANCE_STOPPED, /* it was asked to */
    MAINTENANCE_FAILED,  /* see error */
    MAINTENANCE_STATES,
};

/* Of all jobs since the start of the process, the last one as far as it has come. */
struct maintenance_totals {
    uint64_t ended[MAINTENANCE_STATES]; /* jobs that are over */
    uint64_t objects;                   /* looked at */
    uint64_t outcomes[OUTCOMES];        /* of jobs that execute, as the next two */
    uint64_t before;                    /* stored bytes of those on which a rule acted */
    uint64_t after;
};

struct maintenance_jobs {
    /* Given: */
    struct bucket_store *store;
    bool is_bucket;
    struct keyring *keyring;              /* of encrypt; NULL: none */
    const char *refusal;                  /* why nothing may be done here; NULL: it may */
    struct maintenance_claimant claimant; /* of a store that others may have, too; else it is not asked */

    /* Its own; to be read on shard 0: */
    enum maintenance_state state;
    char job[MAINTENANCE_JOB_BYTES]; /* the last one; "": there was none */
    int64_t began_ms;
    int64_t ended_ms;
    struct maintenance_request *request; /* of the last job; NULL: there was none */
    struct maintenance *maintenance;     /* ... and what has come of it */
    struct error error;
    struct maintenance_totals former; /* without the last job's sums */
    bool is_beginning;                /* a further one: nobody knows yet whether it may */
    bool is_asked_to_stop;
    bool is_ending;
    struct fiber *fiber; /* NULL: none runs */
    struct wait_queue ended;
    struct buffer log;       /* lines that nobody has read yet, of which the first ... */
    uint64_t log_first;      /* ... byte is this one of all */
    uint64_t log_lost;       /* lines that had no room */
    deadline_t log_until_ns; /* so long somebody may still come for them */
    struct wait_queue log_read;
};

/* Shard 0, with its loop. */
void maintenance_jobs_init(struct maintenance_jobs *jobs);
/* Takes the request over, also where it fails. ERROR_CONFLICT: a job runs, which is named. ERROR_UNSUPPORTED: not
 * here. */
SUSPENDS bool maintenance_jobs_begin(struct maintenance_jobs *jobs, struct maintenance_request *request,
                                     struct error *error);
/* False: this job does not run (any more). */
bool maintenance_jobs_ask_to_stop(struct maintenance_jobs *jobs, struct span job);
/* Whoever reads has all bytes of this job's log before `from`; *ret_from is where those begin that are still there, and
 * *ret_lines, which is good until the next suspension. False: it is not the last job (any more). */
bool maintenance_jobs_read_log(struct maintenance_jobs *jobs, struct span job, uint64_t from, uint64_t *ret_from,
                               struct span *ret_lines);
/* What never becomes less. */
void maintenance_jobs_sum_up(const struct maintenance_jobs *jobs, struct maintenance_totals *ret_totals);
/* "runs" */
const char *maintenance_state_name(enum maintenance_state state);

/* While the store is still attached: ends after the object in hand, or at the deadline in its midst. */
SUSPENDS void maintenance_jobs_stop(struct maintenance_jobs *jobs, deadline_t deadline);
void maintenance_jobs_free(struct maintenance_jobs *jobs);
