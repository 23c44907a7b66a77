/* journal/format/layer.h -- some of a state, or changes of it: what a replica keeps, a fold writes, and a state part
 * holds.
 *
 * Keys and values are those of journal/format/state.h. In a layer that lies over others an entry may say "deleted".
 * Nothing here suspends: work on a whole layer goes in steps, between which others may run. */
#pragma once

#include "journal/format/entries.h"

enum entry_type {
    TYPE_COUNTER = 1,
    TYPE_MAP = 2,
    TYPE_SET = 3,
    TYPE_LIST = 4,
    TYPE_SPOOL = 5,
    TYPE_BATCH = 6,
    TYPE_RELEASE = 7,
};

/* Batch ids and releases lie apart: every fold looks at all of them, and at nothing else. */
struct layer {
    struct entries data;
    struct entries batches;
};

/* Kept for L generations; the value is the generation that it came in with. */
bool layer_expires(uint8_t type);
void layer_free(struct layer *layer);
size_t layer_count(const struct layer *layer);
size_t layer_bytes(const struct layer *layer);
/* The table of the layer that holds this key. */
struct entries *layer_entries(struct layer *layer, struct span key);
uint64_t layer_digest(const struct layer *layer); /* walks all of it */
/* Moves the changes into the base they were made over. `changes` is empty afterwards. */
void layer_absorb(struct layer *base, struct layer *changes);

/* Work on a whole layer, in steps of `most` entries. Start with a zeroed walk; true: there is more. Between two steps
 * the layer that is walked must not change. */
struct layer_walk {
    size_t data, batches;
};
/* Copies into the base; the changes stay, and must be looked at first until the last step is done. */
bool layer_absorb_some(struct layer *base, const struct layer *changes, struct layer_walk *walk, size_t most);
bool layer_digest_some(const struct layer *layer, struct layer_walk *walk, size_t most, uint64_t *digest);
/* The layer is nobody's any more; after the last step it is empty. */
bool layer_free_some(struct layer *layer, struct layer_walk *walk, size_t most);
