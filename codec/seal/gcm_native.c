/* codec/seal/gcm_native.c -- counters, and the hash over what they made.
 *
 * GHASH counts bits from the other end than the multiplier does: with its key times x, products come out where they
 * belong. They are added up before they are reduced by x^128 + x^7 + x^2 + x + 1 in two steps of 64 bits (Gueron and
 * Kounavis, "Intel Carry-Less Multiplication Instruction and its Usage for Computing the GCM Mode"). */
#include "codec/seal/gcm_native.h"

#include "runtime/base/assert.h"
#include "runtime/base/byteorder.h"

#include <string.h>

#if defined(__x86_64__)

#include "codec/seal/aes_lanes.h"

#include <cpuid.h>

enum {
    BLOCK_BYTES = 16,
    STRIDE_BYTES = GCM_NATIVE_STRIDE_BLOCKS * BLOCK_BYTES,
    LANES_BYTES = AES_NATIVE_LANES * BLOCK_BYTES,
    NARROW_BYTES_MAX = 2048, /* with registers of 128 bits */
    FIRST_COUNTER = 2,       /* 1 is the tag's */
    LOW_BY_LOW = 0x00,
    LOW_BY_HIGH = 0x10,
    HIGH_BY_LOW = 0x01,
    HIGH_BY_HIGH = 0x11,
    SWAPPED_HALVES = 0x4e,
};

#define WIDE_TARGET target("avx512f,avx512bw,vaes,vpclmulqdq,aes,pclmul")

static bool is_wide_there;

/* Which clang 14 does not know by its name. */
static bool has_vaes(void)
{
    enum { FEATURES_LEAF = 7 };
    unsigned eax = 0;
    unsigned ebx = 0;
    unsigned ecx = 0;
    unsigned edx = 0;
    return __get_cpuid_count(FEATURES_LEAF, 0, &eax, &ebx, &ecx, &edx) == 1 && (ecx & bit_VAES) != 0;
}

__attribute__((constructor)) static void find_out_about_wide_ones(void)
{
    __builtin_cpu_init();
    is_wide_there = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                    __builtin_cpu_supports("vpclmulqdq") && has_vaes();
}

bool gcm_native_suits(size_t associated_size, size_t message_size)
{
    return aes_native_exists() && associated_size <= NARROW_BYTES_MAX &&
           (is_wide_there || message_size <= NARROW_BYTES_MAX);
}

/* ---- the hash ---- */

__attribute__((AES_TARGET, always_inline)) static inline __m128i load(const uint8_t *bytes)
{
    return _mm_loadu_si128((const __m128i *)(const void *)bytes);
}

__attribute__((AES_TARGET, always_inline)) static inline void store(uint8_t *bytes, __m128i block)
{
    _mm_storeu_si128((__m128i *)(void *)bytes, block);
}

__attribute__((AES_TARGET, always_inline)) static inline __m128i turn_bytes(__m128i block)
{
    return _mm_shuffle_epi8(block, _mm_set_epi64x(0x0001020304050607, 0x08090a0b0c0d0e0f));
}

/* Products of 256 bits that are added up: their lower and upper halves, and what belongs in the middle. */
struct product {
    __m128i low;
    __m128i middle;
    __m128i high;
};

__attribute__((AES_TARGET, always_inline)) static inline void add_product(struct product *sum, __m128i a, __m128i b)
{
    sum->low = _mm_xor_si128(sum->low, _mm_clmulepi64_si128(a, b, LOW_BY_LOW));
    sum->middle = _mm_xor_si128(
        sum->middle, _mm_xor_si128(_mm_clmulepi64_si128(a, b, LOW_BY_HIGH), _mm_clmulepi64_si128(a, b, HIGH_BY_LOW)));
    sum->high = _mm_xor_si128(sum->high, _mm_clmulepi64_si128(a, b, HIGH_BY_HIGH));
}

__attribute__((AES_TARGET, always_inline)) static inline __m128i reduce(struct product sum)
{
    const __m128i polynomial = _mm_set_epi64x((long long)UINT64_C(0xc200000000000000), 1);
    __m128i folded = _mm_xor_si128(_mm_shuffle_epi32(sum.low, SWAPPED_HALVES),
                                   _mm_clmulepi64_si128(polynomial, sum.low, HIGH_BY_LOW));
    __m128i middle = _mm_xor_si128(sum.middle, folded);
    folded =
        _mm_xor_si128(_mm_shuffle_epi32(middle, SWAPPED_HALVES), _mm_clmulepi64_si128(polynomial, middle, HIGH_BY_LOW));
    return _mm_xor_si128(sum.high, folded);
}

