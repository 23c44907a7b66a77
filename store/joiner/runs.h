/* store/joiner/runs.h -- which pieces lie together in one stored part: decisions, without any I/O. */
#pragma once

#include "store/joiner/staged.h"

/* A stored part, as the inner store lists it. */
struct stored_run {
    unsigned number;
    uint64_t size;
    uint8_t digest[MD5_BYTES];
};

/* What a stored part made of these pieces carries as its md5. */
void run_digest(const struct staged_piece *pieces, unsigned count, uint8_t ret_digest[MD5_BYTES]);

/* How many of the pieces, from the first on, the stored part holds just as they are now; 0: it does not hold. */
unsigned run_match(const struct stored_run *run, const struct staged_piece *pieces, unsigned count);

/* Pieces [first, first + count) are one stored part: already, or once they have been joined. */
struct run_step {
    unsigned first;
    unsigned count;
    bool is_stored;
};

/* For a Complete: all pieces, in order, as stored parts of which only the last may be below `bytes_min`. `stored`
 * ascends by number. Appends struct run_step. */
void runs_plan(const struct staged_piece *pieces, unsigned count, const struct stored_run *stored,
               unsigned stored_count, uint64_t bytes_min, struct buffer *ret_steps);

/* While parts arrive: what can be joined now. Only consecutive numbers are neighbours, because what is missing between
 * two may still come. `is_cut`: there are pieces before these, so where the first ones belong is not known. Appends
 * struct run_step, none of which is stored. */
void runs_ready(const struct staged_piece *pieces, unsigned count, bool is_cut, const struct stored_run *stored,
                unsigned stored_count, uint64_t bytes_min, struct buffer *ret_steps);
