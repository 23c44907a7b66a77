/* codec/choice/encoder.c -- samples first, then the frame. */
#include "codec/choice/encoder.h"
#include "codec/stock/compressor.h"

#include "codec/dictionary/block.h"
#include "codec/measure/histogram.h"
#include "runtime/base/assert.h"

#include <assert.h>
#include <stdlib.h>

enum {
    PIECE_BYTES = 8 << 10, /* two of what may be noise */
    SHRUNK_PERCENT_MAX = 98,
    SAMPLE_PARTS = 4, /* of a frame: what they have in common, it has */
    SAMPLE_PART_BYTES = 4 << 10,
    SAMPLE_BYTES = SAMPLE_PARTS * SAMPLE_PART_BYTES,
    AGAIN_BYTES_LEAST = NOISE_WINDOWS * NOISE_WINDOW_BYTES,
    AGAIN_ALLOWED_BYTES = 128, /* beside the bytes themselves: zstd's headers and its Huffman table */
};
static const double CHANCE = 1.03; /* of the order-0 entropy; above, matches are chance */
static const double ROUGHLY = 0.7; /* of the roughly known entropy: below, it need not be known better */

typedef enum codec_step step_function(struct encoder *encoder, struct encoded *ret_encoded);

struct encoder {
    struct compressor *compressor;
    uint8_t *memory; /* ENCODER_HEADROOM_BYTES, FRAME_ORIGINAL_BYTES, ENCODER_TAILROOM_BYTES */
    struct encoder_job job;
    step_function *next;
    struct compression how; /* the payload that is being made */
    bool is_second;         /* it is tried in another way than the first */
    uint8_t *payload;
    struct encoded best;            /* so far, without a dictionary */
    struct encoded with_dictionary; /* likewise, with one. CODEC_PASSTHROUGH: it did not shrink, or was not tried */
};

struct encoder *encoder_create(void)
{
    struct encoder *encoder = calloc(1, sizeof *encoder);
    if (encoder == NULL)
        return NULL;
    encoder->compressor = compressor_create();
    encoder->memory = malloc(ENCODER_HEADROOM_BYTES + FRAME_ORIGINAL_BYTES + ENCODER_TAILROOM_BYTES);
    if (encoder->compressor != NULL && encoder->memory != NULL)
        return encoder;
    encoder_destroy(encoder);
    return NULL;
}

void encoder_destroy(struct encoder *encoder)
{
    if (encoder == NULL)
        return;
    compressor_destroy(encoder->compressor);
    free(encoder->memory);
    free(encoder);
}

struct compressor *encoder_compressor(struct encoder *encoder)
{
    return encoder->compressor;
}

/* ---- the frame ---- */

/* A block and what stays as it is have no header. */
static size_t body_size(const struct encoded *encoded)
{
    bool has_header = encoded->codec != CODEC_PASSTHROUGH && encoded->codec != CODEC_DICTIONARY_BLOCK;
    return encoded->size + (has_header ? FRAME_HEADER_BYTES : 0);
}

/* What came of the frame without a dictionary, or with one if that is smaller. */
static enum codec_step finish(struct encoder *encoder, struct encoded *ret_encoded)
{
    bool has_dictionary = encoder->job.dictionary != NULL;
    size_t plain_size = body_size(&encoder->best);
    size_t dictionary_size = body_size(&encoder->with_dictionary);
    *ret_encoded = has_dictionary && dictionary_size < plain_size ? encoder->with_dictionary : encoder->best;
    ret_encoded->plain_size = !has_dictionary || encoder->job.is_both_ways ? plain_size : 0;
    ret_encoded->dictionary_size = has_dictionary ? dictionary_size : 0;
    return CODEC_DONE;
}

static step_function step_payload;

static void begin_payload(struct encoder *encoder, uint8_t *payload, size_t capacity)
{
    encoder->payload = payload;
    encoder->next = step_payload;
    compressor_begin(encoder->compressor, &encoder->how, encoder->job.original, payload, capacity);
}

