/* tools/bale/view/frame_view.c -- reads frames one by one, unpacks them, and asks of their bytes what the server asks.
 */
#include "tools/bale/view/frame_view.h"

#include "codec/columns/columns.h"
#include "codec/decompressor.h"
#include "codec/format/crc.h"
#include "codec/measure/noise.h"
#include "codec/measure/spectrum.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

struct frame_walk {
    struct bucket_object *object;
    struct decompressor *decompressor;
    struct columns_decompressor *columns;
    uint8_t *payload; /* FRAME_VERIFIED_BYTES_MAX, as the next two */
    uint8_t *original;
    uint8_t *scratch;
    uint64_t stored_offset; /* of the next frame */
    uint64_t original_offset;
};

static bool begin(struct frame_walk *walk, struct bucket_object *object, struct error *error)
{
    *walk = (struct frame_walk){
        .object = object,
        .decompressor = decompressor_create(),
        .columns = columns_decompressor_create(),
        .payload = malloc(FRAME_VERIFIED_BYTES_MAX),
        .original = malloc(FRAME_VERIFIED_BYTES_MAX),
        .scratch = malloc(FRAME_VERIFIED_BYTES_MAX),
    };
    if (walk->decompressor != NULL && walk->columns != NULL && walk->payload != NULL && walk->original != NULL &&
        walk->scratch != NULL)
        return true;
    return error_set(error, ERROR_BUSY, NULL, "there is no memory for a frame");
}

static void end(struct frame_walk *walk)
{
    decompressor_destroy(walk->decompressor);
    columns_decompressor_destroy(walk->columns);
    free(walk->payload);
    free(walk->original);
    free(walk->scratch);
}

/* ---- the plan as text ---- */

static void describe_plan(const struct columns_plan *plan, char *ret_text, size_t capacity)
{
    static const char *const ops[] = {
        [COLUMNS_OP_NONE] = "",
        [COLUMNS_OP_DELTA] = " delta",
        [COLUMNS_OP_DELTA2] = " delta2",
        [COLUMNS_OP_DECIMAL_DELTA] = " decimal delta",
        [COLUMNS_OP_DECIMAL] = " decimal",
    };
    size_t used = (size_t)snprintf(ret_text, capacity, "%u:", plan->stride);
    for (unsigned i = 0; i < plan->runs_count && used + 1 < capacity; i++) {
        const struct columns_run *run = &plan->runs[i];
        char times[8] = "";
        if (run->repeat > 1)
            (void)snprintf(times, sizeof times, "%ux", run->repeat);
        used += (size_t)snprintf(ret_text + used, capacity - used, "%s %s%u%s", i > 0 ? "," : "", times, run->width,
                                 ops[run->op]);
        if (run->op >= COLUMNS_OP_DECIMAL_DELTA && used + 1 < capacity)
            used += (size_t)snprintf(ret_text + used, capacity - used, " of %u digits", run->exponent);
    }
    if (plan->lead > 0 && used + 1 < capacity)
        (void)snprintf(ret_text + used, capacity - used, "; the first begins at %u", plan->lead);
}

/* ---- unpacking ---- */

static bool unpack_columns(struct frame_walk *walk, const struct frame_header *header, struct error *error)
{
    const struct columns_decompress_job job = {
        .payload = span_of(walk->payload, header->payload_size),
        .scratch = walk->scratch,
        .original = walk->original,
        .original_size = header->original_size,
    };
    enum codec_step step = CODEC_MORE;
    if (!columns_decompress_begin(walk->columns, &job, error))
        return false;
    while (step == CODEC_MORE)
        step = columns_decompress_step(walk->columns, error);
    return step == CODEC_DONE;
}

/* *ret_has_original: the bytes are there, and right. */
static bool unpack(struct frame_walk *walk, const struct frame_header *header, bool *ret_has_original,
                   struct error *error)
{
    struct span payload = span_of(walk->payload, header->payload_size);
    bool done = true;
    *ret_has_original =
        header->codec == CODEC_PASSTHROUGH || header->codec == CODEC_ZSTD || header->codec == CODEC_COLUMNS;
    if (!*ret_has_original)
        return true;
    if (header->codec == CODEC_COLUMNS)
        done = unpack_columns(walk, header, error);
    else
        done =
            decompressor_run(walk->decompressor, header->codec, payload, walk->original, header->original_size, error);
    if (done && crc32c_update(0, span_of(walk->original, header->original_size)) != header->crc32c)
        return error_set(error, ERROR_DAMAGED, NULL, "its CRC-32C is not that of its bytes");
    return done;
}

