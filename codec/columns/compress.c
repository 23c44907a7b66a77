/* codec/columns/compress.c -- a frame into columns: split into planes, each coded by itself, then put together.
 *
 * Planes lie in the scratch, one after the other. What zstd makes of some of them is collected at the start of the
 * payload, and moved up to its place at the end, when it is known what comes before it. */
#include "codec/columns/columns.h"
#include "codec/columns/decimal.h"
#include "codec/columns/kernels.h"
#include "codec/columns/layout.h"
#include "codec/measure/histogram.h"
#include "codec/stock/compressor.h"
#include "runtime/base/assert.h"
#include "runtime/base/byteorder.h"

#include <stdlib.h>

enum {
    ZSTD_ENTRY_BYTES = 4, /* in the table of planes */
    ONE_VALUE_ENTRY_BYTES = 2,
    RAW_ENTRY_BYTES = 1,
    ZSTD_RECORDS_MIN = 16,       /* no frame of zstd is smaller than so few bytes */
    PROBED_END_BYTES = 32 << 10, /* less than a slice: planes of one are not probed */
};

/* Above so much of its order-0 entropy, the matches that zstd found in a plane are chance. */
static const double chance = 1.03;
/* Slices of one plane whose entropies differ by no more are alike: what is true of the first is true of all. */
static const double alike = 1.02;
/* Bits for each byte from which on nothing is gained by Huffman codes. */
static const double noise_bits = 7.99;

struct plane {
    enum columns_mode mode;
    uint8_t value;
    uint32_t size; /* of its frame of zstd */
};

typedef enum codec_step stage_function(struct columns_compressor *columns, size_t *ret_size);

struct columns_compressor {
    struct columns_compress_job job;
    stage_function *stage;
    struct columns_layout layout;
    size_t records;

    size_t record;                              /* up to which it is split */
    uint64_t integers_last[COLUMNS_STRIDE_MAX]; /* by word, of decimals; so is the next */
    uint32_t exceptions[COLUMNS_STRIDE_MAX];

    struct plane planes[COLUMNS_STRIDE_MAX];
    unsigned plane;    /* that is being coded */
    bool is_probed;    /* its first slice has been looked at */
    bool is_doubted;   /* ... which does better by its statistics: whether all of it does is being found out */
    size_t usual_size; /* what the level made of it; 0: nothing smaller */
    size_t weighed;    /* bytes of it */
    double weight;     /* what an order-0 coder would make of them */
    double least_bits; /* for a byte, of a slice */
    double most_bits;
    size_t streams_size; /* of frames of zstd, at the start of the payload */
    size_t stored_size;  /* that the payload has in any case by now */

    uint8_t words[COLUMNS_WORDS_BYTES];
    uint8_t other_words[COLUMNS_WORDS_BYTES];
};

struct columns_compressor *columns_compressor_create(void)
{
    return malloc(sizeof(struct columns_compressor));
}

void columns_compressor_destroy(struct columns_compressor *columns)
{
    free(columns);
}

static enum codec_step give_up(size_t *ret_size)
{
    *ret_size = 0;
    return CODEC_DONE;
}

static const uint8_t *fields_at(const struct columns_compressor *columns, const struct columns_word *word,
                                size_t record)
{
    const struct columns_plan *plan = columns->job.plan;
    return columns->job.original.data + plan->lead + record * plan->stride + word->offset;
}

static struct span plane_span(const struct columns_compressor *columns)
{
    return span_of(columns->job.scratch + columns->plane * columns->records, columns->records);
}

/* ---- records into planes ---- */

/* The words of `count` records, and of the two before them (zeros before the first). */
static uint8_t *gather_with_those_before(struct columns_compressor *columns, const struct columns_word *word,
                                         size_t record, size_t count)
{
    uint8_t *words = columns->words + COLUMNS_WORDS_BEFORE;
    size_t before = record < 2 ? record : 2;
    memset(columns->words, 0, COLUMNS_WORDS_BEFORE);
    columns_gather(fields_at(columns, word, record - before), columns->job.plan->stride, before + count,
                   word->shape.word_bytes, words - before * word->shape.word_bytes);
    return words;
}

