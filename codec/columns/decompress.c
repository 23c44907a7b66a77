/* codec/columns/decompress.c -- columns back into a frame: all bounds first, then the planes, then the records.
 *
 * Raw planes are read where they lie in the payload, the others are made in the scratch. */
#include "codec/columns/columns.h"
#include "codec/columns/decimal.h"
#include "codec/columns/kernels.h"
#include "codec/columns/layout.h"
#include "codec/stock/zstd_flat.h"
#include "runtime/base/byteorder.h"

#include <inttypes.h>
#include <stdlib.h>

struct plane {
    enum columns_mode mode;
    uint8_t value;
    struct span stream; /* of zstd, in the payload */
};

typedef enum codec_step stage_function(struct columns_decompressor *columns, struct error *error);

struct columns_decompressor {
    struct zstd_flat *zstd;
    struct columns_decompress_job job;
    stage_function *stage;
    struct columns_plan plan;
    struct columns_layout layout;
    size_t records;
    struct plane planes[COLUMNS_STRIDE_MAX];
    const uint8_t *plane_bytes[COLUMNS_STRIDE_MAX];
    struct span exceptions; /* of all decimals, one after the other */
    struct span rest;

    unsigned plane; /* that is being decoded */
    bool is_in_plane;
    size_t record;                                /* up to which they are joined */
    struct columns_sums sums[COLUMNS_STRIDE_MAX]; /* by word */

    uint8_t words[COLUMNS_WORDS_BYTES];
};

struct columns_decompressor *columns_decompressor_create(void)
{
    struct columns_decompressor *columns = malloc(sizeof *columns);
    if (columns == NULL)
        return NULL;
    columns->zstd = zstd_flat_create();
    if (columns->zstd != NULL)
        return columns;
    free(columns);
    return NULL;
}

void columns_decompressor_destroy(struct columns_decompressor *columns)
{
    if (columns == NULL)
        return;
    zstd_flat_destroy(columns->zstd);
    free(columns);
}

/* ---- bounds ---- */

static bool refuse_cut(struct error *error)
{
    return error_set(error, ERROR_DAMAGED, NULL, "A frame of columns is cut off.");
}

/* One entry of the table of planes from the start of *bytes, which is moved on. The stream has its size, no place yet.
 */
static bool read_plane(struct span *bytes, size_t records, struct plane *ret_plane, struct error *error)
{
    static const unsigned entry_bytes[] = {
        [COLUMNS_MODE_RAW] = 1, [COLUMNS_MODE_ONE_VALUE] = 2, [COLUMNS_MODE_ZSTD] = 4};
    if (bytes->size == 0)
        return refuse_cut(error);
    unsigned mode = bytes->data[0];
    if (mode > COLUMNS_MODE_ZSTD)
        return error_set(error, ERROR_UNSUPPORTED, NULL,
                         "A frame of columns has a plane (mode %u) that this version of Bale cannot read.", mode);
    if (bytes->size < entry_bytes[mode])
        return refuse_cut(error);
    const uint8_t *entry = bytes->data;
    *ret_plane = (struct plane){.mode = mode};
    if (mode == COLUMNS_MODE_ONE_VALUE)
        ret_plane->value = entry[1];
    if (mode == COLUMNS_MODE_ZSTD)
        ret_plane->stream.size = load_u16_le(entry + 1) | (size_t)entry[3] << 16;
    if (mode == COLUMNS_MODE_ZSTD && (ret_plane->stream.size == 0 || ret_plane->stream.size >= records))
        return error_set(error, ERROR_DAMAGED, NULL, "A plane of a frame of columns says it takes %zu bytes of %zu.",
                         ret_plane->stream.size, records);
    *bytes = span_skip(*bytes, entry_bytes[mode]);
    return true;
}

static bool read_planes(struct columns_decompressor *columns, struct span *bytes, struct error *error)
{
    for (unsigned i = 0; i < columns->plan.stride; i++)
        if (!read_plane(bytes, columns->records, &columns->planes[i], error))
            return false;
    return true;
}

