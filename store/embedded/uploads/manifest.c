/* store/embedded/uploads/manifest.c -- what an object that was completed from parts says of itself in a volume. */
#include "store/embedded/uploads/manifest.h"

#include "runtime/base/assert.h"
#include "runtime/base/byteorder.h"
#include "runtime/io.h"
#include "s3client/wire/s3_error.h"
#include "store/embedded/catalogue/label.h"
#include "store/embedded/store.h"
#include "store/embedded/uploads/upload_rows.h"

#include <stdlib.h>

/* ---- the lists: size of the pieces u32, pieces, part map ---- */

static void encode_lists(struct span pieces, struct span part_map, struct buffer *ret_lists)
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

/* ---- writing it ---- */

/* False: the object is gone again, or cannot be read. */
static bool read_lists(struct shard *shard, uint64_t number, struct buffer *ret_lists)
{
    const struct catalogue *catalogue = &shard->store->catalogue;
    struct error ignored;
    struct span pieces;
    struct span part_map;
    uint8_t key[CATALOGUE_NUMBER_BYTES];
    catalogue_number_key(number, key);
    MDB_txn *txn = shard_begin_read(shard, &ignored);
    if (txn == NULL)
        return false;
    bool found =
        catalogue_get(txn, catalogue->pieces, span_of(key, sizeof key), &pieces, &ignored) == LOOKUP_FOUND &&
        catalogue_get(txn, catalogue->part_maps, span_of(key, sizeof key), &part_map, &ignored) == LOOKUP_FOUND;
    if (found)
        encode_lists(pieces, part_map, ret_lists);
    shard_end_read(shard);
    return found;
}

static SUSPENDS bool write_blocks(struct shard *shard, const struct extent *extent, struct span bytes)
{
    const struct volume *volume = volume_find(shard->store, extent->volume);
    size_t size = (size_t)extent->count * EXTENT_BLOCK_BYTES;
    uint8_t *blocks = aligned_alloc(EXTENT_BLOCK_BYTES, size);
    ASSERT(blocks != NULL && bytes.size <= size);
    memcpy(blocks, bytes.data, bytes.size);
    memset(blocks + bytes.size, 0, size - bytes.size);
    bool done = true;
    for (size_t written = 0; done && written < size;) {
        int64_t wrote = io_write_durable(volume->fd_direct, blocks + written, size - written,
                                         (uint64_t)extent->block * EXTENT_BLOCK_BYTES + written, DEADLINE_NONE);
        done = wrote >= EXTENT_BLOCK_BYTES && (uint64_t)wrote <= size - written;
        written += done ? (size_t)wrote / EXTENT_BLOCK_BYTES * EXTENT_BLOCK_BYTES : 0;
    }
    if (!done)
        volume_note_failure(shard->store, volume);
    free(blocks);
    return done;
}

/* False: the blocks are not used. */
static SUSPENDS bool write_at(struct shard *shard, const struct label *label, const struct row *row,
                              const struct extent *extent)
{
    struct buffer bytes;
    buffer_init(&bytes, 0);
    label_encode(label, shard->store->folder.uuid, extent->volume, (uint64_t)extent->block * EXTENT_BLOCK_BYTES,
                 &bytes);
    bool done = write_blocks(shard, extent, buffer_span(&bytes));
    buffer_free(&bytes);
    if (!done)
        return false;
    struct error error;
    struct change change = {.kind = CHANGE_NOTE_MANIFEST, .bucket = label->bucket};
    change.manifest.key = label->key;
    change.manifest.row = row;
    change.manifest.extent = *extent;
    return committer_commit(shard, &change, &error) || error.kind == ERROR_IO; /* then nobody knows before a restart */
}

static SUSPENDS void write_label(struct shard *shard, const struct label *label, const struct row *row)
{
    uint32_t blocks = (uint32_t)((label_bytes(label) + EXTENT_BLOCK_BYTES - 1) / EXTENT_BLOCK_BYTES);
    struct extent extent;
    struct error ignored;
    if (label_bytes(label) > MANIFEST_BYTES_MAX || !volume_reserve(shard, blocks, blocks, &extent, &ignored))
        return;
    if (extent.count < blocks || !write_at(shard, label, row, &extent))
        volume_give_back(shard, &extent);
}

SUSPENDS void manifest_write(struct shard *shard, const struct object_name *name, const struct row *row)
{
    struct buffer object;
    struct buffer lists;
    if (row->attributes.stored_size == 0)
        return;
    buffer_init(&object, 0);
    buffer_init(&lists, 0);
    row_encode_object(row, &object);
    if (read_lists(shard, row->body_number, &lists)) {
        const struct label label = {name->bucket, name->key, buffer_span(&object), buffer_span(&lists), true};
        write_label(shard, &label, row);
    }
    buffer_free(&object);
    buffer_free(&lists);
}

/* ---- the committer ---- */

bool manifest_note(struct batch *batch, struct change *change, struct error *error)
{
    const struct catalogue *catalogue = &batch->store->catalogue;
    const struct row *row = change->manifest.row;
    struct bucket_row bucket;
    struct row found;
    struct span encoded;
    uint8_t key[CATALOGUE_NUMBER_BYTES];
    if (!catalogue_need_bucket(batch->txn, catalogue, change->bucket, &bucket, error))
        return false;
    enum lookup looked = batch_find_object(batch, bucket.number, change->manifest.key, &found, error);
    if (looked == LOOKUP_FAILED)
        return false;
    if (looked == LOOKUP_MISSING || found.place != BODY_PIECES || found.body_number != row->body_number)
        return error_set(error, ERROR_CONFLICT, S3_InternalError, "It is another object by now.");
    catalogue_number_key(row->body_number, key);
    if (catalogue_get(batch->txn, catalogue->pieces, span_of(key, sizeof key), &encoded, error) != LOOKUP_FOUND)
        return error_set(error, ERROR_DAMAGED, S3_InternalError, "A list of pieces is missing. Run `bale check`.");
    struct buffer pieces;
    buffer_init(&pieces, 0);
    bool done =
        manifest_add_piece(encoded, row->attributes.stored_size, &change->manifest.extent, &pieces, error) &&
        ((space_take(&batch->space, change->manifest.extent, error) &&
          catalogue_put(batch->txn, catalogue->pieces, span_of(key, sizeof key), buffer_span(&pieces), 0, error)) ||
         batch_broken(batch));
    buffer_free(&pieces);
    return done;
}
