/* codec/choice/columns_search.c -- entropies of fields, and the cheapest row of them. */
#include "codec/choice/columns_search.h"

#include "codec/columns/decimal.h"
#include "runtime/base/assert.h"
#include "runtime/base/byteorder.h"

#include <math.h>
#include <stdlib.h>

enum {
    WIDTHS = 4, /* 1, 2, 4, 8 */
    WIDTH_MAX = 8,
    OPS = 3, /* none, delta, delta of delta */
    PIECE_READ_BYTES = 2048,
    PIECE_RECORDS_LEAST = 128, /* of long records, more than PIECE_READ_BYTES are read */
    PIECE_RECORDS_MAX = 512,
    SAMPLES_MAX = COLUMNS_SAMPLE_PIECES * PIECE_RECORDS_MAX,
    STEP_TALLIES = 60000, /* bytes tallied in a step: about 0.2 ms */
    DECIMAL_EXPONENT_TRIED_MAX = 6,
    DECIMAL_EXCEPTIONS_PERCENT_MAX = 1,
    DECIMAL_FIRST = 16, /* values after which most fields are known to be no decimals */
};
static const double OP_PENALTY = 1.01; /* an operation has to be worth it */
static const float FIELD_BITS = 0.02F; /* of each record: few wide fields are faster than many narrow ones */

/* The best that a field of one width at one position can do. */
struct field {
    float bits; /* of all samples */
    uint8_t op;
    uint8_t exponent;
};

struct columns_search {
    struct span frame;
    unsigned stride;
    bool is_text;
    unsigned position; /* the next to be measured */
    unsigned samples;
    const uint8_t *sampled[SAMPLES_MAX]; /* where the records lie; the two before each lie in the same piece */
    struct field fields[COLUMNS_STRIDE_MAX][WIDTHS];
    float weights[SAMPLES_MAX + 1]; /* n log2 n */
    uint16_t counts[OPS][WIDTH_MAX][256];
    int64_t integers[SAMPLES_MAX]; /* of decimals */
};

/* ---- the sample ---- */

unsigned columns_sample_pieces(struct span frame)
{
    return frame.size <= COLUMNS_SAMPLE_BYTES ? 1 : COLUMNS_SAMPLE_PIECES;
}

struct span columns_sample_piece(struct span frame, unsigned stride, unsigned index)
{
    if (columns_sample_pieces(frame) == 1)
        return span_take(frame, frame.size / stride * stride);
    size_t apart = (frame.size - COLUMNS_SAMPLE_PIECE_BYTES) / (COLUMNS_SAMPLE_PIECES - 1);
    return span_take(span_skip(frame, apart * index / stride * stride), COLUMNS_SAMPLE_PIECE_BYTES / stride * stride);
}

/* Records whose fields, from whatever position, and the two records before lie in the piece. */
static void sample_piece(struct columns_search *search, struct span piece, unsigned records_max)
{
    unsigned stride = search->stride;
    unsigned taken = 0;
    for (size_t at = 2 * stride; taken < records_max && at + 2 * stride + WIDTH_MAX <= piece.size; at += stride)
        search->sampled[search->samples + taken++] = piece.data + at;
    search->samples += taken;
}

static void sample(struct columns_search *search)
{
    unsigned pieces = columns_sample_pieces(search->frame);
    unsigned records = PIECE_READ_BYTES / search->stride;
    records = records < PIECE_RECORDS_LEAST ? PIECE_RECORDS_LEAST : records;
    records = records > PIECE_RECORDS_MAX ? PIECE_RECORDS_MAX : records;
    search->samples = 0;
    for (unsigned i = 0; i < pieces; i++)
        sample_piece(search, columns_sample_piece(search->frame, search->stride, i),
                     records * COLUMNS_SAMPLE_PIECES / pieces);
}

/* ---- entropy of planes ---- */

/* In bits, of the samples tallied in `count` planes. */
static float entropy_of(const struct columns_search *search, uint16_t counts[][256], unsigned planes)
{
    float bits = 0;
    for (unsigned plane = 0; plane < planes; plane++) {
        float sums[4] = {0}; /* four, so that additions do not wait for each other */
        for (unsigned byte = 0; byte < 256; byte += 4)
            for (unsigned i = 0; i < 4; i++)
                sums[i] += search->weights[counts[plane][byte + i]];
        bits += search->weights[search->samples] - (sums[0] + sums[1] + sums[2] + sums[3]);
    }
    return bits < 0 ? 0 : bits;
}

