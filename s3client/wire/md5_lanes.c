/* s3client/wire/md5_lanes.c -- RFC 1321, four blocks at a time. What does not fill a block is libcrypto's, as are texts
 * that are left alone; the running sums are its own in any case. */
#include "s3client/wire/md5_lanes.h"

/* The reason stands in digest.c. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/md5.h>

enum { BLOCK_BYTES = MD5_CBLOCK, BLOCK_WORDS = 16, PIECE_BYTES = 16 };

/* One word of each lane. The compiler makes it SSE2, NEON, or whatever the machine has. */
typedef uint32_t words __attribute__((vector_size(4 * MD5_LANES)));

struct sums {
    words a, b, c, d;
};

/* ---- four blocks ---- */

/* Four words of each block: rows become columns. */
static inline void load_words(words *ret_words, const uint8_t *const blocks[MD5_LANES], size_t offset)
{
    words rows[MD5_LANES];
    for (unsigned lane = 0; lane < MD5_LANES; lane++)
        memcpy(&rows[lane], blocks[lane] + offset, PIECE_BYTES);
    words low_01 = __builtin_shufflevector(rows[0], rows[1], 0, 4, 1, 5);
    words high_01 = __builtin_shufflevector(rows[0], rows[1], 2, 6, 3, 7);
    words low_23 = __builtin_shufflevector(rows[2], rows[3], 0, 4, 1, 5);
    words high_23 = __builtin_shufflevector(rows[2], rows[3], 2, 6, 3, 7);
    ret_words[0] = __builtin_shufflevector(low_01, low_23, 0, 1, 4, 5);
    ret_words[1] = __builtin_shufflevector(low_01, low_23, 2, 3, 6, 7);
    ret_words[2] = __builtin_shufflevector(high_01, high_23, 0, 1, 4, 5);
    ret_words[3] = __builtin_shufflevector(high_01, high_23, 2, 3, 6, 7);
}

/* The four functions of RFC 1321, the first two with one operation less. */
#define F(x, y, z) ((z) ^ ((x) & ((y) ^ (z))))
#define G(x, y, z) ((y) ^ ((z) & ((x) ^ (y))))
#define H(x, y, z) ((x) ^ (y) ^ (z))
#define I(x, y, z) ((y) ^ ((x) | ~(z)))

#if defined(__aarch64__)
#define IN_VECTOR_REGISTER "+w"
#else
#define IN_VECTOR_REGISTER "+x"
#endif

/* The empty assembly keeps the compiler from adding in another order: all but the function's value, which is known
 * last, is added before. That is an eighth of the time. */
#define STEP(function, a, b, c, d, word, bits, sine)        \
    do {                                                    \
        words early = (a) + (block[word] + UINT32_C(sine)); \
        __asm__("" : IN_VECTOR_REGISTER(early));            \
        (a) = early + function(b, c, d);                    \
        (a) = (b) + ((a) << (bits) | (a) >> (32 - (bits))); \
    } while (0)

#define STEPS(function, words_0, bits_0, sine_0, words_1, bits_1, sine_1, words_2, bits_2, sine_2, words_3, bits_3, \
              sine_3)                                                                                               \
    STEP(function, a, b, c, d, words_0, bits_0, sine_0);                                                            \
    STEP(function, d, a, b, c, words_1, bits_1, sine_1);                                                            \
    STEP(function, c, d, a, b, words_2, bits_2, sine_2);                                                            \
    STEP(function, b, c, d, a, words_3, bits_3, sine_3)

static inline void add_blocks(struct sums *sums, const words block[BLOCK_WORDS])
{
    words a = sums->a;
    words b = sums->b;
    words c = sums->c;
    words d = sums->d;
    STEPS(F, 0, 7, 0xd76aa478, 1, 12, 0xe8c7b756, 2, 17, 0x242070db, 3, 22, 0xc1bdceee);
    STEPS(F, 4, 7, 0xf57c0faf, 5, 12, 0x4787c62a, 6, 17, 0xa8304613, 7, 22, 0xfd469501);
    STEPS(F, 8, 7, 0x698098d8, 9, 12, 0x8b44f7af, 10, 17, 0xffff5bb1, 11, 22, 0x895cd7be);
    STEPS(F, 12, 7, 0x6b901122, 13, 12, 0xfd987193, 14, 17, 0xa679438e, 15, 22, 0x49b40821);
    STEPS(G, 1, 5, 0xf61e2562, 6, 9, 0xc040b340, 11, 14, 0x265e5a51, 0, 20, 0xe9b6c7aa);
    STEPS(G, 5, 5, 0xd62f105d, 10, 9, 0x02441453, 15, 14, 0xd8a1e681, 4, 20, 0xe7d3fbc8);
    STEPS(G, 9, 5, 0x21e1cde6, 14, 9, 0xc33707d6, 3, 14, 0xf4d50d87, 8, 20, 0x455a14ed);
    STEPS(G, 13, 5, 0xa9e3e905, 2, 9, 0xfcefa3f8, 7, 14, 0x676f02d9, 12, 20, 0x8d2a4c8a);
    STEPS(H, 5, 4, 0xfffa3942, 8, 11, 0x8771f681, 11, 16, 0x6d9d6122, 14, 23, 0xfde5380c);
    STEPS(H, 1, 4, 0xa4beea44, 4, 11, 0x4bdecfa9, 7, 16, 0xf6bb4b60, 10, 23, 0xbebfbc70);
    STEPS(H, 13, 4, 0x289b7ec6, 0, 11, 0xeaa127fa, 3, 16, 0xd4ef3085, 6, 23, 0x04881d05);
    STEPS(H, 9, 4, 0xd9d4d039, 12, 11, 0xe6db99e5, 15, 16, 0x1fa27cf8, 2, 23, 0xc4ac5665);
    STEPS(I, 0, 6, 0xf4292244, 7, 10, 0x432aff97, 14, 15, 0xab9423a7, 5, 21, 0xfc93a039);
    STEPS(I, 12, 6, 0x655b59c3, 3, 10, 0x8f0ccc92, 10, 15, 0xffeff47d, 1, 21, 0x85845dd1);
    STEPS(I, 8, 6, 0x6fa87e4f, 15, 10, 0xfe2ce6e0, 6, 15, 0xa3014314, 13, 21, 0x4e0811a1);
    STEPS(I, 4, 6, 0xf7537e82, 11, 10, 0xbd3af235, 2, 15, 0x2ad7d2bb, 9, 21, 0xeb86d391);
    sums->a += a;
    sums->b += b;
    sums->c += c;
    sums->d += d;
}