__attribute__((AES_TARGET, always_inline)) static inline __m128i multiply(__m128i a, __m128i b)
{
    struct product product = {_mm_setzero_si128(), _mm_setzero_si128(), _mm_setzero_si128()};
    add_product(&product, a, b);
    return reduce(product);
}

static uint8_t *power_of(struct gcm_native *gcm, unsigned exponent)
{
    return gcm->powers[GCM_NATIVE_STRIDE_BLOCKS - exponent];
}

__attribute__((AES_TARGET)) static void need_powers(struct gcm_native *gcm, size_t blocks)
{
    unsigned count = blocks < GCM_NATIVE_STRIDE_BLOCKS ? (unsigned)blocks : GCM_NATIVE_STRIDE_BLOCKS;
    const __m128i first = load(power_of(gcm, 1));
    for (; gcm->powers_count < count; gcm->powers_count++)
        store(power_of(gcm, gcm->powers_count + 1), multiply(load(power_of(gcm, gcm->powers_count)), first));
}

/* The sum with so many blocks behind it, at most a stride. */
__attribute__((AES_TARGET)) static __m128i hash_blocks(struct gcm_native *gcm, __m128i sum, const uint8_t *blocks,
                                                       unsigned count)
{
    struct product product = {_mm_setzero_si128(), _mm_setzero_si128(), _mm_setzero_si128()};
    for (unsigned i = 0; i < count; i++) {
        sum = _mm_xor_si128(sum, turn_bytes(load(blocks + (size_t)i * BLOCK_BYTES)));
        add_product(&product, sum, load(power_of(gcm, count - i)));
        sum = _mm_setzero_si128();
    }
    return reduce(product);
}

/* The last block is filled up with zeros. */
__attribute__((AES_TARGET)) static __m128i hash(struct gcm_native *gcm, __m128i sum, struct span bytes)
{
    need_powers(gcm, bytes.size / BLOCK_BYTES);
    while (bytes.size >= BLOCK_BYTES) {
        unsigned count = (unsigned)(span_take(bytes, STRIDE_BYTES).size / BLOCK_BYTES);
        sum = hash_blocks(gcm, sum, bytes.data, count);
        bytes = span_skip(bytes, (size_t)count * BLOCK_BYTES);
    }
    if (bytes.size == 0)
        return sum;
    uint8_t filled[BLOCK_BYTES] = {0};
    memcpy(filled, bytes.data, bytes.size);
    return hash_blocks(gcm, sum, filled, 1);
}

/* ---- the counter ---- */

/* The nonce, and a number behind it. */
__attribute__((AES_TARGET, always_inline)) static inline __m128i count_from(const uint8_t nonce[12], uint32_t number)
{
    uint8_t block[BLOCK_BYTES];
    memcpy(block, nonce, 12);
    store_u32_be(block + 12, number);
    return load(block);
}

/* Of eight blocks that begin at this number: what is added to them. */
__attribute__((AES_TARGET, always_inline)) static inline void draw_lanes(const struct gcm_native *gcm, __m128i counter,
                                                                         uint32_t number, __m128i *ret_lanes)
{
#pragma GCC unroll 8
    for (unsigned i = 0; i < AES_NATIVE_LANES; i++)
        ret_lanes[i] = _mm_insert_epi32(counter, (int)__builtin_bswap32(number + i), 3);
    encrypt_lanes(&gcm->schedule, ret_lanes, AES_NATIVE_LANES);
}

__attribute__((AES_TARGET)) static void add_counted(const struct gcm_native *gcm, __m128i counter, uint32_t number,
                                                    struct span from, uint8_t *to)
{
    __m128i lanes[AES_NATIVE_LANES];
    for (; from.size >= LANES_BYTES; from = span_skip(from, LANES_BYTES)) {
        draw_lanes(gcm, counter, number, lanes);
        for (unsigned i = 0; i < AES_NATIVE_LANES; i++)
            store(to + (size_t)i * BLOCK_BYTES, _mm_xor_si128(load(from.data + (size_t)i * BLOCK_BYTES), lanes[i]));
        number += AES_NATIVE_LANES;
        to += LANES_BYTES;
    }
    if (from.size == 0)
        return;
    uint8_t rest[LANES_BYTES];
    draw_lanes(gcm, counter, number, lanes);
    memcpy(rest, lanes, sizeof rest);
    for (size_t i = 0; i < from.size; i++)
        to[i] = from.data[i] ^ rest[i];
    explicit_bzero(rest, sizeof rest);
}

/* ---- sixteen blocks in four registers ---- */

struct wide_product {
    __m512i low;
    __m512i middle;
    __m512i high;
};

