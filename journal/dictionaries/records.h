/* journal/dictionaries/records.h -- which dictionary new objects under a prefix are compressed with, as the journal's
 * state says it.
 *
 * Of the name space `dict`:
 *
 *   map "map"        u64 creation id (big endian), prefix of keys -> a mapping
 *   map "known"      u64 creation id (big endian), 8 bytes of id -> every dictionary that was ever published there
 *   counter "stamp"  key "all": differs whenever anything in the two may have changed
 *   counter "drift"  journal/dictionaries/drift.h
 *
 * A mapping says nothing of how objects are read: each names its dictionary itself. So readers need no agreement, and a
 * mapping may come and go at any moment. The dictionary is the object `.s4dict/ID` of the bucket, durable before the
 * mapping that names it. `known` is never shortened but by who removes the dictionary. */
#pragma once

#include "journal/format/state.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    DICTIONARY_DIGEST_BYTES = 32, /* SHA-256; its first 8 bytes are the id */
    DICTIONARY_ID_DIGEST_BYTES = 8,
    DICTIONARY_PREFIX_BYTES_MAX = 1024,
    DICTIONARY_BUCKET_BYTES_MAX = 63,
};

struct dictionary_mapping {
    uint64_t creation_id; /* of the bucket */
    struct span prefix;   /* of keys; empty: all */
    struct span bucket;   /* its name */
    uint8_t digest[DICTIONARY_DIGEST_BYTES];
    uint32_t bytes;           /* of the dictionary */
    uint16_t saving_permille; /* 1 - with / without, on samples that it was not trained on */
    uint32_t samples;
    int64_t published_ms; /* wall clock of who did it */
    bool has_previous;
    uint8_t previous[DICTIONARY_ID_DIGEST_BYTES]; /* id of the one that it replaced */
};

struct dictionary_known {
    uint64_t creation_id;
    uint8_t id[DICTIONARY_ID_DIGEST_BYTES];
    uint32_t bytes;
    int64_t published_ms;
};

/* What is found points into the state. A value that is not of this shape (of a later version, perhaps) counts as none.
 */
bool dictionary_mapping_find(const struct state *state, uint64_t creation_id, struct span prefix,
                             struct dictionary_mapping *ret_mapping);
bool dictionary_known_find(const struct state *state, uint64_t creation_id,
                           const uint8_t id[DICTIONARY_ID_DIGEST_BYTES], struct dictionary_known *ret_known);
/* Steps through all, in no order. Start with a zeroed walk; the state must not change meanwhile. False at the end. */
bool dictionary_mapping_next(const struct state *state, struct state_walk *walk,
                             struct dictionary_mapping *ret_mapping);
bool dictionary_known_next(const struct state *state, struct state_walk *walk, struct dictionary_known *ret_known);
/* Equal: neither has changed between the two states. Each change adds a random number. */
uint64_t dictionaries_stamp(const struct state *state);

/* The ops of a batch, each on the condition that the mapping is what this state says. */
void dictionaries_put_mapping(struct buffer *ops, const struct state *state, const struct dictionary_mapping *mapping,
                              uint64_t stamp);
void dictionaries_put_unmap(struct buffer *ops, const struct state *state, uint64_t creation_id, struct span prefix,
                            uint64_t stamp);
void dictionaries_put_forget(struct buffer *ops, uint64_t creation_id, const uint8_t id[DICTIONARY_ID_DIGEST_BYTES],
                             uint64_t stamp);
