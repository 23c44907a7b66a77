/* tools/bale/estimate/sampling.h -- how much can be said of all frames by some of them.
 *
 * A population of bytes is cut into strata of what is probably alike. Frames are drawn in each, a frame with the
 * probability of its share of the stratum's bytes, with repetition; of each is known to which part of its size it was
 * packed. The mean of these parts is then that of the stratum's bytes, whatever sizes its frames have. Where as many
 * frames are asked for as a stratum has, all of them are read once, and nothing is left to chance.
 *
 * The interval is that of 95 % of a normal distribution, 1.2 times as wide: deviations that few frames show are too
 * small rather than too large. Pure. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct stratum {
    uint64_t bytes;  /* of its objects */
    uint64_t frames; /* that they have */
    /* What was drawn: count, mean of the parts, and the sum of squares of their distances from it. */
    unsigned drawn;
    double mean;
    double squares;
    /* All its frames were read: bytes of them, and what they were packed to. */
    bool is_whole;
    uint64_t whole_bytes;
    double whole_packed;
};

enum { SAMPLING_PILOT_FRAMES = 8 }; /* of each stratum, before anything is known of it */

void stratum_add_drawn(struct stratum *stratum, double part);
/* The stratum is read whole: what was drawn of it before does not count. */
void stratum_begin_whole(struct stratum *stratum);
void stratum_add_whole(struct stratum *stratum, uint64_t bytes, double part);

/* To which part of its bytes it is packed; 1 where nothing is known. */
double stratum_part(const struct stratum *stratum);

/* Of `frames` altogether, how many each stratum is to have: by its bytes and the deviation that it has shown. */
void sampling_allocate(const struct stratum *strata, unsigned count, unsigned frames, unsigned *ret_wanted);

/* To which part all bytes of these strata are packed, and how far off that may be, one way and the other. */
double sampling_part(const struct stratum *strata, unsigned count);
double sampling_half_width(const struct stratum *strata, unsigned count);