__attribute__((WIDE_TARGET, always_inline)) static inline void add_wide_product(struct wide_product *sum, __m512i a,
                                                                                __m512i b)
{
    enum { ALL_ADDED = 0x96 }; /* of three */
    sum->low = _mm512_xor_si512(sum->low, _mm512_clmulepi64_epi128(a, b, LOW_BY_LOW));
    sum->middle = _mm512_ternarylogic_epi64(sum->middle, _mm512_clmulepi64_epi128(a, b, LOW_BY_HIGH),
                                            _mm512_clmulepi64_epi128(a, b, HIGH_BY_LOW), ALL_ADDED);
    sum->high = _mm512_xor_si512(sum->high, _mm512_clmulepi64_epi128(a, b, HIGH_BY_HIGH));
}

__attribute__((WIDE_TARGET, always_inline)) static inline __m128i add_up(__m512i lanes)
{
    __m256i two = _mm256_xor_si256(_mm512_castsi512_si256(lanes), _mm512_extracti64x4_epi64(lanes, 1));
    return _mm_xor_si128(_mm256_castsi256_si128(two), _mm256_extracti128_si256(two, 1));
}

__attribute__((WIDE_TARGET, always_inline)) static inline __m512i turn_wide_bytes(__m512i blocks)
{
    return _mm512_shuffle_epi8(blocks, _mm512_broadcast_i32x4(_mm_set_epi64x(0x0001020304050607, 0x08090a0b0c0d0e0f)));
}

__attribute__((WIDE_TARGET, always_inline)) static inline __m128i hash_stride(const struct gcm_native *gcm, __m128i sum,
                                                                              const __m512i *blocks)
{
    struct wide_product product = {_mm512_setzero_si512(), _mm512_setzero_si512(), _mm512_setzero_si512()};
    __m512i before = _mm512_zextsi128_si512(sum);
#pragma GCC unroll 4
    for (unsigned i = 0; i < 4; i++) {
        __m512i block = _mm512_xor_si512(before, turn_wide_bytes(blocks[i]));
        add_wide_product(&product, block, _mm512_load_si512(gcm->powers[4 * i]));
        before = _mm512_setzero_si512();
    }
    return reduce((struct product){add_up(product.low), add_up(product.middle), add_up(product.high)});
}

/* The counters of a stride, each number the right way round: four lie behind each other. */
__attribute__((WIDE_TARGET, always_inline)) static inline void draw_stride(const struct gcm_native *gcm,
                                                                           __m512i counters, __m512i *ret_blocks)
{
#pragma GCC unroll 4
    for (unsigned i = 0; i < 4; i++) {
        const __m512i more = _mm512_broadcast_i32x4(_mm_set_epi32(0, 0, 0, (int)(4 * i)));
        ret_blocks[i] = _mm512_xor_si512(turn_wide_bytes(_mm512_add_epi32(counters, more)),
                                         _mm512_broadcast_i32x4(load(gcm->schedule.rounds[0])));
    }
#pragma GCC unroll 14
    for (unsigned round = 1; round < AES_ROUND_KEYS - 1; round++) {
        const __m512i key = _mm512_broadcast_i32x4(load(gcm->schedule.rounds[round]));
#pragma GCC unroll 4
        for (unsigned i = 0; i < 4; i++)
            ret_blocks[i] = _mm512_aesenc_epi128(ret_blocks[i], key);
    }
    const __m512i last = _mm512_broadcast_i32x4(load(gcm->schedule.rounds[AES_ROUND_KEYS - 1]));
#pragma GCC unroll 4
    for (unsigned i = 0; i < 4; i++)
        ret_blocks[i] = _mm512_aesenclast_epi128(ret_blocks[i], last);
}

/* All whole strides. Returns the sum over what is sealed of them, which comes or goes. */
__attribute__((WIDE_TARGET)) static __m128i run_strides(const struct gcm_native *gcm, __m128i sum, __m128i counter,
                                                        struct span from, uint8_t *to, bool is_sealing)
{
    __m512i counters = _mm512_add_epi32(_mm512_broadcast_i32x4(turn_bytes(counter)),
                                        _mm512_set_epi32(0, 0, 0, 3, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 0));
    const __m512i step = _mm512_broadcast_i32x4(_mm_set_epi32(0, 0, 0, GCM_NATIVE_STRIDE_BLOCKS));
    for (; from.size >= STRIDE_BYTES; from = span_skip(from, STRIDE_BYTES)) {
        __m512i before[4];
        __m512i after[4];
        draw_stride(gcm, counters, after);
        counters = _mm512_add_epi32(counters, step);
#pragma GCC unroll 4
        for (unsigned i = 0; i < 4; i++) {
            before[i] = _mm512_loadu_si512(from.data + (size_t)i * 64);
            after[i] = _mm512_xor_si512(after[i], before[i]);
            _mm512_storeu_si512(to + (size_t)i * 64, after[i]);
        }
        sum = hash_stride(gcm, sum, is_sealing ? after : before);
        to += STRIDE_BYTES;
    }
    return sum;
}

