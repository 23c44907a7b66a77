/* codec/trial.c -- packs, unpacks, compares, sums up. */
#include "codec/trial.h"
#include "codec/decompressor.h"

#include "codec/choice/packer.h"
#include "codec/format/crc.h"
#include "codec/format/sidecar.h"
#include "codec/stock/gzip.h"
#include "runtime/base/assert.h"

#include <stdlib.h>

struct trial {
    struct trial_settings settings;
    struct trial_result result;
    struct columns_guide guide;
    struct packer *packer;
    struct gzip_compressor *gzip;
    struct decompressor *decompressor;
    struct columns_decompressor *columns;
    uint8_t *stored;    /* of gzip: what came out of one frame */
    uint8_t *scratch;   /* of columns */
    uint8_t *original;  /* what came back */
    uint32_t crc32c_in; /* of gzip: of what went in, and of what came back */
    uint32_t crc32c_out;
};

enum { GZIP_STORED_BYTES = 2 * FRAME_ORIGINAL_BYTES };

static bool allocate(struct trial *trial)
{
    bool is_gzip = trial->settings.way == TRIAL_GZIP;
    trial->packer = is_gzip ? NULL : packer_create();
    trial->gzip = is_gzip ? gzip_compressor_create(trial->settings.level) : NULL;
    trial->decompressor = decompressor_create();
    trial->columns = columns_decompressor_create();
    trial->stored = malloc(GZIP_STORED_BYTES);
    trial->scratch = malloc(FRAME_ORIGINAL_BYTES);
    trial->original = malloc(FRAME_ORIGINAL_BYTES);
    return (trial->packer != NULL || trial->gzip != NULL) && trial->decompressor != NULL && trial->columns != NULL &&
           trial->stored != NULL && trial->scratch != NULL && trial->original != NULL;
}

struct trial *trial_create(const struct trial_settings *settings)
{
    struct trial *trial = calloc(1, sizeof *trial);
    if (trial == NULL)
        return NULL;
    trial->settings = *settings;
    trial_begin(trial);
    if (allocate(trial))
        return trial;
    trial_destroy(trial);
    return NULL;
}

void trial_destroy(struct trial *trial)
{
    if (trial == NULL)
        return;
    packer_destroy(trial->packer);
    gzip_compressor_destroy(trial->gzip);
    decompressor_destroy(trial->decompressor);
    columns_decompressor_destroy(trial->columns);
    free(trial->stored);
    free(trial->scratch);
    free(trial->original);
    free(trial);
}

void trial_begin(struct trial *trial)
{
    trial->result = (struct trial_result){0};
    columns_guide_begin(&trial->guide, COLUMNS_GUIDE_LOOK_CREDIT);
}

static uint64_t now_ns(const struct trial *trial)
{
    return clock_monotonic_ns(trial->settings.clock);
}

static bool refuse_other_bytes(struct error *error)
{
    return error_set(error, ERROR_DAMAGED, NULL, "A frame did not come back as it was.");
}

/* ---- frames ---- */

static enum codec_step pack(struct trial *trial, struct span frame, struct encoded *ret_packed)
{
    bool has_columns = trial->settings.way == TRIAL_COLUMNS;
    struct packer_job job = {
        .frame = {.original = frame,
                  .capacity = frame.size - 1,
                  .level = trial->settings.level,
                  .look = noise_look(frame)},
        .guide = has_columns ? &trial->guide : NULL,
    };
    enum codec_step step = CODEC_MORE;
    *ret_packed = (struct encoded){.codec = CODEC_PASSTHROUGH, .size = frame.size};
    if (has_columns)
        job.advice = columns_guide_ask(&trial->guide, frame);
    if (!packer_is_worth_it(job.frame.look, &job.advice)) {
        columns_guide_end_frame(&trial->guide, frame.size, frame.size, false, false);
        return CODEC_DONE;
    }
    packer_begin(trial->packer, &job);
    while (step == CODEC_MORE)
        step = packer_step(trial->packer, ret_packed);
    return step;
}

static bool unpack_columns(struct trial *trial, struct span payload, size_t size, struct error *error)
{
    const struct columns_decompress_job job = {payload, trial->scratch, trial->original, size};
    enum codec_step step = CODEC_MORE;
    if (!columns_decompress_begin(trial->columns, &job, error))
        return false;
    while (step == CODEC_MORE)
        step = columns_decompress_step(trial->columns, error);
    return step == CODEC_DONE;
}

static bool unpack(struct trial *trial, struct span frame, const struct encoded *packed, struct error *error)
{
    struct span payload = span_of(packed->payload, packed->size);
    if (packed->codec == CODEC_PASSTHROUGH)
        memcpy(trial->original, frame.data, frame.size);
    else if (packed->codec == CODEC_COLUMNS)
        return unpack_columns(trial, payload, frame.size, error);
    else
        return decompressor_run(trial->decompressor, packed->codec, payload, trial->original, frame.size, error);
    return true;
}