/* ---- lanes ---- */

/* A copy: libcrypto's running sum lies in words of 64 bits. */
static MD5_CTX context_of(const struct md5_lane *lane)
{
    MD5_CTX context;
    memcpy(&context, lane->sum->state, sizeof context);
    return context;
}

/* So many whole blocks of each of the lanes, of which there may be fewer than MD5_LANES: the first one is computed
 * again in the places that are left. */
static void add_to_lanes(struct md5_lane *const lanes[], unsigned count, size_t blocks)
{
    const uint8_t *at[MD5_LANES];
    struct sums sums;
    for (unsigned i = 0; i < MD5_LANES; i++) {
        const struct md5_lane *lane = lanes[i < count ? i : 0];
        const MD5_CTX context = context_of(lane);
        at[i] = lane->bytes.data;
        sums.a[i] = context.A;
        sums.b[i] = context.B;
        sums.c[i] = context.C;
        sums.d[i] = context.D;
    }
    for (size_t block = 0; block < blocks; block++) {
        words all[BLOCK_WORDS];
        for (unsigned word = 0; word < BLOCK_WORDS; word += MD5_LANES)
            load_words(all + word, at, word * sizeof(uint32_t));
        add_blocks(&sums, all);
        for (unsigned i = 0; i < count; i++)
            if (lanes[i]->beside != NULL)
                sha256_update(lanes[i]->beside, span_of(at[i], BLOCK_BYTES));
        for (unsigned i = 0; i < MD5_LANES; i++)
            at[i] += BLOCK_BYTES;
    }
    for (unsigned i = 0; i < count; i++) {
        MD5_CTX context = context_of(lanes[i]);
        uint64_t bits = ((uint64_t)context.Nh << 32 | context.Nl) + (uint64_t)blocks * BLOCK_BYTES * 8;
        context.A = sums.a[i];
        context.B = sums.b[i];
        context.C = sums.c[i];
        context.D = sums.d[i];
        context.Nl = (uint32_t)bits;
        context.Nh = (uint32_t)(bits >> 32);
        memcpy(lanes[i]->sum->state, &context, sizeof context);
        lanes[i]->bytes = span_skip(lanes[i]->bytes, blocks * BLOCK_BYTES);
    }
}

static void add_alone(struct md5_lane *lane, size_t size)
{
    struct span taken = span_take(lane->bytes, size);
    lane->bytes = span_skip(lane->bytes, taken.size);
    if (lane->beside != NULL)
        md5_sha256_update(lane->sum, lane->beside, taken);
    else
        md5_update(lane->sum, taken);
}

/* To where a block begins. */
static void fill_block(struct md5_lane *lane)
{
    unsigned kept = context_of(lane).num;
    if (kept > 0)
        add_alone(lane, BLOCK_BYTES - kept);
}

void md5_update_lanes(struct md5_lane *lanes, unsigned count)
{
    struct md5_lane *together[MD5_LANES];
    unsigned found;
    for (unsigned i = 0; i < count; i++)
        fill_block(&lanes[i]);
    do {
        size_t blocks = SIZE_MAX;
        found = 0;
        for (unsigned i = 0; i < count && found < MD5_LANES; i++) {
            size_t whole = lanes[i].bytes.size / BLOCK_BYTES;
            if (whole == 0)
                continue;
            together[found++] = &lanes[i];
            blocks = whole < blocks ? whole : blocks;
        }
        if (found > 1)
            add_to_lanes(together, found, blocks);
    } while (found > 1);
    for (unsigned i = 0; i < count; i++)
        add_alone(&lanes[i], SIZE_MAX);
}
