/* journal/savings/spool_sender.h -- brings the amounts of a store's spools into the ledger: within a second, once,
 * whatever happens.
 *
 * One task. At most once an interval it freezes what waits, sends each frozen record as a spool-record op, in order,
 * and trims what stands in a published head. What is committed and not folded yet stays: a segment may be found damaged
 * or be taken away, and then the state is without it. A record that may have been sent, or that the state has lost, is
 * sent again under its own number: the state takes it if and only if it is the next one, so that it counts once however
 * often and however late it comes. Nothing is frozen while something frozen is not committed: a journal in trouble
 * leaves one record that grows, not many.
 *
 * A spool is opened before its first record. The open carries a batch id made of the spool's id, so that a second one,
 * of a process that crashed, counts for nothing. A spool that an earlier process left is drained, closed, and removed
 * when the close is committed; a spool that is found empty was closed, or never opened. So one that is found with
 * records and is not in the state was never opened, and may be. None is closed while a segment cannot be read: it may
 * be mended, and what it holds of the spool must find there that it has counted. Spools are drained one after the
 * other, each with a commit for the open, for the records and for the close: many of them take their time.
 *
 * Two processes may find the same spool, of a copied disk. Both drain it, and whoever is first closes it. The close has
 * a batch id as well, which the state remembers for L generations: so the other sees that all of it counts. Who looks
 * later is cut off from what he has trimmed a part of (ledger_spool_is_cut_off), until somebody recounts.
 *
 * While the journal refuses or does not answer, passes become rare (back-off with jitter, J47).
 *
 * It uses the spool, the journal and its environment's clock, randomness and scheduler, nothing else. */
#pragma once

#include "journal/journal.h"
#include "store/spool.h"

struct spool_sender;

struct spool_sender_options {
    unsigned interval_ms;    /* between passes; 0: 900 */
    unsigned backoff_max_ms; /* between passes that do not get through; 0: 30000 */
};

struct spool_sender_counters {
    uint64_t passes;
    uint64_t records_committed;
    uint64_t records_repeated; /* sent again because an outcome was not known */
    uint64_t batches_failed;   /* refused, rejected or not known */
    uint64_t records_damaged;  /* could not be read: counted as nothing; the store is told to doubt its ledger */
    uint64_t spools_cut_off; /* at the last pass: the state has lost records that were trimmed, as after a restore from
                              * an older head: the ledger must be recounted */
    uint64_t spools_removed;
    uint64_t waiting_since_ns; /* monotonic; since when something waits. 0: nothing did at the last pass */
};

/* Starts the task. The spool and the journal must outlive it; it ends when the scheduler stops. */
struct spool_sender *spool_sender_start(const struct journal_environment *environment, struct journal *journal,
                                        struct spool *spool, const struct spool_sender_options *options);
/* Sends now what waits. True: all that was acknowledged before the call is in the ledger. False: not by the deadline,
 * or the task has ended. */
SUSPENDS bool spool_sender_flush(struct spool_sender *sender, deadline_t deadline);
bool spool_sender_is_idle(const struct spool_sender *sender); /* the task has ended, and nobody waits in a flush */
void spool_sender_free(struct spool_sender *sender);          /* must be idle */

const struct spool_sender_counters *spool_sender_counters(const struct spool_sender *sender);
