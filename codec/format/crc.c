/* codec/format/crc.c -- CRC-32 and CRC-32C by ISA-L, CRC-64/NVME by folding with carry-less multiplication, 16 or 64
 * bytes in a register, or by table.
 */
#include "codec/format/crc.h"
#include "codec/format/vector_state.h"

#include "runtime/base/byteorder.h"

#include <isa-l/crc.h>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

uint32_t crc32_update(uint32_t crc, struct span bytes)
{
    crc = crc32_gzip_refl(crc, bytes.data, bytes.size); /* inverts before and after by itself */
    vector_state_clear();
    return crc;
}

#if defined(__x86_64__)

/* Rows of a catalogue are shorter than what ISA-L takes to begin: by the processor's own instruction they cost a
 * quarter, and half of that where three parts are summed up side by side. */
enum { SHORT_BYTES = 768, PARTS = 3, PART_WORDS_LEAST = 4, PART_WORDS_MAX = SHORT_BYTES / 8 / PARTS };

#define CRC32C_POLYNOMIAL UINT32_C(0x82f63b78) /* reflected */

/* crc32c_factors[n]: by what a sum is multiplied for n words that follow it, when the product is added to the last of
 * them: x^(64 n - 33), for the multiplier adds an x of its own, and the instruction x^32. */
static uint32_t crc32c_factors[2 * PART_WORDS_MAX + 1];

static bool has_instruction;

__attribute__((constructor)) static void find_out_about_instruction(void)
{
    uint32_t power = UINT32_C(1) << 31; /* x^0 */
    __builtin_cpu_init();
    has_instruction = __builtin_cpu_supports("sse4.2") && __builtin_cpu_supports("pclmul");
    for (unsigned exponent = 1; exponent <= 64 * 2 * PART_WORDS_MAX - 33; exponent++) {
        power = (power >> 1) ^ ((power & 1) != 0 ? CRC32C_POLYNOMIAL : 0);
        if ((exponent + 33) % 64 == 0)
            crc32c_factors[(exponent + 33) / 64] = power;
    }
}

__attribute__((target("sse4.2,pclmul"), always_inline)) static inline uint64_t carry_over(uint64_t state, size_t words)
{
    __m128i product =
        _mm_clmulepi64_si128(_mm_cvtsi64_si128((long long)state), _mm_cvtsi32_si128((int)crc32c_factors[words]), 0);
    return (uint64_t)_mm_cvtsi128_si64(product);
}

/* Each step waits for the one before it, three times as long as the processor needs for one. */
__attribute__((target("sse4.2,pclmul"))) static uint64_t update_parts(uint64_t state, const uint8_t *bytes,
                                                                      size_t words)
{
    uint64_t middle = 0;
    uint64_t last = 0;
    size_t size = words * 8;
    for (const uint8_t *end = bytes + size - 8; bytes < end; bytes += 8) {
        state = _mm_crc32_u64(state, load_u64_le(bytes));
        middle = _mm_crc32_u64(middle, load_u64_le(bytes + size));
        last = _mm_crc32_u64(last, load_u64_le(bytes + 2 * size));
    }
    state = _mm_crc32_u64(state, load_u64_le(bytes));
    middle = _mm_crc32_u64(middle, load_u64_le(bytes + size));
    return _mm_crc32_u64(last,
                         load_u64_le(bytes + 2 * size) ^ carry_over(state, 2 * words) ^ carry_over(middle, words));
}

__attribute__((target("sse4.2,pclmul"))) static uint32_t update_short(uint32_t state, struct span bytes)
{
    uint64_t wide = state;
    size_t words = bytes.size / 8 / PARTS;
    if (words >= PART_WORDS_LEAST) {
        wide = update_parts(wide, bytes.data, words);
        bytes = span_skip(bytes, PARTS * words * 8);
    }
    for (; bytes.size >= sizeof wide; bytes = span_skip(bytes, sizeof wide))
        wide = _mm_crc32_u64(wide, load_u64_le(bytes.data));
    state = (uint32_t)wide;
    for (size_t i = 0; i < bytes.size; i++)
        state = _mm_crc32_u8(state, bytes.data[i]);
    return state;
}

#endif

