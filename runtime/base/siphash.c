/* runtime/base/siphash.c -- eight bytes a round, three rounds at the end. */
#include "runtime/base/siphash.h"

#include "runtime/base/byteorder.h"

enum { ROUNDS_AT_THE_END = 3, WORD_BYTES = 8 };

struct siphash_key siphash_draw_key(const struct random_source *source)
{
    struct siphash_key key;
    random_fill(source, &key, sizeof key);
    return key;
}

struct siphash siphash_begin(const struct siphash_key *key)
{
    uint64_t first = key->words[0];
    uint64_t second = key->words[1];
    return (struct siphash){{first ^ UINT64_C(0x736f6d6570736575), second ^ UINT64_C(0x646f72616e646f6d),
                             first ^ UINT64_C(0x6c7967656e657261), second ^ UINT64_C(0x7465646279746573)}};
}

static inline uint64_t rotate_left(uint64_t value, unsigned bits)
{
    return value << bits | value >> (64 - bits);
}

static inline void mix(uint64_t state[4])
{
    state[0] += state[1];
    state[2] += state[3];
    state[1] = rotate_left(state[1], 13) ^ state[0];
    state[3] = rotate_left(state[3], 16) ^ state[2];
    state[0] = rotate_left(state[0], 32);
    state[2] += state[1];
    state[0] += state[3];
    state[1] = rotate_left(state[1], 17) ^ state[2];
    state[3] = rotate_left(state[3], 21) ^ state[0];
    state[2] = rotate_left(state[2], 32);
}

static inline void take_word(uint64_t state[4], uint64_t word)
{
    state[3] ^= word;
    mix(state);
    state[0] ^= word;
}

void siphash_add(struct siphash *hash, struct span text)
{
    uint64_t last = (uint64_t)text.size << 56;
    while (text.size >= WORD_BYTES) {
        take_word(hash->state, load_u64_le(text.data));
        text = span_skip(text, WORD_BYTES);
    }
    for (size_t i = 0; i < text.size; i++)
        last |= (uint64_t)text.data[i] << (8 * i);
    take_word(hash->state, last);
}

uint64_t siphash_end(struct siphash hash)
{
    hash.state[2] ^= 0xff;
    for (unsigned round = 0; round < ROUNDS_AT_THE_END; round++)
        mix(hash.state);
    return hash.state[0] ^ hash.state[1] ^ hash.state[2] ^ hash.state[3];
}