/* ---- messages ---- */

__attribute__((AES_TARGET)) void gcm_native_set_key(struct gcm_native *gcm, const uint8_t key[32])
{
    uint8_t first[BLOCK_BYTES] = {0};
    aes_schedule_make(&gcm->schedule, key);
    aes_schedule_encrypt(&gcm->schedule, first, 1, first);
    uint64_t high = load_u64_be(first);
    uint64_t low = load_u64_be(first + 8);
    uint64_t carried = (uint64_t)0 - (high >> 63); /* all ones or none */
    store_u64_le(power_of(gcm, 1) + 8, (high << 1 | low >> 63) ^ (carried & UINT64_C(0xc200000000000000)));
    store_u64_le(power_of(gcm, 1), low << 1 ^ (carried & 1));
    gcm->powers_count = 1;
    explicit_bzero(first, sizeof first);
}

/* The message from one side to the other, and the tag over what is sealed. */
__attribute__((AES_TARGET)) static void run_message(struct gcm_native *gcm, const uint8_t nonce[12],
                                                    struct span associated, struct span from, uint8_t *to,
                                                    bool is_sealing, uint8_t ret_tag[BLOCK_BYTES])
{
    ASSERT(from.size < ((uint64_t)UINT32_MAX - FIRST_COUNTER) * BLOCK_BYTES);
    uint8_t sizes[BLOCK_BYTES];
    uint32_t number = FIRST_COUNTER;
    store_u64_be(sizes, (uint64_t)associated.size * 8);
    store_u64_be(sizes + 8, (uint64_t)from.size * 8);
    __m128i sum = hash(gcm, _mm_setzero_si128(), associated);
    if (is_wide_there && from.size >= STRIDE_BYTES) {
        size_t size = from.size - from.size % STRIDE_BYTES;
        need_powers(gcm, GCM_NATIVE_STRIDE_BLOCKS);
        sum = run_strides(gcm, sum, count_from(nonce, number), from, to, is_sealing);
        number += (uint32_t)(size / BLOCK_BYTES);
        from = span_skip(from, size);
        to += size;
    }
    if (!is_sealing)
        sum = hash(gcm, sum, from); /* before it is opened where it lies */
    add_counted(gcm, count_from(nonce, 0), number, from, to);
    if (is_sealing)
        sum = hash(gcm, sum, span_of(to, from.size));
    sum = hash(gcm, sum, span_of(sizes, sizeof sizes));
    __m128i mask = count_from(nonce, FIRST_COUNTER - 1);
    encrypt_lanes(&gcm->schedule, &mask, 1);
    store(ret_tag, _mm_xor_si128(turn_bytes(sum), mask));
}

void gcm_native_seal(struct gcm_native *gcm, const uint8_t nonce[12], struct span associated, struct span message,
                     uint8_t *ret_sealed, uint8_t ret_tag[16])
{
    run_message(gcm, nonce, associated, message, ret_sealed, true, ret_tag);
}

bool gcm_native_open(struct gcm_native *gcm, const uint8_t nonce[12], struct span associated, struct span sealed,
                     const uint8_t tag[16], uint8_t *ret_message)
{
    uint8_t expected[BLOCK_BYTES];
    uint8_t said[BLOCK_BYTES];
    memcpy(said, tag, sizeof said); /* which may lie where the message goes */
    run_message(gcm, nonce, associated, sealed, ret_message, false, expected);
    uint64_t different =
        (load_u64_le(expected) ^ load_u64_le(said)) | (load_u64_le(expected + 8) ^ load_u64_le(said + 8));
    explicit_bzero(expected, sizeof expected); /* what would make the bytes that came believed */
    return different == 0;
}

#else

bool gcm_native_suits(size_t associated_size, size_t message_size)
{
    (void)associated_size, (void)message_size;
    return false;
}

void gcm_native_set_key(struct gcm_native *gcm, const uint8_t key[32])
{
    (void)gcm, (void)key;
    ASSERT(!"no such instructions");
}

void gcm_native_seal(struct gcm_native *gcm, const uint8_t nonce[12], struct span associated, struct span message,
                     uint8_t *ret_sealed, uint8_t ret_tag[16])
{
    (void)gcm, (void)nonce, (void)associated, (void)message, (void)ret_sealed, (void)ret_tag;
    ASSERT(!"no such instructions");
}

bool gcm_native_open(struct gcm_native *gcm, const uint8_t nonce[12], struct span associated, struct span sealed,
                     const uint8_t tag[16], uint8_t *ret_message)
{
    (void)gcm, (void)nonce, (void)associated, (void)sealed, (void)tag, (void)ret_message;
    ASSERT(!"no such instructions");
    return false;
}

#endif
