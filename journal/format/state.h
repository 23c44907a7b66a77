/* journal/format/state.h -- what the ops have made: tables, in a layer of changes over a layer that others share.
 *
 * A replica has one base (the checkpoint of its head) and over it the changes of the live segments; a fold makes its
 * own changes over the same base, and these are what it writes. Reads look into the changes first. What a new head
 * changed lies between the two until it has been moved into the base, bit by bit: readers see no difference.
 *
 * Everything is entries (journal/format/entries.h) with keys  u8 space, u8 type, u8 table bytes, table, key  and values
 *   counter  i64                   map    the value        set    nothing
 *   list     (u32 bytes, element) ...                      spool  u64 last
 *   batch    u64 generation in which the batch id counted  release  u64 likewise
 * An entry that would hold the default (counter 0) is not there: equal states have equal entries. */
#pragma once

#include "journal/format/layer.h"
#include "journal/format/op.h"

struct state {
    const struct layer *base;   /* NULL: empty */
    const struct layer *recent; /* what the newest folds changed over the base, on its way into it; NULL: nothing */
    struct layer changes;
    uint64_t digest; /* of what a reader sees */
};

void state_init(struct state *state, const struct layer *base, uint64_t base_digest);
void state_free(struct state *state);

/* Applies a batch, all or nothing: an id that is in the state already makes it a no-op (J17). `generation` is the one
 * in whose fold the batch counts (for live ones: the next). Returns whether it was applied. `ops` has been checked. */
bool state_apply_batch(struct state *state, const struct journal_id *batch, uint64_t generation, struct span ops);
/* Forgets batch ids and releases of the base that counted in a generation before `oldest`. Nothing may be `recent`. */
void state_expire(struct state *state, uint64_t oldest);
/* The same in steps of `most` ids: true: there is more. Start with *at = 0. */
bool state_expire_some(struct state *state, uint64_t oldest, size_t *at, size_t most);

/* ---- reading: values point into the state ---- */

/* The next entry that a reader sees, in no order; NULL at the end. Start with a zeroed walk. When the state changes
 * between two steps, some may be left out or come again. */
struct state_walk {
    unsigned table;
    size_t at;
};
const struct entry *state_next(const struct state *state, struct state_walk *walk);

int64_t state_counter(const struct state *state, uint8_t space, struct span table, struct span key);
bool state_map_get(const struct state *state, uint8_t space, struct span table, struct span key,
                   struct span *ret_value);
bool state_set_has(const struct state *state, uint8_t space, struct span table, struct span key);
/* Elements as stored: u32 bytes, element, and so on. */
struct span state_list(const struct state *state, uint8_t space, struct span table, struct span key);
bool state_spool_last(const struct state *state, const struct journal_id *spool, uint64_t *ret_last);
bool state_has_batch(const struct state *state, const struct journal_id *batch);
bool state_has_release(const struct state *state, const struct segment_key *key);
