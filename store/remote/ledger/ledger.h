/* store/remote/ledger/ledger.h -- what a process adds to the savings ledger of its fleet, from intent to spool.
 *
 *   intent ──▶ request to the backend ──▶ outcome, into the log and its sums ──▶ record of the spool ──▶ the journal
 *   (log.h)                               (log.h)                                (files.h)              (its sender)
 *
 * Each shard has a log of intents; what its outcomes add up to is the open record of the process's own spool. When the
 * sender freezes that, the logs begin anew and the sums become a record on the disk, of which they are then no part any
 * more: so each amount is in just one of the two at any moment, whenever the process is killed.
 *
 * What earlier processes left is found at the start. The intents of their logs of which nothing came that we know are
 * settled by asking the backend (settle.h); when all of a spool's are, what its logs add up to becomes its last record.
 * It is one record (more where it has more buckets than one takes), of one number, so that of two processes that find
 * the same spool, of a copied disk, only one counts. A log of another start of the machine may lack its end: then its
 * buckets have one uncertain change more each.
 *
 * Threads: ledger_open and ledger_close on the main thread, before the shards start and after they ended. Of the
 * spool's calls list and read come from any thread. The others, and those for settling, from fibers of one shard. */
#pragma once

#include "runtime/base/clock.h"
#include "runtime/base/random.h"
#include "runtime/fiber/offload.h"
#include "store/remote/ledger/log.h"
#include "store/spool.h"

struct ledger_options {
    const char *folder; /* made where it is missing; nobody else uses it */
    unsigned shards;
    const struct clock *clock;
    const struct random_source *random;
    struct offload *offload; /* NULL: what blocks does so here */
    const char *home;        /* the bucket that is charged with what no bucket is named for */
};

struct ledger *ledger_open(const struct ledger_options *options, struct error *error);
/* What the own logs hold becomes a record, or waits in them for the next start. */
void ledger_close(struct ledger *ledger);

struct spool *ledger_spool(struct ledger *ledger);
struct intent_log *ledger_log(struct ledger *ledger, unsigned shard);

/* ---- intents of which nobody knows what came ---- */

struct waiting_intent {
    struct noted_intent *open;
    struct intent_log *log;           /* the own one that it is of; NULL: an earlier process's */
    struct ledger_spool_state *spool; /* of that one */
};
/* One that is to be looked at by now. False: none. */
bool ledger_find_waiting(struct ledger *ledger, uint64_t now_ms, struct waiting_intent *ret_waiting);
/* Since when it waits, of this process's clock. */
static inline uint64_t waiting_since_ms(const struct waiting_intent *waiting)
{
    return waiting->open->since_ms;
}
/* How often objects have been counted anew, as the journal has it (journal/savings/recounts.h). A recount counts what
 * lies there, whoever has said so: an intent that was open meanwhile is not to be counted once more. Any thread. */
void ledger_note_recounts(struct ledger *ledger, uint64_t recounts);
bool ledger_knows_recounts(struct ledger *ledger);
uint64_t ledger_recounts(struct ledger *ledger); /* known */
/* Has there been one since it was noted? Where that is not known for sure, there has. */
bool ledger_was_recounted(struct ledger *ledger, const struct waiting_intent *waiting);
void ledger_defer(struct ledger *ledger, const struct waiting_intent *waiting, uint64_t until_ms);
void ledger_settle(struct ledger *ledger, const struct waiting_intent *waiting, enum intent_outcome outcome);
/* Freezes what earlier processes left, where nothing waits any more. False: a file cannot be written; try again. */
SUSPENDS bool ledger_freeze_found(struct ledger *ledger, struct error *error);

/* Intents that are under way or wait, and entries that the disk refused. Any thread. */
uint64_t ledger_intents_open(struct ledger *ledger);
uint64_t ledger_entries_unwritten(struct ledger *ledger);
