/* codec/seal/aes_lanes.h -- blocks in registers, for the files of this room that use the processor's instructions. */
#pragma once

#include "codec/seal/aes_native.h"

#include <immintrin.h>

#define AES_TARGET target("aes,pclmul,ssse3,sse4.1")

/* `count` is a constant where this is used: all lanes are in registers. */
__attribute__((AES_TARGET, always_inline)) static inline void encrypt_lanes(const struct aes_schedule *schedule,
                                                                            __m128i *lanes, unsigned count)
{
    const __m128i *rounds = (const __m128i *)(const void *)schedule->rounds;
#pragma GCC unroll 8
    for (unsigned i = 0; i < count; i++)
        lanes[i] = _mm_xor_si128(lanes[i], rounds[0]);
#pragma GCC unroll 14
    for (unsigned round = 1; round < AES_ROUND_KEYS - 1; round++) {
#pragma GCC unroll 8
        for (unsigned i = 0; i < count; i++)
            lanes[i] = _mm_aesenc_si128(lanes[i], rounds[round]);
    }
#pragma GCC unroll 8
    for (unsigned i = 0; i < count; i++)
        lanes[i] = _mm_aesenclast_si128(lanes[i], rounds[AES_ROUND_KEYS - 1]);
}
