/* codec/choice/columns_look.c -- searches, then trials. */
#include "codec/choice/columns_look.h"
#include "codec/stock/compressor.h"

#include "codec/measure/histogram.h"
#include "runtime/base/assert.h"

#include <math.h>
#include <stdlib.h>

enum {
    CANDIDATES_MAX = 8,
    STRIDES_MAX = 4,
    NEAR_PERCENT = 102,         /* of plain: what comes out larger on the sample is not better on the frame */
    ENTROPY_ONLY_PERCENT = 102, /* of the entropy: what zstd's Huffman codes come to */
    ENTROPY_ONLY_BYTES = 128,   /* ... and their table */
    HOPEFUL_PERCENT = 125,      /* of plain, by entropy alone: matches in planes do not make good for more */
    STRIDE_PLAIN = 1,           /* pieces for plain end where they will */
};

struct columns_look {
    struct columns_look_job job;
    struct columns_search *search;
    uint8_t strides[STRIDES_MAX];
    unsigned strides_count;
    unsigned strides_searched;
    double stride_bits; /* by entropy, of the job's stride, as the next */
    double u32_bits;
    double usual_bits; /* of the best of strides 2, 4 and 8 */
    struct columns_plan usual;
    struct candidate {
        struct columns_plan plan;
        double bits; /* of each byte, by entropy; of what was not searched, as of the stride that it belongs to */
    } candidates[CANDIDATES_MAX];
    unsigned candidates_count;
    unsigned candidates_tried;
    size_t sample_size; /* of what is packed now */
    struct columns_verdict verdict;
    enum { SEARCHING, TRYING_PLAIN, TRYING } state;
};

/* ---- candidates ---- */

static const struct columns_plan U32_DELTA = {
    .stride = 4, .runs_count = 1, .runs = {{.width = 4, .op = COLUMNS_OP_DELTA, .repeat = 1}}};

static bool is_same(const struct columns_plan *a, const struct columns_plan *b)
{
    return a->stride == b->stride && a->lead == b->lead && a->runs_count == b->runs_count &&
           memcmp(a->runs, b->runs, a->runs_count * sizeof a->runs[0]) == 0;
}

static void add_candidate(struct columns_look *look, const struct columns_plan *plan, double bits)
{
    for (unsigned i = 0; i < look->candidates_count; i++)
        if (is_same(&look->candidates[i].plan, plan))
            return;
    ASSERT(look->candidates_count < CANDIDATES_MAX);
    look->candidates[look->candidates_count++] = (struct candidate){*plan, bits};
}

static bool is_usual(unsigned stride)
{
    return stride == 2 || stride == 4 || stride == 8;
}

/* The strides of most numbers are tried whatever the spectrum says: it finds a multiple of them as easily. */
static void choose_strides(struct columns_look *look)
{
    static const uint8_t usual[] = {8, 4, 2};
    look->strides_count = 0;
    if (look->job.is_text || !is_usual(look->job.stride))
        look->strides[look->strides_count++] = (uint8_t)look->job.stride;
    for (size_t i = 0; i < sizeof usual && !look->job.is_text; i++)
        look->strides[look->strides_count++] = usual[i];
}

/* Of the usual strides 4 and 8 always, 2 only if it is the best of them or the spectrum's. */
static void take_searched(struct columns_look *look, unsigned stride)
{
    struct columns_plan plan;
    double bits = columns_search_end(look->search, &plan);
    if (stride != 2 || stride == look->job.stride)
        add_candidate(look, &plan, bits);
    if (stride == look->job.stride)
        look->stride_bits = bits;
    if (stride == U32_DELTA.stride)
        look->u32_bits = bits;
    if (is_usual(stride) && bits < look->usual_bits) {
        look->usual_bits = bits;
        look->usual = plan;
    }
}

/* Every byte a field of its own: what zstd makes of planes that entropy thinks little of. */
static struct columns_plan byte_planes(unsigned stride)
{
    return (struct columns_plan){.stride = (uint8_t)stride,
                                 .runs_count = 1,
                                 .runs = {{.width = 1, .op = COLUMNS_OP_NONE, .repeat = (uint8_t)stride}}};
}

/* Two records as one: differences go to the record before the last. */
static struct columns_plan twice(const struct columns_plan *plan)
{
    struct columns_plan both = *plan;
    both.stride *= 2;
    both.runs_count *= 2;
    memcpy(both.runs + plan->runs_count, plan->runs, plan->runs_count * sizeof plan->runs[0]);
    return both;
}

static void add_unsearched(struct columns_look *look)
{
    struct columns_plan planes = byte_planes(look->job.stride);
    struct columns_plan both = twice(&look->usual);
    add_candidate(look, &look->usual, look->usual_bits);
    add_candidate(look, &U32_DELTA, look->u32_bits);
    add_candidate(look, &planes, look->stride_bits);
    if (look->usual.stride == look->job.stride)
        add_candidate(look, &both, look->usual_bits);
}

static void begin_plain(struct columns_look *look);

static void end_search(struct columns_look *look)
{
    if (!look->job.is_text && !look->job.is_glance)
        add_unsearched(look);
    if (look->job.known != NULL)
        add_candidate(look, look->job.known, 0);
    begin_plain(look);
}

static void begin_search(struct columns_look *look)
{
    columns_search_begin(look->search, look->job.frame, look->strides[look->strides_searched], look->job.is_text);
}

/* ---- trials ---- */

static uint8_t *scratch_of(const struct columns_look *look)
{
    return look->job.memory + COLUMNS_SAMPLE_BYTES;
}

