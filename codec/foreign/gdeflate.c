/* codec/foreign/gdeflate.c -- 32 lanes of bits, canonical Huffman codes, and copies that wait a round for their
 * distance. */
#include "codec/foreign/gdeflate.h"

#include "runtime/base/assert.h"
#include "runtime/base/byteorder.h"

#include <stdlib.h>

enum {
    LANES = 32,
    LANE_BITS_LEAST = 32,
    WORD_BYTES = 4,
    LITERALS_MAX = 288,
    DISTANCES_MAX = 32,
    CODE_LENGTHS_MAX = 19,
    CODE_BITS_MAX = 15,
    ROOT_BITS = 10, /* codes up to this long are found at once */
    END_OF_BLOCK = 256,
    LENGTH_SYMBOLS = 29,
    NO_SYMBOL = -1,
};

/* What a slice may take, in codes read, some 8 ns each. */
enum {
    STEP_WORK = 64 << 10,
    CODES_WORK = 512, /* for a block's tables */
};

/* ---- bits ---- */

struct lanes {
    uint64_t bits[LANES];
    uint8_t count[LANES];
    struct span left; /* of the stream */
    unsigned beyond;  /* words that were taken behind its end */
};

static void refill(struct lanes *lanes, unsigned lane)
{
    uint8_t word[WORD_BYTES] = {0};
    if (lanes->count[lane] >= LANE_BITS_LEAST)
        return;
    struct span taken = span_take(lanes->left, WORD_BYTES);
    lanes->left = span_skip(lanes->left, taken.size);
    lanes->beyond += taken.size == 0;
    if (taken.size > 0)
        memcpy(word, taken.data, taken.size);
    lanes->bits[lane] |= (uint64_t)load_u32_le(word) << lanes->count[lane];
    lanes->count[lane] += 8 * WORD_BYTES;
}

/* After this a lane has 32 bits at least, so what is looked at is there. */
static void drop(struct lanes *lanes, unsigned lane, unsigned bits)
{
    lanes->bits[lane] >>= bits;
    lanes->count[lane] -= (uint8_t)bits;
    refill(lanes, lane);
}

static unsigned peek(const struct lanes *lanes, unsigned lane, unsigned skipped, unsigned bits)
{
    return (unsigned)(lanes->bits[lane] >> skipped) & ((1U << bits) - 1);
}

static unsigned take(struct lanes *lanes, unsigned lane, unsigned bits)
{
    unsigned value = peek(lanes, lane, 0, bits);
    drop(lanes, lane, bits);
    return value;
}

static void begin_lanes(struct lanes *lanes, struct span stream)
{
    *lanes = (struct lanes){.left = stream};
    for (unsigned lane = 0; lane < LANES; lane++)
        refill(lanes, lane);
}

/* Padding may have been left out; more than that is a stream that was cut off, or runs on in zeros for ever. */
static bool has_run_out(const struct lanes *lanes)
{
    return lanes->beyond > LANES;
}

/* ---- codes ---- */

struct huffman {
    uint16_t root[1 << ROOT_BITS]; /* symbol << 4 | length; 0: longer, or no code */
    uint16_t counts[CODE_BITS_MAX + 1];
    uint16_t symbols[LITERALS_MAX]; /* by length, then by value */
};

static unsigned reverse(unsigned code, unsigned bits)
{
    unsigned reversed = 0;
    for (; bits > 0; bits--, code >>= 1)
        reversed = reversed << 1 | (code & 1);
    return reversed;
}

static void fill_root(struct huffman *huffman, unsigned code, unsigned bits, unsigned symbol)
{
    for (unsigned at = reverse(code, bits); at < 1U << ROOT_BITS; at += 1U << bits)
        huffman->root[at] = (uint16_t)(symbol << 4 | bits);
}

/* Codes in the order of their lengths (RFC 1951, 3.2.2). Some may be left over: whoever meets one of those fails.
 * False: there are more codes than bits for them. */
