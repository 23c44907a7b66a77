/* codec/seal/aes_native.c -- keys of rounds, and blocks eight at a time. */
#include "codec/seal/aes_native.h"

#include "runtime/base/assert.h"

#if defined(__x86_64__)

#include "codec/seal/aes_lanes.h"

static bool is_there;

__attribute__((constructor)) static void find_out_about_instructions(void)
{
    __builtin_cpu_init();
    is_there = __builtin_cpu_supports("aes") && __builtin_cpu_supports("pclmul") && __builtin_cpu_supports("ssse3") &&
               __builtin_cpu_supports("sse4.1");
}

bool aes_native_exists(void)
{
    return is_there;
}

/* FIPS 197, 5.2: four words, each the one four, eight ... before it and all before that. */
__attribute__((AES_TARGET, always_inline)) static inline __m128i next_round(__m128i before, __m128i assist)
{
    before = _mm_xor_si128(before, _mm_slli_si128(before, 4));
    before = _mm_xor_si128(before, _mm_slli_si128(before, 8));
    return _mm_xor_si128(before, assist);
}

/* The instruction takes its constant from the code, so that there can be no loop. */
#define ROTATED(from, constant) _mm_shuffle_epi32(_mm_aeskeygenassist_si128(from, constant), 0xff)
#define SUBSTITUTED(from) _mm_shuffle_epi32(_mm_aeskeygenassist_si128(from, 0), 0xaa)

__attribute__((AES_TARGET)) void aes_schedule_make(struct aes_schedule *schedule, const uint8_t key[32])
{
    __m128i *rounds = (__m128i *)(void *)schedule->rounds;
    __m128i even = _mm_loadu_si128((const __m128i *)(const void *)key);
    __m128i odd = _mm_loadu_si128((const __m128i *)(const void *)(key + 16));
    rounds[0] = even;
    rounds[1] = odd;
#define TWO_ROUNDS(at, constant)                                  \
    rounds[at] = even = next_round(even, ROTATED(odd, constant)); \
    rounds[(at) + 1] = odd = next_round(odd, SUBSTITUTED(even))
    TWO_ROUNDS(2, 0x01);
    TWO_ROUNDS(4, 0x02);
    TWO_ROUNDS(6, 0x04);
    TWO_ROUNDS(8, 0x08);
    TWO_ROUNDS(10, 0x10);
    TWO_ROUNDS(12, 0x20);
#undef TWO_ROUNDS
    rounds[14] = next_round(even, ROTATED(odd, 0x40));
}

__attribute__((AES_TARGET)) void aes_schedule_encrypt(const struct aes_schedule *schedule, const uint8_t *blocks,
                                                      size_t count, uint8_t *ret_blocks)
{
    const __m128i *from = (const __m128i *)(const void *)blocks;
    __m128i *to = (__m128i *)(void *)ret_blocks;
    for (; count >= AES_NATIVE_LANES; count -= AES_NATIVE_LANES) {
        __m128i lanes[AES_NATIVE_LANES];
        for (unsigned i = 0; i < AES_NATIVE_LANES; i++)
            lanes[i] = _mm_loadu_si128(from++);
        encrypt_lanes(schedule, lanes, AES_NATIVE_LANES);
        for (unsigned i = 0; i < AES_NATIVE_LANES; i++)
            _mm_storeu_si128(to++, lanes[i]);
    }
    for (; count >= 2; count -= 2) {
        __m128i lanes[2] = {_mm_loadu_si128(from), _mm_loadu_si128(from + 1)};
        encrypt_lanes(schedule, lanes, 2);
        _mm_storeu_si128(to, lanes[0]);
        _mm_storeu_si128(to + 1, lanes[1]);
        from += 2;
        to += 2;
    }
    if (count > 0) {
        __m128i lane = _mm_loadu_si128(from);
        encrypt_lanes(schedule, &lane, 1);
        _mm_storeu_si128(to, lane);
    }
}

#else

bool aes_native_exists(void)
{
    return false;
}

void aes_schedule_make(struct aes_schedule *schedule, const uint8_t key[32])
{
    (void)schedule, (void)key;
    ASSERT(!"no such instructions");
}

void aes_schedule_encrypt(const struct aes_schedule *schedule, const uint8_t *blocks, size_t count, uint8_t *ret_blocks)
{
    (void)schedule, (void)blocks, (void)count, (void)ret_blocks;
    ASSERT(!"no such instructions");
}

#endif
