/* codec/foreign/fcg.c -- gathers a head, sizes, and chunk after chunk, each of which is decoded in slices. */
#include "codec/foreign/fcg.h"

#include "runtime/base/buffer.h"
#include "runtime/base/byteorder.h"

#include <inttypes.h>
#include <stdlib.h>

#define MAGIC UINT32_C(0x31474346) /* "FCG1" */

enum { HEAD_BYTES = 24, SIZE_BYTES = 4 };

struct fcg {
    enum fcg_algorithm algorithm;
    struct fcg_decoder decoder;

    enum { READS_HEAD, READS_SIZES, READS_CHUNKS } state;
    bool is_decoding; /* the chunk in `stored`, into `original` */
    uint64_t original_size;
    uint32_t chunks_count;
    uint32_t chunks_done;
    struct buffer sizes; /* encoded */
    struct span decoded; /* of `original`: not handed out yet */
    size_t gathered;     /* of `stored` */
    uint8_t stored[FCG_CHUNK_STORED_BYTES_MAX];
    uint8_t original[FCG_CHUNK_BYTES];
};

struct fcg *fcg_create(void)
{
    struct fcg *fcg = malloc(sizeof *fcg);
    if (fcg != NULL)
        buffer_init(&fcg->sizes, (size_t)FCG_CHUNKS_MAX * SIZE_BYTES);
    return fcg;
}

void fcg_destroy(struct fcg *fcg)
{
    if (fcg == NULL)
        return;
    buffer_free(&fcg->sizes);
    free(fcg);
}

void fcg_begin(struct fcg *fcg, enum fcg_algorithm algorithm, const struct fcg_decoder *decoder)
{
    fcg->algorithm = algorithm;
    fcg->decoder = *decoder;
    fcg->state = READS_HEAD;
    fcg->is_decoding = false;
    fcg->chunks_count = 0;
    fcg->chunks_done = 0;
    fcg->decoded = SPAN_EMPTY;
    fcg->gathered = 0;
    buffer_clear(&fcg->sizes);
}

/* ---- what comes before the chunks ---- */

static bool decode_head(struct fcg *fcg, struct error *error)
{
    const uint8_t *head = fcg->stored;
    uint32_t chunk_size = load_u32_le(head + 16);
    if (load_u32_le(head) != MAGIC)
        return error_set(error, ERROR_DAMAGED, NULL, "There is no FCG1 container where one should be.");
    if (head[4] != fcg->algorithm || head[5] != 0 || head[6] != 0 || head[7] != 0 || chunk_size != FCG_CHUNK_BYTES)
        return error_set(error, ERROR_DAMAGED, NULL,
                         "An FCG1 container is of algorithm %u and has chunks of %" PRIu32
                         " bytes, where %u and %u should be.",
                         head[4], chunk_size, fcg->algorithm, (unsigned)FCG_CHUNK_BYTES);
    fcg->original_size = load_u64_le(head + 8);
    fcg->chunks_count = load_u32_le(head + 20);
    uint64_t chunks = fcg->original_size / FCG_CHUNK_BYTES + (fcg->original_size % FCG_CHUNK_BYTES != 0);
    if (chunks > FCG_CHUNKS_MAX || chunks != fcg->chunks_count)
        return error_set(error, ERROR_DAMAGED, NULL,
                         "An FCG1 container has %" PRIu32 " chunks for %" PRIu64 " original bytes.", fcg->chunks_count,
                         fcg->original_size);
    fcg->state = READS_SIZES;
    return true;
}

/* Moves input to `stored` until `wanted` bytes are there; then the next ones are gathered from the beginning again. */
static bool gather(struct fcg *fcg, struct span *input, size_t wanted)
{
    struct span taken = span_take(*input, wanted - fcg->gathered);
    if (taken.size > 0)
        memcpy(fcg->stored + fcg->gathered, taken.data, taken.size);
    fcg->gathered += taken.size;
    *input = span_skip(*input, taken.size);
    if (fcg->gathered < wanted)
        return false;
    fcg->gathered = 0;
    return true;
}