/* The same of decimals as integers; those before are 0 or what the last piece ended with. */
static uint8_t *gather_integers(struct columns_compressor *columns, unsigned index, size_t record, size_t count)
{
    const struct columns_word *word = &columns->layout.words[index];
    unsigned width = word->shape.word_bytes;
    uint8_t *values = columns->words + COLUMNS_WORDS_BEFORE;
    uint8_t *integers = columns->other_words + COLUMNS_WORDS_BEFORE;
    columns_gather(fields_at(columns, word, record), columns->job.plan->stride, count, width, values);
    memcpy(integers - width, &columns->integers_last[index], width);
    columns->exceptions[index] += (uint32_t)columns_decimals_to_integers(values, count, width, word->exponent,
                                                                         &columns->integers_last[index], integers);
    return integers;
}

static void split_word(struct columns_compressor *columns, unsigned index, size_t record, size_t count)
{
    const struct columns_word *word = &columns->layout.words[index];
    uint8_t *words;
    uint8_t *differences;
    if (columns_op_is_decimal(word->op)) {
        words = gather_integers(columns, index, record, count);
        differences = columns->words + COLUMNS_WORDS_BEFORE;
    } else {
        words = gather_with_those_before(columns, word, record, count);
        differences = columns->other_words + COLUMNS_WORDS_BEFORE;
    }
    if (word->op != COLUMNS_OP_NONE) {
        columns_kernels_best->difference(words, count, word->shape, differences);
        words = differences;
    }
    columns_kernels_best->split(words, count, word->shape.word_bytes,
                                columns->job.scratch + word->offset * columns->records + record, columns->records);
}

static bool has_too_many_exceptions(const struct columns_compressor *columns)
{
    for (unsigned i = 0; i < columns->layout.words_count; i++)
        if (columns->exceptions[i] > columns_exceptions_max(columns->records))
            return true;
    return false;
}

static size_t exceptions_size(const struct columns_compressor *columns)
{
    size_t size = 0;
    for (unsigned i = 0; i < columns->layout.words_count; i++)
        if (columns_op_is_decimal(columns->layout.words[i].op))
            size += 4 + (size_t)columns->exceptions[i] * (4 + columns->layout.words[i].shape.word_bytes);
    return size;
}

static stage_function begin_plane;

static enum codec_step split_slice(struct columns_compressor *columns, size_t *ret_size)
{
    unsigned stride = columns->job.plan->stride;
    size_t piece = columns_piece_records(stride);
    for (size_t done = 0; done < CODEC_SLICE_BYTES && columns->record < columns->records; done += piece * stride) {
        size_t left = columns->records - columns->record;
        size_t count = left < piece ? left : piece;
        for (unsigned i = 0; i < columns->layout.words_count; i++)
            split_word(columns, i, columns->record, count);
        columns->record += count;
    }
    if (has_too_many_exceptions(columns))
        return give_up(ret_size);
    if (columns->record < columns->records)
        return CODEC_MORE;
    columns->stored_size += exceptions_size(columns);
    columns->stage = begin_plane;
    return columns->stored_size > columns->job.capacity ? give_up(ret_size) : CODEC_MORE;
}

/* ---- one plane ---- */

static stage_function code_plane;
static stage_function weigh_plane;
static stage_function code_plane_by_entropy;
static stage_function put_together;

static enum codec_step settle_plane(struct columns_compressor *columns, struct plane plane, size_t *ret_size)
{
    static const unsigned entry_bytes[] = {
        [COLUMNS_MODE_RAW] = RAW_ENTRY_BYTES,
        [COLUMNS_MODE_ONE_VALUE] = ONE_VALUE_ENTRY_BYTES,
        [COLUMNS_MODE_ZSTD] = ZSTD_ENTRY_BYTES,
    };
    columns->planes[columns->plane] = plane;
    columns->streams_size += plane.size;
    columns->stored_size += entry_bytes[plane.mode] + plane.size;
    if (plane.mode == COLUMNS_MODE_RAW)
        columns->stored_size += columns->records;
    if (columns->stored_size > columns->job.capacity)
        return give_up(ret_size);
    columns->plane++;
    columns->stage = columns->plane < columns->job.plan->stride ? begin_plane : put_together;
    return CODEC_MORE;
}