static bool make_huffman(struct huffman *huffman, const uint8_t *lengths, unsigned count)
{
    unsigned first[CODE_BITS_MAX + 2] = {0};
    memset(huffman, 0, sizeof *huffman);
    for (unsigned symbol = 0; symbol < count; symbol++)
        huffman->counts[lengths[symbol]]++;
    huffman->counts[0] = 0;
    int left = 1;
    for (unsigned bits = 1; bits <= CODE_BITS_MAX; bits++) {
        left = 2 * left - huffman->counts[bits];
        if (left < 0)
            return false;
        first[bits + 1] = first[bits] + huffman->counts[bits];
    }
    for (unsigned symbol = 0; symbol < count; symbol++)
        if (lengths[symbol] != 0)
            huffman->symbols[first[lengths[symbol]]++] = (uint16_t)symbol;

    unsigned code = 0;
    for (unsigned bits = 1, next = 0; bits <= ROOT_BITS; bits++, code <<= 1)
        for (unsigned i = 0; i < huffman->counts[bits]; i++)
            fill_root(huffman, code++, bits, huffman->symbols[next++]);
    return true;
}

/* The symbol whose code the bits begin with, and its length; NO_SYMBOL: there is none. */
static int find_symbol(const struct huffman *huffman, uint64_t bits, unsigned *ret_bits)
{
    unsigned entry = huffman->root[bits & ((1U << ROOT_BITS) - 1)];
    if (entry != 0) {
        *ret_bits = entry & 0xf;
        return (int)(entry >> 4);
    }
    unsigned code = 0;
    unsigned first = 0;
    unsigned symbols = 0;
    for (unsigned length = 1; length <= CODE_BITS_MAX; length++, bits >>= 1) {
        unsigned count = huffman->counts[length];
        code = code << 1 | (unsigned)(bits & 1);
        first <<= 1;
        if (code - first < count) {
            *ret_bits = length;
            return huffman->symbols[symbols + code - first];
        }
        first += count;
        symbols += count;
    }
    return NO_SYMBOL;
}

/* ---- a chunk ---- */

struct copy {
    uint32_t at;     /* where its bytes go; its distance comes a round later */
    uint32_t length; /* 0: none */
};

struct gdeflate {
    struct lanes lanes;
    struct huffman literals; /* and lengths */
    struct huffman distances;
    uint8_t lengths[LITERALS_MAX + DISTANCES_MAX];
    struct copy copies[LANES];
    unsigned lane;       /* the next one that reads a code of the block */
    unsigned lanes_left; /* LANES until the block has ended, then those that may owe a distance; 0: no block is begun */
    bool is_last;        /* the block that was begun last */
    uint8_t *original;
    uint32_t size;
    uint32_t done;
};

struct gdeflate *gdeflate_create(void)
{
    return malloc(sizeof(struct gdeflate));
}

void gdeflate_destroy(struct gdeflate *gdeflate)
{
    free(gdeflate);
}

/* ---- code lengths ---- */

/* What stands for one code length or several: a symbol, and what may follow it. */
static bool take_code_lengths(struct gdeflate *gdeflate, unsigned lane, unsigned count, unsigned *done)
{
    static const uint8_t extra_bits[] = {2, 3, 7}; /* of 16, 17, 18 */
    static const uint8_t repeats_least[] = {3, 3, 11};
    unsigned bits;
    int symbol = find_symbol(&gdeflate->distances, gdeflate->lanes.bits[lane], &bits);
    if (symbol == NO_SYMBOL || (symbol == 16 && *done == 0))
        return false;
    if (symbol < 16) {
        drop(&gdeflate->lanes, lane, bits);
        gdeflate->lengths[(*done)++] = (uint8_t)symbol;
        return true;
    }
    unsigned extra = extra_bits[symbol - 16];
    unsigned repeats = repeats_least[symbol - 16] + peek(&gdeflate->lanes, lane, bits, extra);
    drop(&gdeflate->lanes, lane, bits + extra);
    if (repeats > count - *done)
        return false;
    memset(gdeflate->lengths + *done, symbol == 16 ? gdeflate->lengths[*done - 1] : 0, repeats);
    *done += repeats;
    return true;
}

