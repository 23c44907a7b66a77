/* bench/data/data_sets.h -- data to measure codecs with, made from counters and fixed seeds: the same bytes on every
 * machine.
 *
 * Three kinds. What S4 publishes figures of, by the definitions of its own benchmark: its numbers are degenerate (a
 * counter, steps of period 32, a generator with short periods), so great ratios say little of real data. Companions:
 * numbers with the shape and the noise of real ones, and the only ones to judge by. Others: text and what looks like
 * it, which must not lose by what is done for numbers. docs/compression.md has the table. */
#pragma once

#include <stddef.h>
#include <stdint.h>

enum data_kind { DATA_OF_S4, DATA_COMPANION, DATA_OTHER };

/* What S4 publishes for a set (docs/benchmarks.md of S4); a ratio of 0: nothing. MB/s are from a GPU for its
 * nvcomp codecs. */
struct s4_figures {
    const char *codec;
    double ratio;
    double in_mbs;
    double out_mbs;
};

struct data_filler;

struct data_set {
    const char *name; /* one word for command lines */
    const char *what;
    enum data_kind kind;
    size_t full_bytes; /* the size to measure at */
    void (*fill)(struct data_filler *filler);
    struct s4_figures s4;
};

const struct data_set *data_set_at(unsigned index);     /* NULL behind the last */
const struct data_set *data_set_find(const char *name); /* NULL: there is none */

/* The first `size` bytes of a set; a longer one begins with the same. */
void data_set_fill(const struct data_set *set, uint8_t *bytes, size_t size);
