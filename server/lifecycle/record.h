/* server/lifecycle/record.h -- how far the sweep of a bucket is, as the journal's state says it.
 *
 * Of the name space `lifecycle`:
 *
 *   map "sweep"  u64 creation id (big endian) -> the sweep of this bucket: the last one, or the one under way
 *   map "clock"  key "all"                    -> the wall clock that was believed last
 *
 * A sweep is one value: who works on it, how far, what was done. So it is taken, advanced and ended by one op,
 * map-put-if upon the whole of what stood there, and no two processes can both believe that they have it. A record
 * saves work; it protects nothing: what may be deleted is decided by each deletion's own grounds (store/bucket.h).
 *
 * docs/journal-format.md has the bytes. */
#pragma once

#include "journal/journal.h"
#include "server/lifecycle/walk.h"

enum {
    SWEEP_HOLDER_BYTES = 16,
    SWEEP_RULES_COUNTED_MAX = 256,
};

enum sweep_state { SWEEP_WALKS, SWEEP_IS_DONE };

struct sweep_totals {
    uint64_t judged; /* versions and markers that were looked at */
    uint64_t done[LIFECYCLE_ACTIONS];
    uint64_t aborted; /* uploads */
    uint64_t changed; /* were due when they were judged, and were something else when they should go */
    uint64_t locked;  /* are due, and stay for their lock */
    uint64_t unsafe;  /* ... because the store cannot decide it, or does not move such ones */
    uint64_t failed;
};

/* How often a rule has acted since these rules were set; by its place in the document. */
struct sweep_rule {
    uint16_t place;
    uint64_t acted;
};

struct sweep_record {
    uint64_t number;                    /* of the bucket's sweeps, from 1 */
    uint64_t claim;                     /* of this sweep: grows when another process takes it over */
    uint8_t holder[SWEEP_HOLDER_BYTES]; /* a process; drawn when it starts */
    uint64_t nonce;                     /* new with each write */
    uint64_t rules;                     /* which configuration: the setting's document (journal/settings/records.h) */
    int64_t midnight_ms;                /* the one that it is for */
    int64_t began_ms;                   /* wall clock, as are the next two */
    int64_t ended_ms;                   /* 0: not yet */
    int64_t next_ms;                    /* nothing can fall due before; INT64_MAX: ever */
    enum sweep_state state;
    struct lifecycle_cursor cursor; /* behind which it goes on */
    struct sweep_totals totals;
    unsigned rules_count; /* those that have acted; the first ones, if they are very many */
    struct sweep_rule rules_acted[SWEEP_RULES_COUNTED_MAX];
};

/* False: the bucket was never swept, or the record is of a later version. */
bool sweep_record_find(const struct state *state, uint64_t creation_id, struct sweep_record *ret_record);
/* Is the bucket's record the one that was written under this nonce? */
bool sweep_record_stands(const struct state *state, uint64_t creation_id, uint64_t nonce);
/* Of the bytes of the bucket's record, also of one that cannot be read: another one after each write. False: there is
 * none. */
bool sweep_record_mark(const struct state *state, uint64_t creation_id, uint64_t *ret_mark);
/* Steps through the creation ids of all records, in no order; start with a zeroed walk. False at the end. */
bool sweep_record_next(const struct state *state, struct state_walk *walk, uint64_t *ret_creation_id);

/* Writes it in the place of the one whose nonce it has (0: none, or one that cannot be read), under a new nonce. True:
 * it is durable, and the caller's. ERROR_CONFLICT: somebody else has it. ERROR_BUSY: nobody knows yet, or the journal
 * takes nothing. */
SUSPENDS bool sweep_record_put(struct journal *journal, const struct journal_environment *environment,
                               uint64_t creation_id, struct sweep_record *record, struct error *error);
/* Of buckets that are gone: `creation_ids` are u64. Errors as above. */
SUSPENDS bool sweep_records_remove(struct journal *journal, struct span creation_ids, struct error *error);

/* 0: none was believed yet. */
int64_t sweep_clock_find(const struct state *state);
SUSPENDS bool sweep_clock_put(struct journal *journal, int64_t wall_ms, struct error *error);
