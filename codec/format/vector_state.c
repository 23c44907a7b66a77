/* codec/format/vector_state.c -- VZEROUPPER where there is one. */
#include "codec/format/vector_state.h"

#if defined(__x86_64__)

#include <immintrin.h>

__attribute__((target("avx"))) static void clear_upper_parts(void)
{
    _mm256_zeroupper();
}

void vector_state_clear(void)
{
    if (__builtin_cpu_supports("avx"))
        clear_upper_parts();
}

#else

void vector_state_clear(void)
{
}

#endif
