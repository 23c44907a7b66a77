/* tools/bale/files/stock_body.c -- frame after frame: through as it is, or decoded and coded anew. */
#include "tools/bale/files/stock_body.h"

#include "codec/choice/encoder.h"
#include "codec/columns/columns.h"
#include "codec/dictionary/block.h"
#include "codec/format/crc.h"
#include "codec/format/frame.h"

#include <stdlib.h>

enum { PIECE_BYTES = 1 << 20 };

struct stock_body {
    struct columns_decompressor *columns;
    struct encoder *encoder;
    uint8_t *piece; /* PIECE_BYTES of what stays as it is */
    uint8_t *frame; /* three areas as long as a frame in columns can ask for; grown */
    size_t frame_size;

    struct bucket_object *object;
    stock_body_sink *sink;
    void *context;
    struct sidecar_builder *frames;
    uint64_t padding; /* since the last frame */
};

struct stock_body *stock_body_create(void)
{
    struct stock_body *stock = calloc(1, sizeof *stock);
    if (stock == NULL)
        return NULL;
    stock->columns = columns_decompressor_create();
    stock->encoder = encoder_create();
    stock->piece = malloc(PIECE_BYTES);
    if (stock->columns != NULL && stock->encoder != NULL && stock->piece != NULL)
        return stock;
    stock_body_destroy(stock);
    return NULL;
}

void stock_body_destroy(struct stock_body *stock)
{
    if (stock == NULL)
        return;
    columns_decompressor_destroy(stock->columns);
    encoder_destroy(stock->encoder);
    free(stock->piece);
    free(stock->frame);
    free(stock);
}

/* ---- what stays ---- */

static SUSPENDS bool copy_through(struct stock_body *stock, uint64_t offset, uint64_t size, struct error *error)
{
    for (uint64_t done = 0; done < size;) {
        size_t piece = size - done < PIECE_BYTES ? (size_t)(size - done) : PIECE_BYTES;
        if (!bucket_read(stock->object, offset + done, stock->piece, piece, error) ||
            !stock->sink(stock->context, span_of(stock->piece, piece), error))
            return false;
        done += piece;
    }
    return true;
}

static void note_frame(struct stock_body *stock, uint64_t original_size, uint64_t stored_size)
{
    sidecar_builder_add(stock->frames, original_size, stored_size, stock->padding);
    stock->padding = 0;
}

/* ---- what is coded anew ---- */

static bool write_frame(struct stock_body *stock, uint32_t codec, struct span payload, struct span original,
                        struct error *error)
{
    uint8_t bytes[FRAME_HEADER_BYTES];
    const struct frame_header header = {
        .kind = FRAME_DATA,
        .codec = codec,
        .original_size = original.size,
        .payload_size = payload.size,
        .crc32c = crc32c_update(0, original),
    };
    frame_header_encode(&header, bytes);
    note_frame(stock, original.size, sizeof bytes + payload.size);
    return stock->sink(stock->context, span_of(bytes, sizeof bytes), error) &&
           stock->sink(stock->context, payload, error);
}

bool stock_body_add_frame(struct stock_body *stock, struct span original, struct error *error)
{
    const struct encoder_job job = {
        .original = original,
        .capacity = original.size - 1,
        .level = CODEC_LEVEL_DEFAULT,
        .look = noise_look(original),
    };
    struct encoded encoded;
    enum codec_step step;
    encoder_begin(stock->encoder, &job);
    do
        step = encoder_step(stock->encoder, &encoded);
    while (step == CODEC_MORE);
    if (step == CODEC_FAILED)
        return error_set(error, ERROR_BUSY, NULL, "no memory");
    bool is_raw = encoded.codec == CODEC_PASSTHROUGH;
    return write_frame(stock, encoded.codec, is_raw ? original : span_of(encoded.payload, encoded.size), original,
                       error);
}

static bool decode_columns(struct stock_body *stock, const struct columns_decompress_job *job, uint32_t crc32c,
                           struct error *error)
{
    if (!columns_decompress_begin(stock->columns, job, error))
        return false;
    enum codec_step step;
    do
        step = columns_decompress_step(stock->columns, error);
    while (step == CODEC_MORE);
    if (step == CODEC_FAILED)
        return false;
    return crc32c_update(0, span_of(job->original, job->original_size)) == crc32c ||
           error_set(error, ERROR_DAMAGED, NULL, "The decoded bytes do not match their CRC-32C.");
}

static bool reserve_frame(struct stock_body *stock, size_t size, struct error *error)
{
    if (size <= stock->frame_size)
        return true;
    free(stock->frame);
    stock->frame = malloc(size);
    stock->frame_size = stock->frame != NULL ? size : 0;
    return stock->frame != NULL || error_set(error, ERROR_BUSY, NULL, "no memory");
}

