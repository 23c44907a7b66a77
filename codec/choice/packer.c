/* codec/choice/packer.c -- look, pack, doubt, keep the smaller. */
#include "codec/choice/packer.h"

#include "runtime/base/assert.h"

#include <stdlib.h>

typedef enum codec_step step_function(struct packer *packer, struct encoded *ret_encoded);

/* What only columns need. */
struct columns_side {
    struct columns_look *look;
    struct columns_compressor *compressor;
    uint8_t *scratch; /* FRAME_ORIGINAL_BYTES: of the compressor, or of a look before */
    uint8_t *payload; /* ENCODER_HEADROOM_BYTES, FRAME_ORIGINAL_BYTES, ENCODER_TAILROOM_BYTES */
};
_Static_assert((size_t)COLUMNS_LOOK_BYTES <= FRAME_ORIGINAL_BYTES, "a look finds room in the scratch");

struct packer {
    struct encoder *encoder;
    struct columns_side columns; /* all NULL before the first need */
    struct packer_job job;
    step_function *next;
    enum columns_way way;
    struct columns_plan plan;
    bool has_plain; /* the frame has been encoded, and is `plain` */
    bool has_columns;
    struct encoded plain;
    struct encoded in_columns;
};

/* ---- the context ---- */

struct packer *packer_create(void)
{
    struct packer *packer = calloc(1, sizeof *packer);
    if (packer == NULL)
        return NULL;
    packer->encoder = encoder_create();
    if (packer->encoder != NULL)
        return packer;
    free(packer);
    return NULL;
}

static void destroy_columns(struct columns_side *columns)
{
    columns_look_destroy(columns->look);
    columns_compressor_destroy(columns->compressor);
    free(columns->scratch);
    free(columns->payload);
    *columns = (struct columns_side){0};
}

void packer_destroy(struct packer *packer)
{
    if (packer == NULL)
        return;
    destroy_columns(&packer->columns);
    encoder_destroy(packer->encoder);
    free(packer);
}

/* False: no memory, and the frame goes without columns. */
static bool need_columns(struct packer *packer)
{
    struct columns_side *columns = &packer->columns;
    if (columns->look != NULL)
        return true;
    columns->look = columns_look_create();
    columns->compressor = columns_compressor_create();
    columns->scratch = malloc(FRAME_ORIGINAL_BYTES);
    columns->payload = malloc(ENCODER_HEADROOM_BYTES + FRAME_ORIGINAL_BYTES + ENCODER_TAILROOM_BYTES);
    if (columns->look != NULL && columns->compressor != NULL && columns->scratch != NULL && columns->payload != NULL)
        return true;
    destroy_columns(columns);
    return false;
}

/* ---- the end of a frame ---- */

static enum codec_step end_frame(struct packer *packer, struct encoded *ret_encoded)
{
    bool is_columns =
        packer->has_columns && packer->in_columns.codec == CODEC_COLUMNS &&
        (!packer->has_plain || columns_guide_prefers_columns(packer->in_columns.size, packer->plain.size));
    *ret_encoded = is_columns ? packer->in_columns : packer->plain;
    if (packer->job.guide != NULL)
        columns_guide_end_frame(packer->job.guide, packer->job.frame.original.size, ret_encoded->size, is_columns,
                                packer->has_plain && packer->has_columns);
    return CODEC_DONE;
}

static void begin_plain(struct packer *packer);
static void begin_columns(struct packer *packer);

/* One way is done, which came to `size`. */
static enum codec_step end_way(struct packer *packer, enum columns_way way, size_t size, struct encoded *ret_encoded)
{
    bool other_way_too = packer->way == COLUMNS_WAY_BOTH ||
                         (packer->job.guide != NULL &&
                          columns_guide_doubts(packer->job.guide, way, packer->job.frame.original.size, size));
    if (other_way_too && !packer->has_plain)
        begin_plain(packer);
    else if (other_way_too && !packer->has_columns && packer->job.guide->has_plan && need_columns(packer))
        begin_columns(packer);
    else
        return end_frame(packer, ret_encoded);
    return CODEC_MORE;
}

/* ---- without columns ---- */

static enum codec_step step_plain(struct packer *packer, struct encoded *ret_encoded)
{
    enum codec_step step = encoder_step(packer->encoder, &packer->plain);
    if (step != CODEC_DONE)
        return step;
    packer->has_plain = true;
    return end_way(packer, COLUMNS_WAY_PLAIN, packer->plain.size, ret_encoded);
}