/* The exceptions of one field from the start of *bytes, which is moved on. */
static bool read_exceptions(struct span *bytes, unsigned width, size_t records, struct error *error)
{
    if (bytes->size < 4)
        return refuse_cut(error);
    uint32_t count = load_u32_le(bytes->data);
    if (count > columns_exceptions_max(records))
        return error_set(error, ERROR_DAMAGED, NULL,
                         "A frame of columns says that %" PRIu32 " of %zu values are exceptions.", count, records);
    *bytes = span_skip(*bytes, 4);
    size_t entry_bytes = 4 + width;
    if (bytes->size / entry_bytes < count)
        return refuse_cut(error);
    uint64_t least = 0; /* of the next record */
    for (uint32_t i = 0; i < count; i++) {
        uint32_t record = load_u32_le(bytes->data + i * entry_bytes);
        if (record < least || record >= records)
            return error_set(error, ERROR_DAMAGED, NULL, "The exceptions of a frame of columns are out of order.");
        least = (uint64_t)record + 1;
    }
    *bytes = span_skip(*bytes, count * entry_bytes);
    return true;
}

static bool read_all_exceptions(struct columns_decompressor *columns, struct span *bytes, struct error *error)
{
    struct span begin = *bytes;
    for (unsigned i = 0; i < columns->layout.words_count; i++) {
        const struct columns_word *word = &columns->layout.words[i];
        if (columns_op_is_decimal(word->op) && !read_exceptions(bytes, word->shape.word_bytes, columns->records, error))
            return false;
    }
    columns->exceptions = span_take(begin, begin.size - bytes->size);
    return true;
}

/* What lies before the first record and behind the last. */
static bool read_rest(struct columns_decompressor *columns, struct span *bytes, struct error *error)
{
    size_t size = columns->job.original_size - columns->records * columns->plan.stride;
    if (bytes->size < size)
        return refuse_cut(error);
    columns->rest = span_take(*bytes, size);
    *bytes = span_skip(*bytes, size);
    return true;
}

/* Each stream gets its place; they end where the payload does. */
static bool place_streams(struct columns_decompressor *columns, struct span bytes, struct error *error)
{
    for (unsigned i = 0; i < columns->plan.stride; i++) {
        struct plane *plane = &columns->planes[i];
        bool is_raw = plane->mode == COLUMNS_MODE_RAW;
        size_t size = is_raw ? columns->records : plane->stream.size;
        if (bytes.size < size)
            return refuse_cut(error);
        plane->stream = span_take(bytes, size);
        columns->plane_bytes[i] = is_raw ? plane->stream.data : columns->job.scratch + i * columns->records;
        bytes = span_skip(bytes, size);
    }
    return bytes.size == 0 ||
           error_set(error, ERROR_DAMAGED, NULL, "A frame of columns has %zu bytes too many.", bytes.size);
}

static stage_function decode_planes;

bool columns_decompress_begin(struct columns_decompressor *columns, const struct columns_decompress_job *job,
                              struct error *error)
{
    if (job->original_size > COLUMNS_ORIGINAL_BYTES_MAX)
        return error_set(error, ERROR_DAMAGED, NULL, "A frame of columns says it holds %zu bytes; at most %u can be.",
                         job->original_size, (unsigned)COLUMNS_ORIGINAL_BYTES_MAX);
    size_t head_size;
    if (!columns_plan_decode(job->payload, &columns->plan, &head_size, error))
        return false;
    if (job->original_size < (size_t)columns->plan.lead + columns->plan.stride)
        return error_set(error, ERROR_DAMAGED, NULL, "A frame of columns of %zu bytes has no record of %u.",
                         job->original_size, (unsigned)columns->plan.stride);
    columns->job = *job;
    columns->records = (job->original_size - columns->plan.lead) / columns->plan.stride;
    columns_layout_of(&columns->plan, &columns->layout);

    struct span bytes = span_skip(job->payload, head_size);
    if (!read_planes(columns, &bytes, error) || !read_all_exceptions(columns, &bytes, error) ||
        !read_rest(columns, &bytes, error) || !place_streams(columns, bytes, error))
        return false;
    columns->stage = decode_planes;
    columns->plane = 0;
    columns->is_in_plane = false;
    columns->record = 0;
    memset(columns->sums, 0, sizeof columns->sums);
    return true;
}

/* ---- planes ---- */

static stage_function join_records;

