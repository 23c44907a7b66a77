/* tools/bale/files/clear_body.c -- original bytes, gathered to frames. */
#include "tools/bale/files/clear_body.h"

#include "codec/choice/encoder.h"
#include "codec/format/crc.h"
#include "runtime/base/hex.h"
#include "server/keys/object_seal.h"

#include <stdlib.h>
#include <string.h>

/* One body on its way: the frame that is being filled, and what all of them hash to. */
struct clearing {
    struct stock_body *stock;
    struct md5_sum md5;
    uint32_t crc32c;
    uint8_t *frame; /* FRAME_ORIGINAL_BYTES */
    size_t filled;
};

static bool end_frame(struct clearing *clearing, struct error *error)
{
    struct span original = span_of(clearing->frame, clearing->filled);
    clearing->filled = 0;
    return original.size == 0 || stock_body_add_frame(clearing->stock, original, error);
}

static bool take(struct clearing *clearing, struct span piece, struct error *error)
{
    md5_update(&clearing->md5, piece);
    clearing->crc32c = crc32c_update(clearing->crc32c, piece);
    while (piece.size > 0) {
        struct span part = span_take(piece, FRAME_ORIGINAL_BYTES - clearing->filled);
        memcpy(clearing->frame + clearing->filled, part.data, part.size);
        clearing->filled += part.size;
        piece = span_skip(piece, part.size);
        if (clearing->filled == FRAME_ORIGINAL_BYTES && !end_frame(clearing, error))
            return false;
    }
    return true;
}

SUSPENDS static bool take_all(struct clearing *clearing, struct object_reader *reader, struct error *error)
{
    struct span piece;
    do {
        if (!object_reader_next(reader, &piece, error) || !take(clearing, piece, error))
            return false;
    } while (piece.size > 0);
    return end_frame(clearing, error);
}

SUSPENDS bool clear_body_write(struct stock_body *stock, struct object_reader *reader, stock_body_sink *sink,
                               void *context, struct sidecar_builder *frames, struct clear_digest *ret_digest,
                               struct error *error)
{
    struct clearing clearing = {.stock = stock, .frame = malloc(FRAME_ORIGINAL_BYTES)};
    if (clearing.frame == NULL)
        return error_set(error, ERROR_BUSY, NULL, "no memory");
    md5_begin(&clearing.md5);
    stock_body_begin(stock, sink, context, frames);
    bool done = take_all(&clearing, reader, error);
    md5_end(&clearing.md5, ret_digest->md5);
    ret_digest->crc32c = clearing.crc32c;
    free(clearing.frame);
    return done;
}

/* ---- what it is then ---- */

static bool has_digest(const struct object_attributes *attributes, const char md5[2 * MD5_BYTES + 1],
                       const struct clear_digest *digest)
{
    if (attributes->has_crc32c) /* an ETag that was given by S4, or of parts, need be no MD5 of the bytes */
        return attributes->crc32c == digest->crc32c;
    return strchr(attributes->etag, '-') != NULL || strcmp(attributes->etag, md5) == 0;
}

bool clear_body_describe(struct keyring *keyring, const struct clear_digest *digest,
                         struct object_attributes *attributes, struct error *error)
{
    char md5[2 * MD5_BYTES + 1] = "";
    bool is_opaque = object_seal_mode(attributes) != SEAL_KEYRING;
    const struct veil veil = object_seal_veil(keyring);
    hex_encode(span_of(digest->md5, sizeof digest->md5), md5);
    veil_lift(&veil, attributes);
    if (is_opaque) {
        memcpy(attributes->etag, md5, sizeof md5);
        attributes->parts_count = 0;
        attributes->is_multipart = false;
    }
    attributes->seal = SPAN_EMPTY;
    attributes->layout = LAYOUT_FRAMED;
    attributes->codec = CODEC_ZSTD;
    attributes->may_have_columns = false;
    return has_digest(attributes, md5, digest) ||
           error_set(error, ERROR_DAMAGED, NULL, "The bytes are not those of the hashes in its seal.");
}
