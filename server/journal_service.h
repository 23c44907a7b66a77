/* server/journal_service.h -- the journal in this process: on shard 0, beside its requests.
 *
 * It makes the journal's home, runs the journal in it (journal/), a sender that brings the store's spool into the
 * ledger, and the keeper of buckets' settings. For the ledger no request waits for it: what it cannot send now
 * stays in the spool, which is as durable as the objects. What is wrong with it is told once in the log, and whoever
 * asks can see it (/ready, /metrics, /journal).
 *
 * Everything on shard 0's thread. */
#pragma once

#include "journal/bucket_store.h"
#include "journal/fiber_scheduler.h"
#include "journal/journal.h"
#include "journal/savings/savings.h"
#include "journal/savings/spool_sender.h"
#include "runtime/base/error.h"
#include "server/backend/backend.h"
#include "server/dictionaries/keeper.h"
#include "server/fleet/member.h"
#include "server/lifecycle/native_watch.h"
#include "server/lifecycle/runner.h"
#include "server/settings/keeper.h"
#include "server/training/automatic.h"

struct journal_service_options {
    unsigned poll_ms;               /* how often it looks for what others wrote */
    struct fleet_member *member;    /* which comes and goes with the journal */
    struct settings_keeper *keeper; /* of settings of buckets, which comes and goes with the journal; NULL: none */
    struct dictionary_keeper *dictionaries; /* likewise, of dictionaries */
    struct dictionary_trainer *trainer;     /* that works by itself; NULL: none does */
    struct lifecycle_runner *lifecycle;     /* NULL: the store judges no deletions */
    uint64_t settings_grace_ms;
    uint64_t settings_sweep_ms;
};

struct journal_service {
    const struct backend *backend;
    struct bucket_store *store;
    struct spool *spool; /* NULL: there is no ledger */
    uint64_t started_ns;
    struct journal_home home;
    struct fiber_scheduler scheduler;
    struct journal_environment environment;
    struct journal_service_options wanted;
    struct journal_options options;
    struct journal_bucket *bucket; /* NULL: its home is not made yet */
    struct journal *journal;       /* NULL: it has not been opened, for that or because it has gone */
    struct spool_sender *sender;   /* NULL likewise, or without a spool */
    struct native_watch native;    /* whether a rule of the backend's own endangers it */
    struct {                       /* what the log was told */
        enum journal_condition condition;
        bool is_condition_told;
        unsigned looks; /* in a row that found another one */
        struct journal_counters counters;
        bool doubts[SAVINGS_DOUBTS];
        bool is_behind;
        bool is_without_bucket;
        bool is_gone; /* this replica has known a journal here, and nothing of one is there */
        bool is_lost; /* it has known none, but what was written here has: a new one was begun */
        bool keeps_versions;
        bool has_older; /* processes of an older Bale run */
    } told;
};

/* Of a backend that has a journal. Starts its fibers; they run once the loop does. */
bool journal_service_start(struct journal_service *service, const struct backend *backend,
                           const struct journal_service_options *options, struct error *error);
/* Sends what waits, until the deadline (and for 10 s at most); then everything ends, within the deadline of a request.
 */
SUSPENDS void journal_service_stop(struct journal_service *service, deadline_t deadline);

/* What the ledger and the spool say together, now: every acknowledged write is in it once. Of the buckets that hold
 * nothing so many are shown as well, the first ones by name. False: the ledger has not been read yet, or the spool or
 * the buckets could not be. */
SUSPENDS bool journal_service_savings(const struct journal_service *service, unsigned empty_buckets_max,
                                      struct savings *ret_savings, struct error *error);
/* Records that are not in the ledger yet. */
uint64_t journal_service_records_waiting(const struct journal_service *service);
/* How long something has been waiting; 0: nothing does. */
uint64_t journal_service_waiting_ms(const struct journal_service *service);
/* Is nothing wrong with it? Else the error is a sentence for an operator. */
bool journal_service_is_well(const struct journal_service *service, struct error *error);