/* ---- why ---- */

static void explain_zstd(struct span original, struct frame_view *view)
{
    struct spectrum spectrum = spectrum_of(original);
    unsigned line = spectrum_line_stride(original);
    if (spectrum.stride == 0)
        (void)snprintf(view->why, sizeof view->why, "too short to look for records");
    else if (spectrum_is_text(original) && line == 0)
        (void)snprintf(view->why, sizeof view->why, "text");
    else if (spectrum_is_text(original))
        (void)snprintf(view->why, sizeof view->why, "text in lines of %u bytes, not smaller in columns", line);
    else if (spectrum_is_numeric(spectrum, false))
        (void)snprintf(
            view->why, sizeof view->why,
            "bytes %u apart differ by %.2f of what is usual, but columns were off, not asked for, or not smaller",
            spectrum.stride, spectrum.quality / 1000.0);
    else
        (void)snprintf(view->why, sizeof view->why,
                       "no records: at best bytes %u apart differ by %.2f of what is usual", spectrum.stride,
                       spectrum.quality / 1000.0);
}

static void explain(struct span original, struct frame_view *view)
{
    enum noise_verdict noise = noise_look(original);
    struct spectrum spectrum = spectrum_of(original);
    if (view->header.codec == CODEC_ZSTD)
        explain_zstd(original, view);
    else if (view->header.codec == CODEC_COLUMNS && spectrum_is_text(original))
        (void)snprintf(view->why, sizeof view->why, "text in lines of %u bytes", spectrum_line_stride(original));
    else if (view->header.codec == CODEC_COLUMNS)
        (void)snprintf(view->why, sizeof view->why, "records: bytes %u apart differ by %.2f of what is usual",
                       spectrum.stride, spectrum.quality / 1000.0);
    else if (noise == NOISE_NONE)
        (void)snprintf(view->why, sizeof view->why, "it did not shrink");
    else
        (void)snprintf(view->why, sizeof view->why, "noise: %.2f bits of entropy a byte", noise_entropy(original));
}

/* ---- frame after frame ---- */

static bool describe(struct frame_walk *walk, struct frame_view *view, struct error *error)
{
    const struct frame_header *header = &view->header;
    const struct codec *codec = codec_find(header->codec);
    bool has_original;
    view->codec = codec != NULL ? codec->name : "unknown";
    if (header->codec == CODEC_COLUMNS) {
        struct columns_plan plan;
        size_t head_size;
        if (!columns_plan_decode(span_of(walk->payload, header->payload_size), &plan, &head_size, error))
            return false;
        describe_plan(&plan, view->plan, sizeof view->plan);
    }
    if (!unpack(walk, header, &has_original, error))
        return false;
    if (has_original)
        explain(span_of(walk->original, header->original_size), view);
    return true;
}

SUSPENDS static bool view_next(struct frame_walk *walk, frame_view_take *take, void *context, struct error *error)
{
    uint8_t head[FRAME_HEADER_BYTES];
    uint64_t left = walk->object->attributes.stored_size - walk->stored_offset;
    size_t head_size = left < sizeof head ? (size_t)left : sizeof head;
    struct frame_view view = {.original_offset = walk->original_offset, .stored_offset = walk->stored_offset};
    struct frame_header *header = &view.header;
    if (!bucket_read(walk->object, walk->stored_offset, head, head_size, error) ||
        !frame_header_decode(span_of(head, head_size), left, header, error))
        return false;
    walk->stored_offset += header->header_size + header->payload_size;
    if (header->kind == FRAME_PADDING)
        return true;
    walk->original_offset += header->original_size;
    bool fits = header->original_size <= FRAME_VERIFIED_BYTES_MAX && header->payload_size <= FRAME_VERIFIED_BYTES_MAX;
    view.codec = "not looked into";
    if (fits && (!bucket_read(walk->object, view.stored_offset + header->header_size, walk->payload,
                              header->payload_size, error) ||
                 !describe(walk, &view, error)))
        return error_prepend(error, "the frame at %" PRIu64, view.stored_offset);
    return take(context, &view, error);
}

SUSPENDS bool frame_view_walk(struct bucket_object *object, frame_view_take *take, void *context, struct error *error)
{
    struct frame_walk walk;
    bool done = begin(&walk, object, error);
    while (done && walk.stored_offset < object->attributes.stored_size)
        done = view_next(&walk, take, context, error);
    end(&walk);
    return done;
}