static bool make_codes(struct gdeflate *gdeflate, unsigned literals_count, unsigned distances_count)
{
    return make_huffman(&gdeflate->literals, gdeflate->lengths, literals_count) &&
           make_huffman(&gdeflate->distances, gdeflate->lengths + literals_count, distances_count);
}

static bool take_codes(struct gdeflate *gdeflate)
{
    static const uint8_t order[CODE_LENGTHS_MAX] = {16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15};
    struct lanes *lanes = &gdeflate->lanes;
    uint8_t code_lengths[CODE_LENGTHS_MAX] = {0};
    unsigned counts = take(lanes, 0, 14);
    unsigned literals_count = 257 + (counts & 0x1f);
    unsigned distances_count = 1 + (counts >> 5 & 0x1f);
    unsigned code_lengths_count = 4 + (counts >> 10);
    for (unsigned i = 0; i < code_lengths_count; i++)
        code_lengths[order[i]] = (uint8_t)take(lanes, i, 3);
    if (!make_huffman(&gdeflate->distances, code_lengths, CODE_LENGTHS_MAX)) /* until those are known */
        return false;
    unsigned done = 0;
    for (unsigned lane = 0; done < literals_count + distances_count; lane = (lane + 1) % LANES)
        if (!take_code_lengths(gdeflate, lane, literals_count + distances_count, &done))
            return false;
    return make_codes(gdeflate, literals_count, distances_count);
}

static bool set_fixed_codes(struct gdeflate *gdeflate)
{
    memset(gdeflate->lengths, 8, 144);
    memset(gdeflate->lengths + 144, 9, 112);
    memset(gdeflate->lengths + 256, 7, 24);
    memset(gdeflate->lengths + 280, 8, 8);
    memset(gdeflate->lengths + LITERALS_MAX, 5, DISTANCES_MAX);
    return make_codes(gdeflate, LITERALS_MAX, DISTANCES_MAX);
}

/* ---- blocks ---- */

static bool take_stored_block(struct gdeflate *gdeflate, unsigned *work)
{
    unsigned size = take(&gdeflate->lanes, 0, 16);
    *work -= *work < size + 1 ? *work : size + 1;
    if (size > gdeflate->size - gdeflate->done)
        return false;
    for (unsigned i = 0; i < size; i++)
        gdeflate->original[gdeflate->done++] = (uint8_t)take(&gdeflate->lanes, i % LANES, 8);
    return !has_run_out(&gdeflate->lanes);
}

static bool take_distance(struct gdeflate *gdeflate, unsigned lane)
{
    unsigned bits;
    struct copy *copy = &gdeflate->copies[lane];
    int symbol = find_symbol(&gdeflate->distances, gdeflate->lanes.bits[lane], &bits);
    if (symbol == NO_SYMBOL)
        return false;
    /* 1, 2, 3, 4, then two symbols for each further extra bit, to 64 KiB */
    unsigned extra = symbol < 4 ? 0 : (unsigned)symbol / 2 - 1;
    unsigned base = symbol < 4 ? (unsigned)symbol + 1 : ((2U + (symbol & 1)) << extra) + 1;
    unsigned distance = base + peek(&gdeflate->lanes, lane, bits, extra);
    drop(&gdeflate->lanes, lane, bits + extra);
    if (distance > copy->at)
        return false;
    uint8_t *to = gdeflate->original + copy->at;
    for (uint32_t i = 0; i < copy->length; i++) /* it may overlap itself, and goes on with its own bytes then */
        to[i] = to[(ptrdiff_t)i - (ptrdiff_t)distance];
    copy->length = 0;
    return true;
}

static bool put_length(struct gdeflate *gdeflate, unsigned lane, unsigned symbol, unsigned bits)
{
    static const uint8_t bases[LENGTH_SYMBOLS] = {3,  4,  5,  6,  7,  8,  9,  10, 11,  13,  15,  17,  19,  23, 27,
                                                  31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 3};
    static const uint8_t extra_bits[LENGTH_SYMBOLS] = {0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2,
                                                       2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 16};
    if (symbol >= LENGTH_SYMBOLS)
        return false;
    unsigned extra = extra_bits[symbol];
    uint32_t length = bases[symbol] + peek(&gdeflate->lanes, lane, bits, extra);
    drop(&gdeflate->lanes, lane, bits + extra);
    if (length > gdeflate->size - gdeflate->done)
        return false;
    gdeflate->copies[lane] = (struct copy){gdeflate->done, length};
    gdeflate->done += length;
    return true;
}