static inline uint64_t load_word(const uint8_t *at, unsigned width)
{
    switch (width) {
    case 1:
        return *at;
    case 2:
        return load_u16_le(at);
    case 4:
        return load_u32_le(at);
    default:
        return load_u64_le(at);
    }
}

/* Of a word whose upper bits may be anything. */
static inline uint64_t zigzag(uint64_t value, unsigned width)
{
    unsigned unused = 64 - 8 * width;
    int64_t extended = (int64_t)(value << unused) >> unused;
    return ((uint64_t)extended << 1) ^ (uint64_t)(extended >> 63);
}

static inline void tally(uint16_t counts[][256], uint64_t word, unsigned width)
{
    for (unsigned plane = 0; plane < width; plane++)
        counts[plane][(word >> (8 * plane)) & 255]++;
}

static inline void tally_ops(struct columns_search *search, unsigned position, unsigned width)
{
    for (unsigned i = 0; i < search->samples; i++) {
        const uint8_t *at = search->sampled[i] + position;
        uint64_t now = load_word(at, width);
        uint64_t before = load_word(at - search->stride, width);
        uint64_t first = load_word(at - (size_t)2 * search->stride, width);
        tally(search->counts[0], now, width);
        tally(search->counts[1], zigzag(now - before, width), width);
        tally(search->counts[2], zigzag(now - 2 * before + first, width), width);
    }
}

static void consider(struct field *field, float bits, unsigned op, unsigned exponent)
{
    if (op != COLUMNS_OP_NONE)
        bits *= (float)OP_PENALTY;
    if (bits < field->bits)
        *field = (struct field){bits, (uint8_t)op, (uint8_t)exponent};
}

/* ---- decimals ---- */

/* Fills `integers`; false: too many are none, which shows long before the end. An exception repeats the last. */
static bool read_decimals(struct columns_search *search, unsigned position, unsigned width, unsigned exponent,
                          unsigned *ret_exceptions)
{
    unsigned exceptions = 0;
    uint64_t last = 0;
    uint8_t integer[sizeof(uint64_t)];
    for (unsigned i = 0; i < search->samples; i++) {
        exceptions +=
            (unsigned)columns_decimals_to_integers(search->sampled[i] + position, 1, width, exponent, &last, integer);
        search->integers[i] = width == 8 ? (int64_t)load_u64_le(integer) : (int32_t)load_u32_le(integer);
        bool are_too_many = exceptions * 100 > search->samples * DECIMAL_EXCEPTIONS_PERCENT_MAX;
        if (are_too_many || (i + 1 == DECIMAL_FIRST && exceptions > 1))
            return false;
    }
    *ret_exceptions = exceptions;
    return true;
}

static void consider_decimals(struct columns_search *search, unsigned position, unsigned width, struct field *field)
{
    unsigned exceptions;
    unsigned exponent = 0;
    while (!read_decimals(search, position, width, exponent, &exceptions))
        if (++exponent > DECIMAL_EXPONENT_TRIED_MAX)
            return;
    memset(search->counts, 0, sizeof search->counts);
    for (unsigned i = 0; i < search->samples; i++) {
        uint64_t now = (uint64_t)search->integers[i];
        uint64_t before = i > 0 ? (uint64_t)search->integers[i - 1] : 0;
        tally(search->counts[0], zigzag(now - before, width), width);
        tally(search->counts[1], zigzag(now, width), width);
    }
    float excepted = (float)(exceptions * (sizeof(uint32_t) + width) * 8);
    consider(field, entropy_of(search, search->counts[0], width) + excepted, COLUMNS_OP_DECIMAL_DELTA, exponent);
    consider(field, entropy_of(search, search->counts[1], width) + excepted, COLUMNS_OP_DECIMAL, exponent);
}

/* ---- positions ---- */

static void measure(struct columns_search *search, unsigned position, unsigned log_width)
{
    unsigned width = 1U << log_width;
    struct field *field = &search->fields[position][log_width];
    *field = (struct field){INFINITY, COLUMNS_OP_NONE, 0};
    if (width > search->stride || (search->is_text && width > 1))
        return;
    memset(search->counts, 0, sizeof search->counts);
    switch (width) { /* constants, so that inner loops unroll */
    case 1:
        tally_ops(search, position, 1);
        break;
    case 2:
        tally_ops(search, position, 2);
        break;
    case 4:
        tally_ops(search, position, 4);
        break;
    default:
        tally_ops(search, position, 8);
        break;
    }
    for (unsigned op = 0; op < OPS; op++)
        consider(field, entropy_of(search, search->counts[op], width), op, 0);
    if (width >= 4 && field->bits > 0)
        consider_decimals(search, position, width, field);
}