uint32_t crc32c_update(uint32_t crc, struct span bytes)
{
    enum { PIECE_BYTES = 1 << 30 }; /* ISA-L takes an int */
    uint32_t state = ~crc;
#if defined(__x86_64__)
    if (bytes.size <= SHORT_BYTES && has_instruction)
        return ~update_short(state, bytes);
#endif
    while (bytes.size > 0) {
        struct span piece = span_take(bytes, PIECE_BYTES);
        state = crc32_iscsi((unsigned char *)(uintptr_t)piece.data, (int)piece.size, state);
        bytes = span_skip(bytes, piece.size);
    }
    vector_state_clear();
    return ~state;
}

/* A CRC is linear: what a wrong bit does to it depends on nothing but how many bits follow. */
bool crc32c_find_wrong_bit(uint32_t difference, uint64_t size, uint64_t *ret_bit)
{
    const uint32_t polynomial = 0x82f63b78; /* reflected: what the last bit does */
    uint32_t effect = polynomial;
    for (uint64_t bit = 8 * size; bit-- > 0;) {
        if (effect == difference) {
            *ret_bit = bit;
            return true;
        }
        effect = (effect >> 1) ^ ((effect & 1) != 0 ? polynomial : 0);
    }
    return false;
}

/* ---- CRC-64/NVME: polynomial ad93d23594c93659, bits reflected, state inverted before and after ---- */

#define CRC64_POLYNOMIAL UINT64_C(0x9a6c9329ac4bc9b5) /* reflected */

/* crc64_table[k][b]: what byte b does to the state when k more bytes follow it in the same 8. */
static uint64_t crc64_table[8][256];

__attribute__((constructor)) static void make_table(void)
{
    for (unsigned byte = 0; byte < 256; byte++) {
        uint64_t state = byte;
        for (unsigned bit = 0; bit < 8; bit++)
            state = (state >> 1) ^ ((state & 1) != 0 ? CRC64_POLYNOMIAL : 0);
        crc64_table[0][byte] = state;
    }
    for (unsigned byte = 0; byte < 256; byte++)
        for (unsigned k = 1; k < 8; k++) {
            uint64_t before = crc64_table[k - 1][byte];
            crc64_table[k][byte] = (before >> 8) ^ crc64_table[0][before & 0xff];
        }
}

static uint64_t update_by_table(uint64_t state, const uint8_t *bytes, size_t size)
{
    for (; size >= 8; bytes += 8, size -= 8) {
        uint64_t word = state ^ load_u64_le(bytes);
        state = 0;
        for (unsigned i = 0; i < 8; i++)
            state ^= crc64_table[7 - i][(word >> (8 * i)) & 0xff];
    }
    for (; size > 0; bytes++, size--)
        state = (state >> 8) ^ crc64_table[0][(state ^ *bytes) & 0xff];
    return state;
}

#if defined(__x86_64__)

/* Folding: a message is a polynomial, and what counts is its remainder. A lane of 128 bits that lies D bits before
 * another may be multiplied by x^D mod P and added to it. Reflected, the low half of a lane has the higher powers, and
 * a carry-less product of reflected numbers is one power short, so the two factors are x^(D+63) and x^(D-1) mod P. */
#define FOLD_FACTORS(low, high) _mm_set_epi64x((long long)UINT64_C(high), (long long)UINT64_C(low))
#define FOLD_128 FOLD_FACTORS(0xeadc41fd2ba3d420, 0x21e9761e252621ac)  /* x^191, x^127 */
#define FOLD_1024 FOLD_FACTORS(0xa1ca681e733f9c40, 0x5f852fb61e8d92dc) /* x^1087, x^1023 */

#define FOLD_2048 FOLD_FACTORS(0x37ccd3e14069cabc, 0xa043808c0f782663) /* x^2111, x^2047 */

enum { LANES = 8, LANE_BYTES = 16, STRIDE_BYTES = LANES * LANE_BYTES, SHORT_FOLD_BYTES = 3 * LANE_BYTES };

__attribute__((target("pclmul,sse4.1"), always_inline)) static inline __m128i fold(__m128i lane, __m128i factors,
                                                                                   __m128i next)
{
    __m128i low = _mm_clmulepi64_si128(lane, factors, 0x00);
    __m128i high = _mm_clmulepi64_si128(lane, factors, 0x11);
    return _mm_xor_si128(next, _mm_xor_si128(low, high));
}