static bool is_above_entropy(size_t size, size_t original_size, double entropy)
{
    return (double)size > CHANCE * entropy / 8 * (double)original_size;
}

/* Most frames are far below their entropy, which is known from few of their bytes. */
static bool is_worth_coding_alone(const struct encoder *encoder)
{
    struct span original = encoder->job.original;
    if (original.size < AGAIN_BYTES_LEAST || original.size >= ENCODER_SAMPLED_BYTES_LEAST ||
        encoder->best.size <= AGAIN_ALLOWED_BYTES)
        return false;
    size_t size = encoder->best.size - AGAIN_ALLOWED_BYTES;
    return is_above_entropy(size, original.size, ROUGHLY * noise_entropy_roughly(original)) &&
           is_above_entropy(size, original.size, noise_entropy(original));
}

/* High levels take every short match, and pay for each: where text is full of digits, all of them that search chains
 * end larger than the lowest level. That one costs a tenth of what theirs does. */
static bool is_worth_a_low_level(const struct encoder *encoder)
{
    return encoder->job.level > CODEC_LEVEL_INLINE_MAX && encoder->best.codec == CODEC_ZSTD;
}

/* A second payload has its place behind the first, which lies at the start of the memory, and is given up where it is
 * not smaller. */
static bool has_room_behind_best(const struct encoder *encoder)
{
    static_assert(2 * (ENCODER_HEADROOM_BYTES + ENCODER_SAMPLED_BYTES_LEAST) <= FRAME_ORIGINAL_BYTES,
                  "all frames without a sample have it");
    return 2 * (ENCODER_HEADROOM_BYTES + encoder->best.size) <= FRAME_ORIGINAL_BYTES;
}

static bool begin_second_payload(struct encoder *encoder)
{
    if (encoder->is_second || encoder->how.is_entropy_only || !has_room_behind_best(encoder))
        return false;
    if (is_worth_coding_alone(encoder))
        encoder->how.is_entropy_only = true;
    else if (is_worth_a_low_level(encoder))
        encoder->how.level = CODEC_LEVEL_DEFAULT;
    else
        return false;
    encoder->is_second = true;
    size_t capacity = encoder->best.codec == CODEC_ZSTD ? encoder->best.size - 1 : encoder->job.capacity;
    uint8_t *behind = encoder->memory + ENCODER_HEADROOM_BYTES + encoder->best.size;
    begin_payload(encoder, behind + ENCODER_HEADROOM_BYTES, capacity);
    return true;
}

static enum codec_step step_payload(struct encoder *encoder, struct encoded *ret_encoded)
{
    size_t size;
    enum codec_step step = compressor_step(encoder->compressor, &size);
    if (step != CODEC_DONE)
        return step;
    if (size > 0)
        encoder->best = (struct encoded){.codec = CODEC_ZSTD, .payload = encoder->payload, .size = size};
    return begin_second_payload(encoder) ? CODEC_MORE : finish(encoder, ret_encoded);
}

/* ---- samples ---- */

/* What becomes of a few bytes, which are one slice; `room` is as large as they are. */
static size_t compressed_size(struct encoder *encoder, struct span bytes, uint8_t *room)
{
    size_t size;
    compressor_begin(encoder->compressor, &encoder->how, bytes, room, bytes.size);
    return compressor_step(encoder->compressor, &size) == CODEC_DONE && size > 0 ? size : bytes.size;
}

static enum codec_step sample_entropy(struct encoder *encoder, struct encoded *ret_encoded)
{
    (void)ret_encoded;
    struct span original = encoder->job.original;
    uint8_t *sample = encoder->memory;
    for (unsigned i = 0; i < SAMPLE_PARTS; i++)
        memcpy(sample + (size_t)i * SAMPLE_PART_BYTES, original.data + original.size / SAMPLE_PARTS * i,
               SAMPLE_PART_BYTES);

