/* server/settings/keeper.h -- the one part of a process that asks the journal about settings: on shard 0, where the
 * journal is.
 *
 * Shards ask it by messages. It answers with records, and with its epoch: a number that changes whenever any setting of
 * any bucket may have, here or in another process, or when it is no longer known whether one has. What a shard has read
 * under the present epoch still holds; a request compares two numbers to know it.
 *
 * It knows what holds as long as the journal was read within the grace. Then it says KEEPER_LAPSED, whoever asks, until
 * the journal can be read again. */
#pragma once

#include "journal/home.h"
#include "journal/journal.h"
#include "journal/settings/records.h"
#include "journal/settings/sweep.h"
#include "runtime/fiber/loop.h"
#include "runtime/metrics.h"
#include "server/settings/settings.h"

enum { KEEPER_TURNS = 64 };

struct keeper_counters {
    metric_counter changes;        /* that were made */
    metric_counter changes_failed; /* answered with 503 */
    metric_counter lookups;
    metric_counter lapses; /* times that the grace has passed */
    metric_counter swept_documents;
    metric_counter swept_buckets; /* settings of buckets that were gone */
};

/* A zeroed one is ready for shards to ask: it says KEEPER_NOT_READY until it is started. Outlives all shards. */
struct settings_keeper {
    _Atomic uint64_t epoch;
    _Atomic(struct loop *) loop;  /* shard 0's while it runs */
    _Atomic(bool) has_no_journal; /* before it starts: nobody need wait, the journal that there was has gone */
    struct keeper_counters counters;

    /* shard 0's: */
    struct journal *journal; /* NULL: not started, or stopped */
    const struct journal_environment *environment;
    struct bucket_store *store;
    struct journal_bucket *documents;
    uint64_t grace_ms;
    uint64_t sweep_ms;
    uint64_t stamp; /* of the state under this epoch */
    bool was_known;
    bool has_litter; /* documents that no record names may lie about */
    bool is_taken[KEEPER_TURNS];
    struct wait_queue turn;
    struct settings_sweep sweep;
};

/* Shard 0, when the journal has been opened; its home is prepared. Its tasks are the environment's
 * scheduler's, and end with it. */
void keeper_start(struct settings_keeper *keeper, struct journal *journal,
                  const struct journal_environment *environment, struct bucket_store *store,
                  const struct journal_home *home, uint64_t grace_ms, uint64_t sweep_ms);
/* Its tasks have ended; the journal is freed afterwards. */
SUSPENDS void keeper_stop(struct settings_keeper *keeper);

/* ---- what shards ask ---- */

enum keeper_verdict {
    KEEPER_KNOWS,
    KEEPER_NOT_READY, /* the journal has not been read yet */
    KEEPER_HALTED,    /* nor will it be until an operator has helped: journal_condition says what is wrong */
    KEEPER_LAPSED,    /* it has not been read for longer than the grace */
};

struct keeper_records {
    enum keeper_verdict verdict;
    uint64_t epoch;
    unsigned set; /* a bit for each record; LAPSED: that there was when the journal was read last */
    struct setting_record records[SETTINGS_COUNT];
};

/* Any shard. ERROR_BUSY: no answer, the process is ending. */
SUSPENDS bool keeper_find(struct settings_keeper *keeper, uint64_t creation_id, struct keeper_records *ret_records,
                          struct error *error);
/* Any shard. Durable, and under a new epoch, when it returns true. ERROR_BUSY as settings_change. */
SUSPENDS bool keeper_change(struct settings_keeper *keeper, uint64_t creation_id, const struct setting_change *changes,
                            unsigned count, deadline_t deadline, struct error *error);

/* Any shard. All settings of a bucket that is not there go, soon, and nobody waits for it. */
void keeper_forget(struct settings_keeper *keeper, uint64_t creation_id);

/* ---- on shard 0 ---- */

/* Changes of one bucket's settings take turns. Who has the turn knows that none is being made, and that he sees all
 * that were answered: what he does by them is done before the next change is. Give it back soon. False: the deadline
 * has passed, or the process is ending. Between keeper_start and keeper_stop. */
SUSPENDS bool keeper_take_turn(struct settings_keeper *keeper, uint64_t creation_id, deadline_t deadline);
void keeper_give_turn(struct settings_keeper *keeper, uint64_t creation_id);

static inline uint64_t keeper_epoch(const struct settings_keeper *keeper)
{
    return atomic_load_explicit(&keeper->epoch, memory_order_acquire);
}
