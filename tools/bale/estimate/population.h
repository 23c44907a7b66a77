/* tools/bale/estimate/population.h -- the objects that an estimate is about, in strata.
 *
 * A stratum is an ending (.json) and a class of size. The endings with most bytes have strata of their own, all others
 * share theirs. In memory: some 50 bytes of each object beside its name.
 *
 * First objects are added, then they are sorted (population_settle), then frames are found in them. Pure. */
#pragma once

#include "runtime/base/buffer.h"
#include "server/config/prices.h"
#include "tools/bale/estimate/sampling.h"

enum {
    POPULATION_ENDINGS = 15, /* with strata of their own; behind them stands one for the others */
    POPULATION_SIZES = 4,    /* up to 4 KiB, 64 KiB, 1 MiB, and beyond */
    POPULATION_STRATA = (POPULATION_ENDINGS + 1) * POPULATION_SIZES,
    POPULATION_ENDING_BYTES = 16, /* a longer one is none */
    POPULATION_CLASSES = PRICES_CLASSES,
    POPULATION_CLASS_BYTES = PRICES_CLASS_BYTES,
};

struct population_object {
    uint64_t size;   /* bytes that would be packed, of which frames are drawn */
    uint64_t stored; /* what it takes now */
    uint64_t end;    /* when settled: its last byte in its stratum */
    uint64_t name;   /* where it begins in population.names */
    uint16_t name_bytes;
    uint8_t stratum;    /* when settled */
    uint8_t class_at;   /* of population.classes */
    bool is_unreadable; /* archived: it stays as it is */
    bool is_known;      /* ... its only frame has been packed, to this part of its size */
    float part;
};

struct population_ending {
    char text[POPULATION_ENDING_BYTES]; /* ".json"; "" where a name has none */
    uint64_t bytes;
};

struct population {
    struct population_object *objects;
    size_t count;
    size_t capacity;
    struct buffer names;
    uint64_t bytes;            /* of all objects: sizes */
    uint64_t stored;           /* ... and what they take now */
    uint64_t unreadable_bytes; /* sizes of those that cannot be read, which are in no stratum */
    uint64_t unreadable_count;
    char classes[POPULATION_CLASSES]
                [POPULATION_CLASS_BYTES]; /* storage classes that there are; the first is STANDARD */
    unsigned classes_count;
    /* When settled. Strata of one ending follow each other, the smallest objects first. */
    struct population_ending endings[POPULATION_ENDINGS];
    unsigned endings_count;
    struct stratum strata[POPULATION_STRATA];
    size_t first[POPULATION_STRATA +
                 1]; /* where the objects of a stratum begin; the last: where those that are in none do */
};

void population_init(struct population *population);
void population_free(struct population *population);

/* `storage_class` empty: STANDARD. */
void population_add(struct population *population, struct span name, uint64_t size, uint64_t stored,
                    struct span storage_class, bool is_unreadable);
struct span population_name(const struct population *population, const struct population_object *object);

void population_settle(struct population *population);
/* As people read it: "(none)" for names without one, "others" behind the last. */
const char *population_ending_name(const struct population *population, unsigned ending);

/* One MiB of an object, or what there is of it. */
struct population_frame {
    struct population_object *object;
    uint64_t offset;
    size_t size;
};

/* The one that holds this byte of the stratum's. */
struct population_frame population_find_frame(struct population *population, unsigned stratum, uint64_t position);