/* The 16 bytes that are left have the remainder of all that was folded into them. */
__attribute__((target("pclmul,sse4.1"))) static uint64_t finish_folding(const __m128i *lanes, unsigned count,
                                                                        const uint8_t *bytes, size_t size)
{
    const __m128i near = FOLD_128;
    __m128i sum = lanes[0];
    uint8_t folded[LANE_BYTES];
    for (unsigned i = 1; i < count; i++)
        sum = fold(sum, near, lanes[i]);
    _mm_storeu_si128((__m128i *)(void *)folded, sum);
    return update_by_table(update_by_table(0, folded, LANE_BYTES), bytes, size);
}

/* One lane, for what has no room for all of them: names, keys, entries of the journal. At least LANE_BYTES. */
__attribute__((target("pclmul,sse4.1"))) static uint64_t update_by_short_folding(uint64_t state, const uint8_t *bytes,
                                                                                 size_t size)
{
    const __m128i near = FOLD_128;
    __m128i lane = _mm_loadu_si128((const __m128i *)(const void *)bytes);
    lane = _mm_xor_si128(lane, _mm_cvtsi64_si128((long long)state));
    for (bytes += LANE_BYTES, size -= LANE_BYTES; size >= LANE_BYTES; bytes += LANE_BYTES, size -= LANE_BYTES)
        lane = fold(lane, near, _mm_loadu_si128((const __m128i *)(const void *)bytes));
    return finish_folding(&lane, 1, bytes, size);
}

/* At least STRIDE_BYTES. */
__attribute__((target("pclmul,sse4.1"))) static uint64_t update_by_folding(uint64_t state, const uint8_t *bytes,
                                                                           size_t size)
{
    __m128i lanes[LANES];
    for (unsigned i = 0; i < LANES; i++)
        lanes[i] = _mm_loadu_si128((const __m128i *)(const void *)(bytes + (size_t)i * LANE_BYTES));
    lanes[0] = _mm_xor_si128(lanes[0], _mm_cvtsi64_si128((long long)state));

    const __m128i far = FOLD_1024;
    for (bytes += STRIDE_BYTES, size -= STRIDE_BYTES; size >= STRIDE_BYTES; bytes += STRIDE_BYTES, size -= STRIDE_BYTES)
#pragma GCC unroll 8
        for (unsigned i = 0; i < LANES; i++)
            lanes[i] =
                fold(lanes[i], far, _mm_loadu_si128((const __m128i *)(const void *)(bytes + (size_t)i * LANE_BYTES)));
    return finish_folding(lanes, LANES, bytes, size);
}

/* The same with four lanes in each register (AVX-512). At least WIDE_STRIDE_BYTES. */
#define WIDE_TARGET target("avx512f,vpclmulqdq,pclmul,sse4.1")
enum { WIDE_LANES = 4, WIDE_LANE_BYTES = 64, WIDE_STRIDE_BYTES = WIDE_LANES * WIDE_LANE_BYTES };

__attribute__((WIDE_TARGET, always_inline)) static inline __m512i fold_wide(__m512i lane, __m512i factors, __m512i next)
{
    enum { XOR_OF_THREE = 0x96 };
    __m512i low = _mm512_clmulepi64_epi128(lane, factors, 0x00);
    __m512i high = _mm512_clmulepi64_epi128(lane, factors, 0x11);
    return _mm512_ternarylogic_epi64(low, high, next, XOR_OF_THREE);
}

__attribute__((WIDE_TARGET)) static uint64_t update_by_wide_folding(uint64_t state, const uint8_t *bytes, size_t size)
{
    __m512i wide[WIDE_LANES];
    __m128i lanes[WIDE_STRIDE_BYTES / LANE_BYTES];
    for (unsigned i = 0; i < WIDE_LANES; i++)
        wide[i] = _mm512_loadu_si512(bytes + (size_t)i * WIDE_LANE_BYTES);
    wide[0] = _mm512_xor_si512(wide[0], _mm512_zextsi128_si512(_mm_cvtsi64_si128((long long)state)));

    const __m512i far = _mm512_broadcast_i32x4(FOLD_2048);
    for (bytes += WIDE_STRIDE_BYTES, size -= WIDE_STRIDE_BYTES; size >= WIDE_STRIDE_BYTES;
         bytes += WIDE_STRIDE_BYTES, size -= WIDE_STRIDE_BYTES)
#pragma GCC unroll 4
        for (unsigned i = 0; i < WIDE_LANES; i++)
            wide[i] = fold_wide(wide[i], far, _mm512_loadu_si512(bytes + (size_t)i * WIDE_LANE_BYTES));

    memcpy(lanes, wide, sizeof lanes);
    return finish_folding(lanes, sizeof lanes / sizeof lanes[0], bytes, size);
}