static void begin_plain(struct packer *packer)
{
    packer->next = step_plain;
    encoder_begin(packer->encoder, &packer->job.frame);
}

/* ---- in columns ---- */

static enum codec_step step_columns(struct packer *packer, struct encoded *ret_encoded)
{
    size_t size;
    enum codec_step step = columns_compress_step(packer->columns.compressor, &size);
    if (step != CODEC_DONE)
        return step;
    packer->has_columns = true;
    size_t original_size = packer->job.frame.original.size;
    packer->in_columns = (struct encoded){.codec = CODEC_PASSTHROUGH, .size = original_size};
    if (size > 0)
        packer->in_columns = (struct encoded){CODEC_COLUMNS, packer->columns.payload + ENCODER_HEADROOM_BYTES, size};
    return end_way(packer, COLUMNS_WAY_COLUMNS, packer->in_columns.size, ret_encoded);
}

static void begin_columns(struct packer *packer)
{
    size_t capacity = packer->job.frame.capacity;
    columns_guide_plan(packer->job.guide, &packer->plan);
    packer->next = step_columns;
    columns_compress_begin(
        packer->columns.compressor,
        &(struct columns_compress_job){
            .plan = &packer->plan,
            .compressor = encoder_compressor(packer->encoder),
            .level = packer->job.frame.level,
            .original = packer->job.frame.original,
            .scratch = packer->columns.scratch,
            .payload = packer->columns.payload + ENCODER_HEADROOM_BYTES,
            .capacity = packer->has_plain && packer->plain.size < capacity ? packer->plain.size : capacity,
        });
}

/* ---- a look before ---- */

static void begin_way(struct packer *packer)
{
    if (packer->way == COLUMNS_WAY_COLUMNS)
        begin_columns(packer);
    else
        begin_plain(packer);
}

static enum codec_step step_look(struct packer *packer, struct encoded *ret_encoded)
{
    (void)ret_encoded;
    struct columns_verdict verdict;
    enum codec_step step = columns_look_step(packer->columns.look, &verdict);
    if (step != CODEC_DONE)
        return step;
    packer->way = columns_guide_learn(packer->job.guide, &packer->job.advice, &verdict);
    begin_way(packer);
    return CODEC_MORE;
}

static void begin_look(struct packer *packer)
{
    const struct columns_guide *guide = packer->job.guide;
    if (guide->has_plan)
        columns_guide_plan(guide, &packer->plan);
    packer->next = step_look;
    columns_look_begin(packer->columns.look, &(struct columns_look_job){
                                                 .compressor = encoder_compressor(packer->encoder),
                                                 .columns = packer->columns.compressor,
                                                 .memory = packer->columns.scratch,
                                                 .plain = {.level = packer->job.frame.level},
                                                 .frame = packer->job.frame.original,
                                                 .stride = packer->job.advice.spectrum.stride,
                                                 .is_text = packer->job.advice.is_text,
                                                 .known = guide->has_plan ? &packer->plan : NULL,
                                                 .is_glance = packer->job.advice.look == COLUMNS_GLANCE,
                                             });
}

/* ---- all of it ---- */

bool packer_is_worth_it(enum noise_verdict look, const struct columns_advice *advice)
{
    return look != NOISE_SURE || advice->look != COLUMNS_NO_LOOK || advice->way != COLUMNS_WAY_PLAIN;
}

void packer_begin(struct packer *packer, const struct packer_job *job)
{
    packer->job = *job;
    packer->way = job->advice.way;
    packer->has_plain = false;
    packer->has_columns = false;
    bool wants_columns =
        job->guide != NULL && (job->advice.look != COLUMNS_NO_LOOK || job->advice.way != COLUMNS_WAY_PLAIN);
    if (!wants_columns || !need_columns(packer)) {
        packer->way = COLUMNS_WAY_PLAIN;
        begin_plain(packer);
    } else if (job->advice.look != COLUMNS_NO_LOOK) {
        begin_look(packer);
    } else {
        begin_way(packer);
    }
}

enum codec_step packer_step(struct packer *packer, struct encoded *ret_encoded)
{
    return packer->next(packer, ret_encoded);
}
