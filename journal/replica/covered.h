/* journal/replica/covered.h -- the segments that the last generations folded: in which one, asked for each name that is
 * listed.
 *
 * A table over the keys, and for each generation the list of its keys, so that forgetting one costs what it folded and
 * not what all of them did. */
#pragma once

#include "journal/format/entries.h"
#include "journal/format/name.h"

struct covered_generation {
    uint64_t generation;
    struct segment_key *keys; /* in canonical order */
    uint32_t count;
};

struct covered {
    struct entries by_key;                  /* stored segment key -> u64 generation */
    struct covered_generation *generations; /* ascending */
    size_t generations_count, generations_capacity;
};

/* A zeroed struct is empty. */
void covered_free(struct covered *covered);
/* Takes the keys over; they came from malloc. A generation that is there already is left as it is. */
void covered_add(struct covered *covered, uint64_t generation, struct segment_key *keys, uint32_t count);
/* Generations before `oldest`. */
void covered_forget(struct covered *covered, uint64_t oldest);
/* The generation that folded the key, or 0. */
uint64_t covered_generation(const struct covered *covered, const struct segment_key *key);