static enum codec_step settle_by_size(struct columns_compressor *columns, size_t size, size_t *ret_size)
{
    struct plane plane = {size > 0 ? COLUMNS_MODE_ZSTD : COLUMNS_MODE_RAW, 0, (uint32_t)size};
    return settle_plane(columns, plane, ret_size);
}

/* A frame of zstd is kept only where it and its entry are smaller than the plane, and fit. */
static void compress_plane(struct columns_compressor *columns, bool is_entropy_only, size_t size_max)
{
    const struct columns_compress_job *job = &columns->job;
    size_t entry = ZSTD_ENTRY_BYTES;
    size_t room = job->capacity - columns->stored_size;
    size_t useful = columns->records - entry;
    size_t capacity = room < entry ? 0 : room - entry;
    capacity = capacity < useful ? capacity : useful;
    capacity = capacity < size_max ? capacity : size_max;
    compressor_begin(job->compressor, &(struct compression){.level = job->level, .is_entropy_only = is_entropy_only},
                     plane_span(columns), job->payload + columns->streams_size, capacity);
}

static enum codec_step begin_plane(struct columns_compressor *columns, size_t *ret_size)
{
    struct span plane = plane_span(columns);
    if (memcmp(plane.data, plane.data + 1, plane.size - 1) == 0)
        return settle_plane(columns, (struct plane){COLUMNS_MODE_ONE_VALUE, plane.data[0], 0}, ret_size);
    if (plane.size < ZSTD_RECORDS_MIN)
        return settle_by_size(columns, 0, ret_size);
    compress_plane(columns, false, SIZE_MAX);
    columns->is_probed = columns->job.level > CODEC_LEVEL_DEFAULT; /* there it is done in any case */
    columns->is_doubted = false;
    columns->stage = code_plane;
    return CODEC_MORE;
}

static void begin_weighing(struct columns_compressor *columns)
{
    columns->weighed = 0;
    columns->weight = 0;
    columns->least_bits = 8;
    columns->most_bits = 0;
    columns->stage = weigh_plane;
}

/* For a byte, by the statistics of single bytes alone: never below one. */
static double bits_of(struct span bytes)
{
    struct histogram histogram = {0};
    histogram_add(&histogram, bytes);
    double bits = histogram_entropy(&histogram);
    return bits > 1 ? bits : 1;
}

/* zstd makes its statistics for each 128 KiB, so the entropy is taken of each. */
static void weigh_slice(struct columns_compressor *columns)
{
    struct span slice = span_take(span_skip(plane_span(columns), columns->weighed), CODEC_SLICE_BYTES);
    double bits = bits_of(slice);
    columns->least_bits = bits < columns->least_bits ? bits : columns->least_bits;
    columns->most_bits = bits > columns->most_bits ? bits : columns->most_bits;
    columns->weight += (double)slice.size * bits / 8;
    columns->weighed += slice.size;
}

static bool is_doubtful(const struct columns_compressor *columns, size_t made, double weight)
{
    bool is_noise = columns->least_bits >= noise_bits && (double)made >= weight;
    return is_noise || (double)made > chance * weight;
}

/* A plane that the first slice of zstd says nothing of need not be gone through to its end. */
static void probe_plane(struct columns_compressor *columns)
{
    size_t made = compressor_size_so_far(columns->job.compressor);
    columns->is_probed = true;
    if (made <= CODEC_SLICE_BYTES / 8) /* statistics would make no less of it */
        return;
    begin_weighing(columns);
    weigh_slice(columns);
    columns->is_doubted = is_doubtful(columns, made, columns->weight);
    if (!columns->is_doubted)
        columns->stage = code_plane;
}

static enum codec_step code_plane(struct columns_compressor *columns, size_t *ret_size)
{
    enum codec_step step = compressor_step(columns->job.compressor, &columns->usual_size);
    if (step == CODEC_MORE && !columns->is_probed)
        probe_plane(columns);
    if (step != CODEC_DONE)
        return step;
    if (columns->usual_size > 0 && columns->usual_size <= columns->records / 8)
        return settle_by_size(columns, columns->usual_size, ret_size);
    begin_weighing(columns);
    return CODEC_MORE;
}