static bool read_head(struct fcg *fcg, struct span *input, struct error *error)
{
    return !gather(fcg, input, HEAD_BYTES) || decode_head(fcg, error);
}

static bool read_sizes(struct fcg *fcg, struct span *input, struct error *error)
{
    size_t wanted = (size_t)fcg->chunks_count * SIZE_BYTES;
    struct span taken = span_take(*input, wanted - fcg->sizes.size);
    buffer_append(&fcg->sizes, taken);
    *input = span_skip(*input, taken.size);
    if (fcg->sizes.overflow)
        return error_set(error, ERROR_BUSY, NULL, "There is no memory for the sizes of an FCG1 container.");
    if (fcg->sizes.size == wanted)
        fcg->state = READS_CHUNKS;
    return true;
}

/* ---- chunks ---- */

static bool has_ended(const struct fcg *fcg)
{
    return fcg->state == READS_CHUNKS && fcg->chunks_done == fcg->chunks_count && fcg->decoded.size == 0;
}

static size_t chunk_original_size(const struct fcg *fcg)
{
    uint64_t left = fcg->original_size - (uint64_t)fcg->chunks_done * FCG_CHUNK_BYTES;
    return left < FCG_CHUNK_BYTES ? (size_t)left : FCG_CHUNK_BYTES;
}

/* Gathers the next chunk, and begins to decode it when all of it has come. Its last byte is taken when it is done. */
static bool begin_chunk(struct fcg *fcg, struct span *input, struct error *error)
{
    uint32_t size = load_u32_le(fcg->sizes.data + (size_t)fcg->chunks_done * SIZE_BYTES);
    if (size == 0 || size > FCG_CHUNK_STORED_BYTES_MAX)
        return error_set(error, ERROR_DAMAGED, NULL, "A chunk of an FCG1 container takes %" PRIu32 " bytes.", size);
    struct span seen = *input;
    bool is_whole = gather(fcg, &seen, size);
    *input = is_whole ? span_skip(*input, input->size - seen.size - 1) : seen;
    fcg->is_decoding = is_whole;
    return !is_whole || fcg->decoder.begin(fcg->decoder.context, span_of(fcg->stored, size), fcg->original,
                                           chunk_original_size(fcg), error);
}

/* One slice. */
static bool decode_chunk(struct fcg *fcg, struct span *input, struct error *error)
{
    enum codec_step step = fcg->decoder.step(fcg->decoder.context, error);
    if (step != CODEC_DONE)
        return step == CODEC_MORE;
    *input = span_skip(*input, 1);
    fcg->is_decoding = false;
    fcg->decoded = span_of(fcg->original, chunk_original_size(fcg));
    fcg->chunks_done++;
    return true;
}

static bool read_chunk(struct fcg *fcg, struct span *input, struct error *error)
{
    if (!fcg->is_decoding && !begin_chunk(fcg, input, error))
        return false;
    return !fcg->is_decoding || decode_chunk(fcg, input, error);
}

static size_t hand_out(struct fcg *fcg, uint8_t *ret_original, size_t capacity)
{
    struct span taken = span_take(fcg->decoded, capacity);
    if (taken.size > 0)
        memcpy(ret_original, taken.data, taken.size);
    fcg->decoded = span_skip(fcg->decoded, taken.size);
    return taken.size;
}

bool fcg_step(struct fcg *fcg, struct span *input, uint8_t *ret_original, size_t capacity, size_t *ret_size,
              bool *ret_ended, struct error *error)
{
    *ret_size = 0;
    if (has_ended(fcg) && input->size > 0)
        return error_set(error, ERROR_DAMAGED, NULL, "%zu bytes or more follow the last chunk of an FCG1 container.",
                         input->size);
    if (fcg->state == READS_HEAD && !read_head(fcg, input, error))
        return false;
    if (fcg->state == READS_SIZES && !read_sizes(fcg, input, error))
        return false;
    if (fcg->state == READS_CHUNKS && fcg->decoded.size == 0 && !has_ended(fcg) && !read_chunk(fcg, input, error))
        return false;
    *ret_size = hand_out(fcg, ret_original, capacity);
    *ret_ended = has_ended(fcg);
    return true;
}