/* A frame larger than Bale's own becomes several. */
static SUSPENDS bool recode(struct stock_body *stock, uint64_t offset, const struct frame_header *header,
                            struct error *error)
{
    if (header->original_size > COLUMNS_ORIGINAL_BYTES_MAX ||
        header->payload_size > columns_payload_bytes_max((size_t)header->original_size))
        return error_set(error, ERROR_DAMAGED, NULL, "A frame of columns has a size that none can have.");
    size_t original_size = (size_t)header->original_size;
    size_t payload_size = (size_t)header->payload_size;
    if (!reserve_frame(stock, 2 * original_size + payload_size, error))
        return false;
    uint8_t *payload = stock->frame + 2 * original_size;
    const struct columns_decompress_job job = {
        .payload = span_of(payload, payload_size),
        .scratch = stock->frame + original_size,
        .original = stock->frame,
        .original_size = original_size,
    };
    if (!bucket_read(stock->object, offset, payload, payload_size, error) ||
        !decode_columns(stock, &job, header->crc32c, error))
        return false;
    struct span left = span_of(job.original, original_size);
    while (left.size > 0) {
        struct span original = span_take(left, FRAME_ORIGINAL_BYTES);
        if (!stock_body_add_frame(stock, original, error))
            return false;
        left = span_skip(left, original.size);
    }
    return true;
}

/* ---- a block, which gets back what was left away ---- */

static bool is_block(const struct object_attributes *attributes)
{
    return attributes->layout == LAYOUT_CODEC && attributes->codec == CODEC_DICTIONARY_BLOCK;
}

static SUSPENDS bool write_block(struct stock_body *stock, struct error *error)
{
    uint8_t heads[FRAME_HEADER_BYTES + DICTIONARY_BLOCK_HEAD_BYTES];
    const struct object_attributes *attributes = &stock->object->attributes;
    if (attributes->stored_size > DICTIONARY_BLOCK_BYTES_MAX)
        return error_set(error, ERROR_DAMAGED, NULL, "A block that refers to a dictionary is larger than any can be.");
    size_t size = (size_t)attributes->stored_size;
    const struct frame_header header = {
        .kind = FRAME_DATA,
        .codec = CODEC_ZSTD_DICTIONARY,
        .original_size = attributes->original_size,
        .payload_size = DICTIONARY_BLOCK_HEAD_BYTES + size,
        .crc32c = attributes->crc32c,
    };
    frame_header_encode(&header, heads);
    dictionary_block_head(size, heads + FRAME_HEADER_BYTES);
    note_frame(stock, header.original_size, sizeof heads + size);
    return stock->sink(stock->context, span_of(heads, sizeof heads), error) && copy_through(stock, 0, size, error);
}

/* ---- the body ---- */

static SUSPENDS bool write_one(struct stock_body *stock, uint64_t offset, const struct frame_header *header,
                               struct error *error)
{
    uint64_t size = header->header_size + header->payload_size;
    if (header->kind == FRAME_DATA && header->codec == CODEC_COLUMNS)
        return recode(stock, offset + header->header_size, header, error);
    if (header->kind == FRAME_PADDING)
        stock->padding += size;
    else
        note_frame(stock, header->original_size, size);
    return copy_through(stock, offset, size, error);
}

static SUSPENDS bool read_header(struct bucket_object *object, uint64_t offset, struct frame_header *ret_header,
                                 struct error *error)
{
    uint8_t bytes[FRAME_HEADER_BYTES];
    uint64_t left = object->attributes.stored_size - offset;
    size_t size = left < sizeof bytes ? (size_t)left : sizeof bytes;
    return bucket_read(object, offset, bytes, size, error) &&
           frame_header_decode(span_of(bytes, size), left, ret_header, error);
}

SUSPENDS bool stock_body_is_needed(struct bucket_object *object)
{
    struct frame_header header;
    struct error ignored;
    if (object->attributes.layout != LAYOUT_FRAMED)
        return is_block(&object->attributes);
    for (uint64_t offset = 0; offset < object->attributes.stored_size;
         offset += header.header_size + header.payload_size) {
        if (!read_header(object, offset, &header, &ignored))
            return false;
        if (header.kind == FRAME_DATA && header.codec == CODEC_COLUMNS)
            return true;
    }
    return false;
}

void stock_body_begin(struct stock_body *stock, stock_body_sink *sink, void *context, struct sidecar_builder *frames)
{
    stock->object = NULL;
    stock->sink = sink;
    stock->context = context;
    stock->frames = frames;
    stock->padding = 0;
}

SUSPENDS bool stock_body_write(struct stock_body *stock, struct bucket_object *object, stock_body_sink *sink,
                               void *context, struct sidecar_builder *frames, struct error *error)
{
    stock_body_begin(stock, sink, context, frames);
    stock->object = object;
    if (is_block(&object->attributes))
        return write_block(stock, error);
    struct frame_header header;
    for (uint64_t offset = 0; offset < object->attributes.stored_size;
         offset += header.header_size + header.payload_size)
        if (!read_header(object, offset, &header, error) || !write_one(stock, offset, &header, error))
            return false;
    return true;
}

void stock_body_describe(struct object_attributes *attributes)
{
    attributes->may_have_columns = false;
    if (!is_block(attributes))
        return;
    attributes->layout = LAYOUT_FRAMED;
    attributes->codec = CODEC_ZSTD_DICTIONARY;
}
