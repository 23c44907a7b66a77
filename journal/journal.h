/* journal/journal.h -- metadata that a fleet shares through a bucket: exactly once, without locks or clocks.
 *
 * A journal is opened once per process, belongs to one shard, and runs three tasks on it: the writer (group commit),
 * the poller (bell, tick) and the compactor (fold, cleanup). docs/journal.md explains the protocol.
 *
 * journal_submit returns what became of a batch; journal_resolve asks again about one that stayed unknown. Reads look
 * at journal_state(), which changes only while the caller is suspended; NULL until the first tick succeeded (J21). */
#pragma once

#include "journal/format/head.h"
#include "journal/format/state.h"
#include "journal/store.h"

struct journal;

struct journal_options {
    unsigned window;            /* K; 0: 6 */
    unsigned horizon;           /* L; 0: 24 */
    unsigned fold_gap_ms;       /* G_min; 0: 1000 */
    unsigned poll_ms;           /* 0: 2000 */
    unsigned linger_ms;         /* a segment waits so long for more batches; 0: 5 */
    unsigned request_ms;        /* deadline of one request; 0: 2000. Of a PUT at most (K-2) * G_min */
    unsigned decide_ms;         /* until a batch's outcome is given up as unknown; 0: 30000 */
    unsigned queue_ms;          /* a batch waits no longer for its turn to be written; 0: 5000 */
    unsigned fold_age_ms;       /* live segments older than this are folded; 0: 5000 */
    unsigned fold_segments;     /* so many live segments are folded at once; 0: 500 */
    unsigned fold_segments_max; /* one fold takes no more, but for those that it must take; 0: 10000 */
    unsigned quarantine_max;    /* segments that are set aside at a time; 0, or at most: HEAD_QUARANTINE_MAX */
    uint64_t live_bytes_max;    /* beyond it batches are refused; 0: 64 MiB */
    size_t segment_bytes_max;   /* 0: 4 MiB */
    size_t slice_bytes;         /* long computations let others run after so many bytes; 0: 128 KiB */
    bool may_seed;              /* an empty bucket becomes a journal */
    bool trusts_store;          /* neither tested before use nor compared with where the journal was (ground.h) */
};

/* Whether this replica acknowledges and folds, and if not, why (J36, J38, J48, J49). Readers are served all the same.
 * docs/operations.md says what an operator does about each. */
enum journal_condition {
    JOURNAL_RUNS,
    JOURNAL_NOT_READY,       /* no tick has succeeded yet: the store does not answer, or is being tested */
    JOURNAL_HEAD_MISSING,    /* and other objects of the journal are there */
    JOURNAL_HEAD_DAMAGED,    /* read several times */
    JOURNAL_HEAD_NEWER,      /* sound, and of a later version of this program */
    JOURNAL_WENT_BACK,       /* the head is older than one that was seen, or of which there is a copy */
    JOURNAL_OTHER_LINEAGE,   /* restored or adopted since this process started: start it again. Or interference */
    JOURNAL_CHECKPOINT_LOST, /* the head names parts that are missing or damaged */
    JOURNAL_STORE_BROKEN,    /* the store does not keep what it must promise */
    JOURNAL_STORE_DAMAGED,   /* the store says that it cannot list what is there, for damage */
    JOURNAL_GROUND_MISSING,  /* nothing says that this store was tested, or that the journal belongs here */
    JOURNAL_IS_COPY,         /* the journal was made in another store: adopt it or leave it alone */
    JOURNAL_CONDITION_COUNT,
};

enum journal_outcome {
    JOURNAL_COMMITTED,
    JOURNAL_REJECTED, /* surely never applied, now or later */
    JOURNAL_UNKNOWN,  /* ask again with the key */
    JOURNAL_REFUSED,  /* not admitted: nothing was written (error says why) */
    JOURNAL_DAMAGED,  /* in quarantine */
};

struct journal_batch {
    struct journal_id id; /* zero: none. With one, submitting again within the horizon counts once (J17) */
    uint64_t first_base;  /* 0 for the first try; else key.base of the first try's answer */
    struct span ops;
};