static enum codec_step decode_zstd_slice(struct columns_decompressor *columns, uint8_t *plane, struct error *error)
{
    struct span stream = columns->planes[columns->plane].stream;
    if (!columns->is_in_plane && !zstd_flat_begin(columns->zstd, stream, plane, columns->records, error))
        return CODEC_FAILED;
    enum codec_step step = zstd_flat_step(columns->zstd, error);
    columns->is_in_plane = step == CODEC_MORE;
    return step;
}

/* Small planes until they are a slice together, or a slice of a large one. */
static enum codec_step decode_planes(struct columns_decompressor *columns, struct error *error)
{
    for (size_t done = 0; done < CODEC_SLICE_BYTES && columns->plane < columns->plan.stride; done += columns->records) {
        const struct plane *plane = &columns->planes[columns->plane];
        uint8_t *bytes = columns->job.scratch + columns->plane * columns->records;
        if (plane->mode == COLUMNS_MODE_ONE_VALUE)
            memset(bytes, plane->value, columns->records);
        if (plane->mode == COLUMNS_MODE_ZSTD) {
            enum codec_step step = decode_zstd_slice(columns, bytes, error);
            if (step != CODEC_DONE)
                return step;
        }
        columns->plane++;
    }
    if (columns->plane == columns->plan.stride)
        columns->stage = join_records;
    return CODEC_MORE;
}

/* ---- records ---- */

static stage_function put_rest;

static uint8_t *fields_at(const struct columns_decompressor *columns, const struct columns_word *word, size_t record)
{
    return columns->job.original + columns->plan.lead + record * columns->plan.stride + word->offset;
}

static void join_word(struct columns_decompressor *columns, unsigned index, size_t record, size_t count)
{
    const struct columns_word *word = &columns->layout.words[index];
    unsigned bytes = word->shape.word_bytes;
    uint8_t *words = columns->words + COLUMNS_WORDS_BEFORE;
    const uint8_t *planes[8];
    for (unsigned b = 0; b < bytes; b++)
        planes[b] = columns->plane_bytes[word->offset + b] + record;
    columns_kernels_best->join(planes, count, bytes, words);
    if (word->op != COLUMNS_OP_NONE)
        columns_kernels_best->accumulate(words, count, word->shape, &columns->sums[index]);
    if (columns_op_is_decimal(word->op))
        columns_decimals_to_values(words, count, bytes, word->exponent);
    columns_scatter(words, count, bytes, fields_at(columns, word, record), columns->plan.stride);
}

static enum codec_step join_records(struct columns_decompressor *columns, struct error *error)
{
    (void)error;
    unsigned stride = columns->plan.stride;
    size_t piece = columns_piece_records(stride);
    for (size_t done = 0; done < CODEC_SLICE_BYTES && columns->record < columns->records; done += piece * stride) {
        size_t left = columns->records - columns->record;
        size_t count = left < piece ? left : piece;
        for (unsigned i = 0; i < columns->layout.words_count; i++)
            join_word(columns, i, columns->record, count);
        columns->record += count;
    }
    if (columns->record == columns->records)
        columns->stage = put_rest;
    return CODEC_MORE;
}

/* ---- what is no record, or no decimal ---- */

static struct span put_exceptions(struct columns_decompressor *columns, const struct columns_word *word,
                                  struct span bytes)
{
    unsigned width = word->shape.word_bytes;
    uint32_t count = load_u32_le(bytes.data);
    bytes = span_skip(bytes, 4);
    for (uint32_t i = 0; i < count; i++) {
        memcpy(fields_at(columns, word, load_u32_le(bytes.data)), bytes.data + 4, width);
        bytes = span_skip(bytes, 4 + width);
    }
    return bytes;
}

static enum codec_step put_rest(struct columns_decompressor *columns, struct error *error)
{
    (void)error;
    struct span bytes = columns->exceptions;
    for (unsigned i = 0; i < columns->layout.words_count; i++)
        if (columns_op_is_decimal(columns->layout.words[i].op))
            bytes = put_exceptions(columns, &columns->layout.words[i], bytes);

    struct span lead = span_take(columns->rest, columns->plan.lead);
    struct span tail = span_skip(columns->rest, lead.size);
    memcpy(columns->job.original, lead.data, lead.size);
    memcpy(columns->job.original + columns->job.original_size - tail.size, tail.data, tail.size);
    return CODEC_DONE;
}

enum codec_step columns_decompress_step(struct columns_decompressor *columns, struct error *error)
{
    return columns->stage(columns, error);
}