/* The first slice of a plane is to be coded by its statistics: if all have the same, and if it is true of the last
 * bytes as well, then so is the plane; else zstd goes through all of it after all. */
static enum codec_step resolve_doubt(struct columns_compressor *columns, bool is_confirmed, size_t *ret_size)
{
    columns->is_doubted = false;
    columns->usual_size = 0;
    if (is_confirmed && columns->least_bits >= noise_bits)
        return settle_by_size(columns, 0, ret_size);
    compress_plane(columns, is_confirmed, SIZE_MAX);
    columns->stage = is_confirmed ? code_plane_by_entropy : code_plane;
    return CODEC_MORE;
}

static struct span end_of_plane(const struct columns_compressor *columns)
{
    return span_skip(plane_span(columns), columns->records - PROBED_END_BYTES);
}

static enum codec_step probe_end(struct columns_compressor *columns, size_t *ret_size)
{
    size_t size;
    enum codec_step step = compressor_step(columns->job.compressor, &size);
    if (step != CODEC_DONE)
        return step;
    double weight = bits_of(end_of_plane(columns)) / 8 * PROBED_END_BYTES;
    return resolve_doubt(columns, is_doubtful(columns, size > 0 ? size : PROBED_END_BYTES, weight), ret_size);
}

static enum codec_step begin_probe_of_end(struct columns_compressor *columns, size_t *ret_size)
{
    const struct columns_compress_job *job = &columns->job;
    size_t room = job->capacity - columns->stored_size;
    if (columns->most_bits > alike * columns->least_bits)
        return resolve_doubt(columns, false, ret_size);
    compressor_begin(job->compressor, &(struct compression){.level = job->level}, end_of_plane(columns),
                     job->payload + columns->streams_size, room < PROBED_END_BYTES ? room : PROBED_END_BYTES);
    columns->stage = probe_end;
    return CODEC_MORE;
}

static enum codec_step weigh_plane(struct columns_compressor *columns, size_t *ret_size)
{
    if (columns->weighed < columns->records)
        weigh_slice(columns);
    if (columns->weighed < columns->records)
        return CODEC_MORE;
    if (columns->is_doubted)
        return begin_probe_of_end(columns, ret_size);

    size_t size = columns->usual_size > 0 ? columns->usual_size : columns->records;
    if ((double)size <= chance * columns->weight)
        return settle_by_size(columns, columns->usual_size, ret_size);
    compress_plane(columns, true, size - 1);
    columns->stage = code_plane_by_entropy;
    return CODEC_MORE;
}

/* The same bytes as the first time, over what was tried instead of them. */
static enum codec_step code_plane_again(struct columns_compressor *columns, size_t *ret_size)
{
    size_t size;
    enum codec_step step = compressor_step(columns->job.compressor, &size);
    return step == CODEC_DONE ? settle_by_size(columns, size, ret_size) : step;
}

static enum codec_step code_plane_by_entropy(struct columns_compressor *columns, size_t *ret_size)
{
    size_t size;
    enum codec_step step = compressor_step(columns->job.compressor, &size);
    if (step != CODEC_DONE)
        return step;
    if (size > 0 || columns->usual_size == 0)
        return settle_by_size(columns, size, ret_size);
    compress_plane(columns, false, SIZE_MAX);
    columns->stage = code_plane_again;
    return CODEC_MORE;
}

/* ---- the payload ---- */

/* From the last to the first, each stream moves up; none comes over one that has not moved yet. */
static void place_streams(struct columns_compressor *columns)
{
    uint8_t *to = columns->job.payload + columns->stored_size;
    const uint8_t *from = columns->job.payload + columns->streams_size;
    for (unsigned i = columns->job.plan->stride; i-- > 0;) {
        const struct plane *plane = &columns->planes[i];
        if (plane->mode == COLUMNS_MODE_RAW) {
            to -= columns->records;
            memcpy(to, columns->job.scratch + i * columns->records, columns->records);
        } else {
            to -= plane->size;
            from -= plane->size;
            memmove(to, from, plane->size);
        }
    }
}

