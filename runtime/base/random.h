/* runtime/base/random.h -- randomness as an argument.
 *
 * random_system() draws from the kernel and is what keys, tokens and identifiers come from. random_seeded() is a
 * reproducible generator (xoshiro256**) for simulators and tests, never for secrets. */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct random_source {
    void (*fill)(void *context, void *ret_bytes, size_t size);
    void *context;
};

struct random_seeded {
    uint64_t state[4];
};

const struct random_source *random_system(void);
/* Draws from another source many bytes at once and hands them out, each once: for identifiers of which one is needed so
 * often that a call of the kernel for each would count. Not for keys, which would lie in memory before they are used.
 * One thread's; the state belongs to the caller and must outlive the source. */
struct random_ahead {
    const struct random_source *source;
    size_t used; /* of the bytes */
    uint8_t bytes[1024];
};
struct random_source random_ahead(struct random_ahead *state, const struct random_source *source);
/* The state belongs to the caller and must outlive the source. */
struct random_source random_seeded(struct random_seeded *state, uint64_t seed);

static inline void random_fill(const struct random_source *source, void *ret_bytes, size_t size)
{
    source->fill(source->context, ret_bytes, size);
}

uint64_t random_u64(const struct random_source *source);
/* Uniform in 0 .. bound-1; bound must not be 0. */
uint64_t random_below(const struct random_source *source, uint64_t bound);