/* A literal, a length, or the end of the block. */
static bool take_symbol(struct gdeflate *gdeflate, unsigned lane, bool *ret_has_ended)
{
    unsigned bits;
    int symbol = find_symbol(&gdeflate->literals, gdeflate->lanes.bits[lane], &bits);
    if (symbol == NO_SYMBOL)
        return false;
    if (symbol > END_OF_BLOCK)
        return put_length(gdeflate, lane, (unsigned)symbol - END_OF_BLOCK - 1, bits);
    drop(&gdeflate->lanes, lane, bits);
    *ret_has_ended = symbol == END_OF_BLOCK;
    if (symbol == END_OF_BLOCK)
        return true;
    if (gdeflate->done == gdeflate->size)
        return false;
    gdeflate->original[gdeflate->done++] = (uint8_t)symbol;
    return true;
}

/* Behind the end, each lane still reads the distance that it owes. */
static bool go_on_with_block(struct gdeflate *gdeflate, unsigned *work)
{
    unsigned lane = gdeflate->lane;
    bool has_ended = gdeflate->lanes_left < LANES;
    for (; *work > 0 && gdeflate->lanes_left > 0; --*work, lane = (lane + 1) % LANES) {
        bool is_owing = gdeflate->copies[lane].length > 0;
        if (is_owing && !take_distance(gdeflate, lane))
            return false;
        if (!is_owing && !has_ended && !take_symbol(gdeflate, lane, &has_ended))
            return false;
        gdeflate->lanes_left -= has_ended;
        if (has_run_out(&gdeflate->lanes))
            return false;
    }
    gdeflate->lane = lane;
    return true;
}

/* Its header and its codes; of a stored block all that is in it. */
static bool begin_block(struct gdeflate *gdeflate, unsigned *work)
{
    unsigned header = take(&gdeflate->lanes, 0, 3);
    gdeflate->is_last = (header & 1) != 0;
    if (header >> 1 == 0)
        return take_stored_block(gdeflate, work);
    *work -= *work < CODES_WORK ? *work : CODES_WORK;
    gdeflate->lane = 0;
    gdeflate->lanes_left = LANES;
    memset(gdeflate->copies, 0, sizeof gdeflate->copies);
    if (header >> 1 == 1)
        return set_fixed_codes(gdeflate);
    return header >> 1 == 2 && take_codes(gdeflate);
}

/* ---- the chunk ---- */

void gdeflate_begin(struct gdeflate *gdeflate, struct span chunk, uint8_t *ret_original, size_t original_size)
{
    ASSERT(original_size <= GDEFLATE_ORIGINAL_BYTES_MAX);
    gdeflate->original = ret_original;
    gdeflate->size = (uint32_t)original_size;
    gdeflate->done = 0;
    gdeflate->is_last = false;
    gdeflate->lanes_left = 0;
    begin_lanes(&gdeflate->lanes, chunk);
}

static bool has_ended(const struct gdeflate *gdeflate)
{
    return gdeflate->is_last && gdeflate->lanes_left == 0;
}

enum codec_step gdeflate_step(struct gdeflate *gdeflate, struct error *error)
{
    unsigned work = STEP_WORK;
    bool is_good = true;
    while (is_good && work > 0 && !has_ended(gdeflate))
        is_good = gdeflate->lanes_left > 0 ? go_on_with_block(gdeflate, &work) : begin_block(gdeflate, &work);
    if (is_good && !has_ended(gdeflate))
        return CODEC_MORE;
    if (is_good && gdeflate->done == gdeflate->size)
        return CODEC_DONE;
    (void)error_set(error, ERROR_DAMAGED, NULL,
                    is_good ? "A chunk holds fewer bytes than it should." : "A chunk's GDeflate data are wrong.");
    return CODEC_FAILED;
}