static uint8_t *put_planes(const struct columns_compressor *columns, uint8_t *to)
{
    for (unsigned i = 0; i < columns->job.plan->stride; i++) {
        const struct plane *plane = &columns->planes[i];
        *to++ = (uint8_t)plane->mode;
        if (plane->mode == COLUMNS_MODE_ONE_VALUE) {
            *to++ = plane->value;
        } else if (plane->mode == COLUMNS_MODE_ZSTD) {
            store_u16_le(to, (uint16_t)plane->size);
            to[2] = (uint8_t)(plane->size >> 16);
            to += 3;
        }
    }
    return to;
}

static uint8_t *put_exceptions_of_piece(struct columns_compressor *columns, unsigned index, size_t record, size_t count,
                                        uint8_t *to)
{
    const struct columns_word *word = &columns->layout.words[index];
    unsigned width = word->shape.word_bytes;
    uint32_t before = columns->exceptions[index];
    const uint8_t *integers = gather_integers(columns, index, record, count);
    const uint8_t *values = columns->words + COLUMNS_WORDS_BEFORE;
    for (size_t i = 0; i < count && columns->exceptions[index] > before; i++) {
        if (!columns_decimal_is_exception(values, integers, i, width, word->exponent))
            continue;
        store_u32_le(to, (uint32_t)(record + i));
        memcpy(to + 4, values + i * width, width);
        to += 4 + width;
    }
    return to;
}

/* They were counted when the words were split; here they are looked for again. */
static uint8_t *put_exceptions(struct columns_compressor *columns, unsigned index, uint8_t *to)
{
    uint32_t count = columns->exceptions[index];
    store_u32_le(to, count);
    to += 4;
    size_t piece = columns_piece_records(columns->job.plan->stride);
    columns->integers_last[index] = 0;
    columns->exceptions[index] = 0;
    for (size_t record = 0; record < columns->records && columns->exceptions[index] < count; record += piece) {
        size_t left = columns->records - record;
        to = put_exceptions_of_piece(columns, index, record, left < piece ? left : piece, to);
    }
    return to;
}

static uint8_t *put_rest(const struct columns_compressor *columns, uint8_t *to)
{
    const struct columns_plan *plan = columns->job.plan;
    struct span tail = span_skip(columns->job.original, plan->lead + columns->records * plan->stride);
    memcpy(to, columns->job.original.data, plan->lead);
    to += plan->lead;
    memcpy(to, tail.data, tail.size);
    return to + tail.size;
}

static enum codec_step put_together(struct columns_compressor *columns, size_t *ret_size)
{
    place_streams(columns);
    uint8_t *to = columns->job.payload;
    to += columns_plan_encode(columns->job.plan, to);
    to = put_planes(columns, to);
    for (unsigned i = 0; i < columns->layout.words_count; i++)
        if (columns_op_is_decimal(columns->layout.words[i].op))
            to = put_exceptions(columns, i, to);
    (void)put_rest(columns, to);
    *ret_size = columns->stored_size;
    return CODEC_DONE;
}

/* ---- all of it ---- */

static enum codec_step refuse(struct columns_compressor *columns, size_t *ret_size)
{
    (void)columns;
    return give_up(ret_size);
}

void columns_compress_begin(struct columns_compressor *columns, const struct columns_compress_job *job)
{
    ASSERT(job->original.size <= COLUMNS_ORIGINAL_BYTES_MAX);
    columns->job = *job;
    columns_layout_of(job->plan, &columns->layout);
    columns->records =
        job->original.size < job->plan->lead ? 0 : (job->original.size - job->plan->lead) / job->plan->stride;
    columns->record = 0;
    memset(columns->integers_last, 0, sizeof columns->integers_last);
    memset(columns->exceptions, 0, sizeof columns->exceptions);
    columns->plane = 0;
    columns->streams_size = 0;

    uint8_t head[COLUMNS_HEAD_BYTES_MAX];
    columns->stored_size =
        columns_plan_encode(job->plan, head) + job->original.size - columns->records * job->plan->stride;
    bool is_hopeless = columns->records == 0 || columns->stored_size > job->capacity;
    columns->stage = is_hopeless ? refuse : split_slice;
}

enum codec_step columns_compress_step(struct columns_compressor *columns, size_t *ret_size)
{
    *ret_size = 0;
    return columns->stage(columns, ret_size);
}