void columns_search_begin(struct columns_search *search, struct span frame, unsigned stride, bool is_text)
{
    ASSERT(stride >= 2 && stride <= COLUMNS_STRIDE_MAX && frame.size >= 4096);
    search->frame = frame;
    search->stride = stride;
    search->is_text = is_text;
    search->position = 0;
    sample(search);
}

bool columns_search_step(struct columns_search *search)
{
    unsigned tallies_each = search->samples * OPS * (search->is_text ? 1 : 2 * WIDTH_MAX - 1);
    for (unsigned done = 0; done < STEP_TALLIES && search->position < search->stride; done += tallies_each + 1) {
        for (unsigned log_width = 0; log_width < WIDTHS; log_width++)
            measure(search, search->position, log_width);
        search->position++;
    }
    return search->position < search->stride;
}

/* ---- the row of fields ---- */

struct row {
    float bits;
    uint8_t log_width; /* of the field that ends here */
};

/* The cheapest row that begins at `rotation`; rows[i] is that of its first i bytes. */
static float cheapest_row(const struct columns_search *search, unsigned rotation, struct row *rows)
{
    unsigned stride = search->stride;
    rows[0].bits = 0;
    for (unsigned end = 1; end <= stride; end++) {
        rows[end].bits = INFINITY;
        for (unsigned log_width = 0; log_width < WIDTHS && (1U << log_width) <= end; log_width++) {
            unsigned start = end - (1U << log_width);
            float bits = rows[start].bits + search->fields[(rotation + start) % stride][log_width].bits +
                         FIELD_BITS * (float)search->samples;
            if (bits < rows[end].bits)
                rows[end] = (struct row){bits, (uint8_t)log_width};
        }
    }
    return rows[stride].bits;
}

/* Fields from the last to the first, then equal neighbours put together. */
static void describe_row(const struct columns_search *search, unsigned rotation, const struct row *rows,
                         struct columns_plan *ret_plan)
{
    uint8_t log_widths[COLUMNS_STRIDE_MAX];
    unsigned count = 0;
    for (unsigned end = search->stride; end > 0; end -= 1U << rows[end].log_width)
        log_widths[count++] = rows[end].log_width;
    *ret_plan = (struct columns_plan){.stride = (uint8_t)search->stride, .lead = (uint8_t)rotation};
    unsigned start = rotation;
    while (count-- > 0) {
        const struct field *field = &search->fields[start % search->stride][log_widths[count]];
        struct columns_run run = {(uint8_t)(1U << log_widths[count]), field->op, 1, field->exponent};
        struct columns_run *last = &ret_plan->runs[ret_plan->runs_count > 0 ? ret_plan->runs_count - 1 : 0];
        start += run.width;
        if (ret_plan->runs_count > 0 && last->width == run.width && last->op == run.op &&
            last->exponent == run.exponent)
            last->repeat++;
        else
            ret_plan->runs[ret_plan->runs_count++] = run;
    }
}

double columns_search_end(const struct columns_search *search, struct columns_plan *ret_plan)
{
    struct row rows[COLUMNS_STRIDE_MAX + 1] = {0};
    unsigned best = 0;
    float best_bits = INFINITY;
    /* Some field begins within any WIDTH_MAX bytes of a row. */
    for (unsigned rotation = 0; rotation < WIDTH_MAX && rotation < search->stride; rotation++) {
        float bits = cheapest_row(search, rotation, rows);
        if (bits < best_bits * 0.9999F || rotation == 0) {
            best = rotation;
            best_bits = bits;
        }
    }
    (void)cheapest_row(search, best, rows);
    describe_row(search, best, rows, ret_plan);
    ASSERT(columns_plan_is_valid(ret_plan));
    return (double)best_bits / search->samples / search->stride;
}

/* ---- the context ---- */

struct columns_search *columns_search_create(void)
{
    struct columns_search *search = calloc(1, sizeof *search);
    if (search == NULL)
        return NULL;
    for (unsigned count = 2; count <= SAMPLES_MAX; count++)
        search->weights[count] = (float)(count * log2(count));
    return search;
}

void columns_search_destroy(struct columns_search *search)
{
    free(search);
}