static bool add_frame(struct trial *trial, struct span frame, struct error *error)
{
    struct encoded packed = {.codec = CODEC_PASSTHROUGH, .size = frame.size};
    uint32_t crc32c = crc32c_update(0, frame);
    uint64_t start = now_ns(trial);
    if (trial->settings.way != TRIAL_RAW && pack(trial, frame, &packed) != CODEC_DONE)
        return error_set(error, ERROR_IO, NULL, "There is no memory for the compressor.");
    uint64_t middle = now_ns(trial);
    bool done = unpack(trial, frame, &packed, error) &&
                (crc32c_update(0, span_of(trial->original, frame.size)) == crc32c || refuse_other_bytes(error));
    trial->result.in_ns += middle - start;
    trial->result.out_ns += now_ns(trial) - middle;
    trial->result.payload_bytes += packed.size;
    trial->result.frames_raw += packed.codec == CODEC_PASSTHROUGH ? 1 : 0;
    trial->result.frames_in_columns += packed.codec == CODEC_COLUMNS ? 1 : 0;
    return done;
}

/* ---- one gzip member, which knows no frames ---- */

static bool unpack_gzip(struct trial *trial, struct span stored, struct error *error)
{
    bool has_ended = false;
    size_t size;
    do {
        if (!decompressor_step(trial->decompressor, &stored, trial->original, FRAME_ORIGINAL_BYTES, &size, &has_ended,
                               error))
            return false;
        trial->crc32c_out = crc32c_update(trial->crc32c_out, span_of(trial->original, size));
    } while (stored.size > 0 || size > 0);
    return true;
}

static bool add_gzip(struct trial *trial, struct span frame, bool is_last, struct error *error)
{
    bool has_ended = false;
    trial->crc32c_in = crc32c_update(trial->crc32c_in, frame);
    bool is_first = trial->result.frames == 0;
    if (is_first && !decompressor_begin(trial->decompressor, CODEC_GZIP, false, error))
        return false;
    if (is_first)
        gzip_begin(trial->gzip);
    struct span left = frame;
    size_t size;
    do {
        uint64_t start = now_ns(trial);
        size = gzip_step(trial->gzip, &left, is_last, trial->stored, GZIP_STORED_BYTES, &has_ended);
        uint64_t middle = now_ns(trial);
        if (!unpack_gzip(trial, span_of(trial->stored, size), error))
            return false;
        trial->result.in_ns += middle - start;
        trial->result.out_ns += now_ns(trial) - middle;
        trial->result.payload_bytes += size;
    } while (left.size > 0 || size == GZIP_STORED_BYTES || (is_last && !has_ended));
    return !is_last || trial->crc32c_in == trial->crc32c_out || refuse_other_bytes(error);
}

/* ---- all of it ---- */

bool trial_add(struct trial *trial, struct span frame, bool is_last, struct error *error)
{
    ASSERT(frame.size > 0 && frame.size <= FRAME_ORIGINAL_BYTES && (is_last || frame.size == FRAME_ORIGINAL_BYTES));
    bool done =
        trial->settings.way == TRIAL_GZIP ? add_gzip(trial, frame, is_last, error) : add_frame(trial, frame, error);
    trial->result.original_bytes += frame.size;
    trial->result.frames++;
    return done;
}

struct trial_result trial_end(const struct trial *trial)
{
    struct trial_result result = trial->result;
    bool is_unframed = trial->settings.way == TRIAL_GZIP || trial->settings.way == TRIAL_RAW ||
                       (result.frames == 1 && result.frames_raw == 1);
    bool stays_raw = result.payload_bytes > result.original_bytes; /* of gzip; frames never grow */
    result.stored_bytes = stays_raw ? result.original_bytes : result.payload_bytes;
    if (!is_unframed)
        result.stored_bytes += result.frames * FRAME_HEADER_BYTES;
    if (!is_unframed && result.frames > 1)
        result.stored_bytes += SIDECAR_HEAD_BYTES + result.frames * SIDECAR_ENTRY_BYTES;
    return result;
}

bool trial_run(const struct trial_settings *settings, struct span body, struct trial_result *ret_result,
               struct error *error)
{
    bool done = true;
    struct trial *trial = trial_create(settings);
    if (trial == NULL)
        return error_set(error, ERROR_BUSY, NULL, "There is no memory for a trial.");
    while (done && body.size > 0) {
        struct span frame = span_take(body, FRAME_ORIGINAL_BYTES);
        body = span_skip(body, frame.size);
        done = trial_add(trial, frame, body.size == 0, error);
    }
    *ret_result = trial_end(trial);
    trial_destroy(trial);
    return done;
}
