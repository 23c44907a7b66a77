/* store/embedded/catalogue/manifest_lists.c -- both ways, and one piece more. */
#include "store/embedded/catalogue/manifest_lists.h"

#include "runtime/base/byteorder.h"
#include "store/embedded/catalogue/upload_rows.h"

void manifest_encode(struct span pieces, struct span part_map, struct buffer *ret_lists)
{
    uint8_t size[4];
    store_u32_le(size, (uint32_t)pieces.size);
    buffer_append(ret_lists, span_of(size, sizeof size));
    buffer_append(ret_lists, pieces);
    buffer_append(ret_lists, part_map);
}

bool manifest_decode(struct span lists, struct manifest *ret_manifest)
{
    if (lists.size < 4 || load_u32_le(lists.data) > lists.size - 4)
        return false;
    size_t size = load_u32_le(lists.data);
    *ret_manifest = (struct manifest){span_of(lists.data + 4, size), span_skip(lists, 4 + size)};
    return true;
}

bool manifest_add_piece(struct span encoded, uint64_t body_bytes, const struct extent *extent,
                        struct buffer *ret_pieces, struct error *error)
{
    struct pieces pieces;
    if (!pieces_decode(encoded, &pieces, error))
        return false;
    struct buffer table;
    struct buffer extents;
    buffer_init(&table, 0);
    buffer_init(&extents, 0);
    for (uint32_t i = 0; i < pieces.count; i++) {
        struct piece piece = piece_at(&pieces, i);
        piece_append(&piece, &table);
    }
    struct piece last = {.start = body_bytes, .first_extent = pieces.extents_count};
    uint8_t bytes[ROW_EXTENT_BYTES];
    extent_encode(extent, bytes);
    piece_append(&last, &table);
    buffer_append(&extents, pieces.extents);
    buffer_append(&extents, span_of(bytes, sizeof bytes));
    pieces_encode(buffer_span(&table), buffer_span(&extents), ret_pieces);
    buffer_free(&table);
    buffer_free(&extents);
    return true;
}