struct journal_answer {
    enum journal_outcome outcome;
    bool has_key;
    struct segment_key key; /* under which it was, or would have been, written */
};

/* What must never pass as normal (J36, J38, J39). */
enum journal_alarm {
    ALARM_HEAD_MISSING,
    ALARM_HEAD_DAMAGED,
    ALARM_GENERATION_WENT_BACK,
    ALARM_LINEAGE,
    ALARM_SEGMENT_VANISHED,
    ALARM_SEGMENT_DAMAGED,
    ALARM_FOREIGN_BODY,
    ALARM_SEGMENT_MISSING, /* when it had to be folded, and something stood behind it or it was damaged: given up */
    ALARM_PART_MISSING,
    ALARM_DIGEST,
    ALARM_BELL_DAMAGED,    /* and was written anew: nothing is lost with it */
    ALARM_LISTING_DAMAGED, /* an entry of a listing, or all of it */
    ALARM_GROUND,          /* the store is broken, untested, or another one than the journal was made in */
    ALARM_COUNT,
};

struct journal_counters {
    uint64_t alarms[ALARM_COUNT];
    uint64_t ticks, ticks_failed, segments_written, batches_committed, batches_rejected, batches_unknown;
    uint64_t folds_published, folds_lost, folds_ambiguous, segments_folded, segments_forced, forced_while_held;
    uint64_t newer_met;  /* segments with an op of a later version */
    uint64_t found_held; /* times that a segment was looked at whose predecessor is not there */
    uint64_t names_deleted, cold_loads, quarantined, foreign_bodies;
    uint64_t given_up; /* damaged segments for which the quarantine had no room */
};

struct journal *journal_open(const struct journal_environment *environment, const struct journal_options *options);
/* For tools: reads head and state once, starts no task and writes nothing; every submission is refused, journal_flush
 * reads again. NULL: ERROR_NOT_FOUND, there is no journal yet, that is no object of one; ERROR_DAMAGED; ERROR_BUSY. */
SUSPENDS struct journal *journal_load(const struct journal_environment *environment,
                                      const struct journal_options *options, struct error *error);
/* The tasks end at their next wait, which the scheduler's own stop brings about at once. Batches in flight end as
 * unknown. */
void journal_stop(struct journal *journal);
bool journal_is_idle(const struct journal *journal); /* stopped, and no task is inside */
void journal_free(struct journal *journal);          /* must be idle */

SUSPENDS struct journal_answer journal_submit(struct journal *journal, const struct journal_batch *batch,
                                              struct error *error);
SUSPENDS struct journal_answer journal_resolve(struct journal *journal, const struct segment_key *key);
/* True: every batch that was committed before the call is visible (J22). */
SUSPENDS bool journal_flush(struct journal *journal, struct error *error);

const struct state *journal_state(const struct journal *journal);
const struct head *journal_head(const struct journal *journal); /* NULL before the first tick */
/* Is there a segment, listed or in quarantine, whose ops are not known? It may count later. */
bool journal_has_unread(const struct journal *journal);
uint64_t journal_age_ns(const struct journal *journal); /* since the last good tick began (J20) */
const struct journal_counters *journal_counters(const struct journal *journal);
/* What is there now. */
struct journal_gauges {
    uint64_t live_segments, live_bytes, queued_bytes;
};
void journal_gauges(const struct journal *journal, struct journal_gauges *ret_gauges);
const char *journal_alarm_name(enum journal_alarm alarm); /* "segment-vanished" */
/* The name of the object for which it was raised last; empty: for none, or never. */
const char *journal_alarm_object(const struct journal *journal, enum journal_alarm alarm);
enum journal_condition journal_condition(const struct journal *journal);
/* Of JOURNAL_STORE_BROKEN: the promise that is not held. Else empty. */
const char *journal_condition_detail(const struct journal *journal);
/* "head-missing", and a sentence for an operator: what it is and what to do. */
const char *journal_condition_name(enum journal_condition condition);
const char *journal_condition_advice(enum journal_condition condition);
