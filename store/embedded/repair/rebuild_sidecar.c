/* store/embedded/repair/rebuild_sidecar.c -- the sidecar of a body whose catalogue was lost, from the headers of its
 * frames. */
#include "codec/format/frame.h"
#include "codec/format/sidecar.h"
#include "store/embedded/catalogue/upload_rows.h"
#include "store/embedded/repair/rebuild.h"
#include "store/embedded/state.h"

#include <unistd.h>

static bool read_extents(const struct embedded_store *store, struct span extents, uint64_t offset, uint8_t *ret_bytes,
                         size_t size)
{
    struct extent_walk walk = {.extents = extents, .offset = offset, .size = size};
    struct extent_piece piece;
    while (extent_walk_next(&walk, &piece)) {
        const struct volume *volume = volume_find(store, piece.extent.volume);
        off_t at = (off_t)((uint64_t)piece.extent.block * EXTENT_BLOCK_BYTES + piece.offset);
        if (volume == NULL || pread(volume->fd, ret_bytes, piece.size, at) != (ssize_t)piece.size)
            return false;
        ret_bytes += piece.size;
    }
    return walk.size == 0;
}

/* A frame lies in one piece, as in one part. */
static bool read_stored(const struct embedded_store *store, const struct row *row, const struct rebuilt_body *body,
                        uint64_t offset, uint8_t *ret_bytes, size_t size)
{
    struct pieces pieces;
    struct span extents = buffer_span(&body->extents);
    struct error ignored;
    if (body->pieces.size > 0) {
        uint64_t bytes;
        if (!pieces_decode(buffer_span(&body->pieces), &pieces, &ignored) || pieces.count == 0)
            return false;
        uint32_t index = piece_find(&pieces, offset);
        offset -= piece_at(&pieces, index).start;
        if (!piece_extents(&pieces, index, row->attributes.stored_size, &extents, &bytes) || offset >= bytes)
            return false;
        size = size < bytes - offset ? size : (size_t)(bytes - offset);
    }
    return read_extents(store, extents, offset, ret_bytes, size);
}

/* False: these are no frames from end to end. */
static bool add_frames(const struct embedded_store *store, const struct row *row, const struct rebuilt_body *body,
                       struct sidecar_builder *builder)
{
    uint64_t stored_size = row->attributes.stored_size;
    uint64_t gap = 0;
    for (uint64_t offset = 0; offset < stored_size;) {
        uint8_t bytes[FRAME_HEADER_BYTES] = {0};
        uint64_t left = stored_size - offset;
        size_t size = left < sizeof bytes ? (size_t)left : sizeof bytes;
        struct frame_header header;
        struct error ignored;
        if (!read_stored(store, row, body, offset, bytes, size) ||
            !frame_header_decode(span_of(bytes, size), left, &header, &ignored))
            return false;
        uint64_t frame_size = header.header_size + header.payload_size;
        if (header.kind == FRAME_DATA)
            sidecar_builder_add(builder, header.original_size, frame_size, gap);
        gap = header.kind == FRAME_DATA ? 0 : gap + frame_size;
        offset += frame_size;
    }
    return builder->original_total == row->attributes.original_size;
}

void rebuild_sidecar(const struct embedded_store *store, const struct row *row, const struct rebuilt_body *body,
                     struct buffer *ret_sidecar)
{
    struct sidecar_builder builder;
    if (row->attributes.layout != LAYOUT_FRAMED)
        return;
    sidecar_builder_init(&builder);
    bool has_many = add_frames(store, row, body, &builder) && builder.entries.size > SIDECAR_ENTRY_BYTES;
    if (has_many && SIDECAR_HEAD_BYTES + builder.entries.size <= SIDECAR_BYTES_MAX)
        sidecar_builder_encode(&builder, SPAN_EMPTY, 0, ret_sidecar);
    sidecar_builder_free(&builder);
}