    struct histogram histogram = {0};
    histogram_add(&histogram, span_of(sample, SAMPLE_BYTES));
    size_t size = compressed_size(encoder, span_of(sample, SAMPLE_BYTES), sample + SAMPLE_BYTES);
    encoder->how.is_entropy_only = is_above_entropy(size, SAMPLE_BYTES, histogram_entropy(&histogram));
    encoder->how.finds_repeats = encoder->how.is_entropy_only; /* a sample shows none that lie further apart */
    begin_payload(encoder, encoder->memory + ENCODER_HEADROOM_BYTES, encoder->job.capacity);
    return CODEC_MORE;
}

static void begin_frame(struct encoder *encoder)
{
    if (encoder->job.original.size >= ENCODER_SAMPLED_BYTES_LEAST)
        encoder->next = sample_entropy;
    else
        begin_payload(encoder, encoder->memory + ENCODER_HEADROOM_BYTES, encoder->job.capacity);
}

static enum codec_step sample_noise(struct encoder *encoder, struct encoded *ret_encoded)
{
    struct span original = encoder->job.original;
    struct span head = span_take(original, PIECE_BYTES);
    struct span middle = span_take(span_skip(original, original.size / 2), PIECE_BYTES);
    size_t size = compressed_size(encoder, head, encoder->memory) + compressed_size(encoder, middle, encoder->memory);
    if (size * 100 > (head.size + middle.size) * SHRUNK_PERCENT_MAX)
        return finish(encoder, ret_encoded);
    begin_frame(encoder);
    return CODEC_MORE;
}

static void begin_plain(struct encoder *encoder)
{
    encoder->how = (struct compression){.level = encoder->job.level};
    if (encoder->job.look == NOISE_NONE)
        begin_frame(encoder);
    else
        encoder->next = sample_noise;
}

/* ---- with a dictionary ---- */

static enum codec_step step_with_dictionary(struct encoder *encoder, struct encoded *ret_encoded)
{
    size_t size;
    enum codec_step step = compressor_step(encoder->compressor, &size);
    if (step != CODEC_DONE)
        return step;
    struct span block;
    if (size > 0 && encoder->job.may_be_block && dictionary_block_take(span_of(encoder->payload, size), &block))
        encoder->with_dictionary = (struct encoded){
            .codec = CODEC_DICTIONARY_BLOCK, .payload = encoder->payload + (size - block.size), .size = block.size};
    else if (size > 0)
        encoder->with_dictionary =
            (struct encoded){.codec = CODEC_ZSTD_DICTIONARY, .payload = encoder->payload, .size = size};
    if (!encoder->job.is_both_ways)
        return finish(encoder, ret_encoded);
    begin_plain(encoder);
    return CODEC_MORE;
}

/* Its payload lies behind whatever is tried without one. */
static void begin_with_dictionary(struct encoder *encoder)
{
    static_assert(ENCODER_SAMPLED_BYTES_LEAST + 2 * ENCODER_HEADROOM_BYTES + ENCODER_DICTIONARY_BYTES_MAX <=
                      FRAME_ORIGINAL_BYTES / 2,
                  "room");
    ASSERT(encoder->job.original.size <= ENCODER_DICTIONARY_BYTES_MAX);
    encoder->how = (struct compression){.level = encoder->job.level, .dictionary = encoder->job.dictionary};
    begin_payload(encoder, encoder->memory + FRAME_ORIGINAL_BYTES / 2 + ENCODER_HEADROOM_BYTES, encoder->job.capacity);
    encoder->next = step_with_dictionary;
}

/* ---- all of it ---- */

void encoder_begin(struct encoder *encoder, const struct encoder_job *job)
{
    ASSERT(job->original.size <= FRAME_ORIGINAL_BYTES && job->capacity < job->original.size);
    encoder->job = *job;
    encoder->best = (struct encoded){.codec = CODEC_PASSTHROUGH, .size = job->original.size};
    encoder->with_dictionary = encoder->best;
    encoder->is_second = false;
    if (job->dictionary != NULL)
        begin_with_dictionary(encoder);
    else
        begin_plain(encoder);
}

enum codec_step encoder_step(struct encoder *encoder, struct encoded *ret_encoded)
{
    return encoder->next(encoder, ret_encoded);
}