static bool can_fold;
static bool can_fold_wide;

__attribute__((constructor)) static void find_out_about_folding(void)
{
    __builtin_cpu_init();
    can_fold = __builtin_cpu_supports("pclmul") && __builtin_cpu_supports("sse4.1");
    can_fold_wide = can_fold && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("vpclmulqdq");
}

uint64_t crc64nvme_update(uint64_t crc, struct span bytes)
{
    if (can_fold_wide && bytes.size >= WIDE_STRIDE_BYTES)
        return ~update_by_wide_folding(~crc, bytes.data, bytes.size);
    if (can_fold && bytes.size >= STRIDE_BYTES)
        return ~update_by_folding(~crc, bytes.data, bytes.size);
    if (can_fold && bytes.size >= SHORT_FOLD_BYTES)
        return ~update_by_short_folding(~crc, bytes.data, bytes.size);
    return ~update_by_table(~crc, bytes.data, bytes.size);
}

#else

uint64_t crc64nvme_update(uint64_t crc, struct span bytes)
{
    return ~update_by_table(~crc, bytes.data, bytes.size);
}

#endif

/* ---- combining: to append n bytes is to multiply the CRC before them by x^(8n) mod P ---- */

enum { POWERS = 64 + 3 }; /* x^(2^k): bits of the largest number of bits */

static struct combiner {
    uint64_t polynomial; /* reflected, as the CRCs are: the highest bit is x^0 */
    uint64_t one;
    uint64_t powers[POWERS];
} combiners[] = {
    {.polynomial = 0xedb88320, .one = UINT64_C(1) << 31},      /* CRC-32 */
    {.polynomial = 0x82f63b78, .one = UINT64_C(1) << 31},      /* CRC-32C */
    {.polynomial = CRC64_POLYNOMIAL, .one = UINT64_C(1) << 63} /* CRC-64/NVME */
};
enum { COMBINE_CRC32, COMBINE_CRC32C, COMBINE_CRC64NVME, COMBINERS };

static uint64_t multiply(const struct combiner *combiner, uint64_t a, uint64_t b)
{
    uint64_t product = 0;
    for (uint64_t bit = combiner->one; bit != 0; bit >>= 1) {
        product ^= (a & bit) != 0 ? b : 0;
        b = (b >> 1) ^ ((b & 1) != 0 ? combiner->polynomial : 0);
    }
    return product;
}

__attribute__((constructor)) static void make_powers(void)
{
    for (unsigned i = 0; i < COMBINERS; i++) {
        struct combiner *combiner = &combiners[i];
        combiner->powers[0] = combiner->one >> 1; /* x */
        for (unsigned k = 1; k < POWERS; k++)
            combiner->powers[k] = multiply(combiner, combiner->powers[k - 1], combiner->powers[k - 1]);
    }
}

static uint64_t combine(const struct combiner *combiner, uint64_t first, uint64_t second, uint64_t second_size)
{
    for (unsigned k = 3; second_size != 0; k++, second_size >>= 1)
        if ((second_size & 1) != 0)
            first = multiply(combiner, combiner->powers[k], first);
    return first ^ second;
}

uint32_t crc32_combine(uint32_t first, uint32_t second, uint64_t second_size)
{
    return (uint32_t)combine(&combiners[COMBINE_CRC32], first, second, second_size);
}

uint32_t crc32c_combine(uint32_t first, uint32_t second, uint64_t second_size)
{
    return (uint32_t)combine(&combiners[COMBINE_CRC32C], first, second, second_size);
}

uint64_t crc64nvme_combine(uint64_t first, uint64_t second, uint64_t second_size)
{
    return combine(&combiners[COMBINE_CRC64NVME], first, second, second_size);
}
