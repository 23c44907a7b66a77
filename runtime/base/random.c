/* runtime/base/random.c -- the kernel's randomness, and a seeded generator (xoshiro256**, public domain design by
 * Blackman and Vigna) for tests. */
#include "runtime/base/random.h"

#include "runtime/base/assert.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

static void system_fill(void *context, void *ret_bytes, size_t size)
{
    (void)context;
    uint8_t *bytes = ret_bytes;
    while (size > 0) {
        ssize_t got = getrandom(bytes, size, 0);
        if (got < 0 && errno == EINTR)
            continue;
        ASSERT(got > 0);
        bytes += got;
        size -= (size_t)got;
    }
}

const struct random_source *random_system(void)
{
    static const struct random_source source = {system_fill, NULL};
    return &source;
}

static void ahead_fill(void *context, void *ret_bytes, size_t size)
{
    struct random_ahead *ahead = context;
    if (size > sizeof ahead->bytes) {
        random_fill(ahead->source, ret_bytes, size);
        return;
    }
    if (size > sizeof ahead->bytes - ahead->used) {
        random_fill(ahead->source, ahead->bytes, sizeof ahead->bytes);
        ahead->used = 0;
    }
    memcpy(ret_bytes, ahead->bytes + ahead->used, size);
    ahead->used += size;
}

struct random_source random_ahead(struct random_ahead *state, const struct random_source *source)
{
    state->source = source;
    state->used = sizeof state->bytes;
    return (struct random_source){ahead_fill, state};
}

static uint64_t rotate_left(uint64_t value, unsigned bits)
{
    return value << bits | value >> (64 - bits);
}

static uint64_t seeded_next(struct random_seeded *seeded)
{
    uint64_t *s = seeded->state;
    uint64_t result = rotate_left(s[1] * 5, 7) * 9;
    uint64_t t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotate_left(s[3], 45);
    return result;
}

static void seeded_fill(void *context, void *ret_bytes, size_t size)
{
    uint8_t *bytes = ret_bytes;
    while (size > 0) {
        uint64_t word = seeded_next(context);
        size_t take = size < sizeof word ? size : sizeof word;
        memcpy(bytes, &word, take);
        bytes += take;
        size -= take;
    }
}

struct random_source random_seeded(struct random_seeded *state, uint64_t seed)
{
    for (unsigned i = 0; i < 4; i++) { /* splitmix64 spreads a small seed over the state */
        seed += 0x9e3779b97f4a7c15U;
        uint64_t z = seed;
        z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9U;
        z = (z ^ z >> 27) * 0x94d049bb133111ebU;
        state->state[i] = z ^ z >> 31;
    }
    return (struct random_source){seeded_fill, state};
}

uint64_t random_u64(const struct random_source *source)
{
    uint64_t value;
    random_fill(source, &value, sizeof value);
    return value;
}

uint64_t random_below(const struct random_source *source, uint64_t bound)
{
    ASSERT(bound != 0);
    uint64_t threshold = -bound % bound; /* values below it would make small results likelier */
    for (;;) {
        uint64_t value = random_u64(source);
        if (value >= threshold)
            return value % bound;
    }
}