static uint8_t *payload_of(const struct columns_look *look)
{
    return look->job.memory + (size_t)2 * COLUMNS_SAMPLE_BYTES;
}

/* The pieces, put together where they make records of `stride` bytes. */
static struct span gather(struct columns_look *look, unsigned stride)
{
    look->sample_size = 0;
    for (unsigned i = 0; i < columns_sample_pieces(look->job.frame); i++) {
        struct span piece = columns_sample_piece(look->job.frame, stride, i);
        memcpy(look->job.memory + look->sample_size, piece.data, piece.size);
        look->sample_size += piece.size;
    }
    return span_of(look->job.memory, look->sample_size);
}

static size_t plain_sample_size(const struct columns_look *look)
{
    return columns_sample_pieces(look->job.frame) == 1 ? look->job.frame.size : COLUMNS_SAMPLE_BYTES;
}

/* Samples differ by a few bytes: as if it were as long as that for plain. */
static size_t as_of_plain(const struct columns_look *look, size_t size)
{
    return (size_t)((uint64_t)size * plain_sample_size(look) / look->sample_size);
}

static void begin_plain(struct columns_look *look)
{
    struct span sample = gather(look, STRIDE_PLAIN);
    look->state = TRYING_PLAIN;
    compressor_begin(look->job.compressor, &look->job.plain, sample, payload_of(look), sample.size);
}

static void begin_trial(struct columns_look *look)
{
    const struct columns_plan *plan = &look->candidates[look->candidates_tried].plan;
    size_t best = look->verdict.columns_size;
    look->state = TRYING;
    columns_compress_begin(look->job.columns,
                           &(struct columns_compress_job){
                               .plan = plan,
                               .compressor = look->job.compressor,
                               .level = look->job.plain.level,
                               .original = gather(look, plan->stride),
                               .scratch = scratch_of(look),
                               .payload = payload_of(look),
                               .capacity = best > 0 ? best : look->verdict.plain_size * NEAR_PERCENT / 100,
                           });
}

static void end_trial(struct columns_look *look, size_t size)
{
    size = as_of_plain(look, size);
    if (size > 0 && (look->verdict.columns_size == 0 || size < look->verdict.columns_size)) {
        look->verdict.columns_size = size;
        look->verdict.plan = look->candidates[look->candidates_tried].plan;
    }
    look->candidates_tried++;
}

/* ---- step by step ---- */

void columns_look_begin(struct columns_look *look, const struct columns_look_job *job)
{
    look->job = *job;
    look->strides_searched = 0;
    look->usual_bits = INFINITY;
    look->candidates_count = 0;
    look->candidates_tried = 0;
    look->verdict.columns_size = 0;
    look->verdict.sample_size = plain_sample_size(look);
    look->state = SEARCHING;
    if (job->is_glance) {
        end_search(look);
        return;
    }
    choose_strides(look);
    begin_search(look);
}

static void step_search(struct columns_look *look)
{
    if (columns_search_step(look->search))
        return;
    take_searched(look, look->strides[look->strides_searched]);
    if (++look->strides_searched < look->strides_count) {
        begin_search(look);
        return;
    }
    end_search(look);
}

/* The next candidate that is not hopeless; CODEC_DONE: there is none. */
static enum codec_step go_on(struct columns_look *look)
{
    double plain_bits = 8.0 * (double)look->verdict.plain_size / (double)plain_sample_size(look);
    while (look->candidates_tried < look->candidates_count &&
           look->candidates[look->candidates_tried].bits * 100 > plain_bits * HOPEFUL_PERCENT)
        look->candidates_tried++;
    if (look->candidates_tried == look->candidates_count)
        return CODEC_DONE;
    begin_trial(look);
    return CODEC_MORE;
}

/* An encoder may do without matches (codec/choice/encoder.h): what that comes to, entropy says well enough. */
static size_t entropy_only_size(struct span sample)
{
    struct histogram histogram = {0};
    histogram_add(&histogram, sample);
    double bytes = histogram_entropy(&histogram) / 8 * (double)sample.size;
    return (size_t)(bytes * ENTROPY_ONLY_PERCENT / 100) + ENTROPY_ONLY_BYTES;
}

static enum codec_step step_plain(struct columns_look *look)
{
    size_t size;
    enum codec_step step = compressor_step(look->job.compressor, &size);
    if (step != CODEC_DONE)
        return step;
    size_t entropy_only = entropy_only_size(span_of(look->job.memory, look->sample_size));
    size = size > 0 ? size : look->sample_size;
    look->verdict.plain_size = size < entropy_only ? size : entropy_only;
    return go_on(look);
}

static enum codec_step step_trial(struct columns_look *look)
{
    size_t size;
    enum codec_step step = columns_compress_step(look->job.columns, &size);
    if (step != CODEC_DONE)
        return step;
    end_trial(look, size);
    return go_on(look);
}

enum codec_step columns_look_step(struct columns_look *look, struct columns_verdict *ret_verdict)
{
    enum codec_step step = CODEC_MORE;
    if (look->state == SEARCHING)
        step_search(look);
    else
        step = look->state == TRYING_PLAIN ? step_plain(look) : step_trial(look);
    if (step == CODEC_DONE)
        *ret_verdict = look->verdict;
    return step;
}

/* ---- the context ---- */

struct columns_look *columns_look_create(void)
{
    struct columns_look *look = calloc(1, sizeof *look);
    if (look == NULL)
        return NULL;
    look->search = columns_search_create();
    if (look->search != NULL)
        return look;
    free(look);
    return NULL;
}

void columns_look_destroy(struct columns_look *look)
{
    if (look == NULL)
        return;
    columns_search_destroy(look->search);
    free(look);
}
