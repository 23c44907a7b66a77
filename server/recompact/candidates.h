/* server/recompact/candidates.h -- which versions are worth most to be packed anew: the best of one walk, in order.
 *
 * Worth is what packing saves for each byte that must be packed for it: by how dense a body is stored now, and by what
 * bodies whose names end alike have gained so far. Of equal worth the larger one comes first. Pure; one fiber. */
#pragma once

#include "store/bucket.h"

#include <stdbool.h>
#include <stdint.h>

enum { CANDIDATES_MAX = 1000, GAINS_MAX = 64, GAIN_ENDING_BYTES = 12 };

/* What was learned of endings ("csv"); of those that come when there is no room, nothing. */
struct gains {
    struct {
        char ending[GAIN_ENDING_BYTES];
        double left; /* stored bytes after, for each before: a mean that forgets */
    } rows[GAINS_MAX];
    unsigned count;
};

/* Unknown ones are believed to gain a little. */
double gains_find(const struct gains *gains, struct span key);
void gains_learn(struct gains *gains, struct span key, uint64_t before, uint64_t after);

struct candidate {
    double worth;
    int level;
    uint64_t stored_size;
    uint64_t original_size;
    char stored_etag[STORED_ETAG_TEXT_BYTES];
    char version[VERSION_TEXT_BYTES];
    unsigned bucket_bytes;
    unsigned key_bytes;
    char names[]; /* bucket, then key */
};
struct object_name candidate_name(const struct candidate *candidate);

/* Zeroed at first. */
struct candidates {
    struct candidate *heap[CANDIDATES_MAX]; /* while a walk fills it the least is the first; sorted behind it */
    unsigned count;
};

/* Is it among the best so far? Then it is kept. */
void candidates_offer(struct candidates *candidates, const struct object_name *name,
                      const struct object_attributes *attributes, int level, const struct gains *gains);
/* After the last offer: the best comes last. */
void candidates_sort(struct candidates *candidates);
/* The best one, the caller's (free); NULL: none is left. */
struct candidate *candidates_take(struct candidates *candidates);
void candidates_free(struct candidates *candidates);
