/* store/embedded/uploads/manifest.c -- what an object that was completed from parts says of itself in a volume. */
#include "store/embedded/uploads/manifest.h"

#include "runtime/base/assert.h"
#include "runtime/io/io.h"
#include "store/embedded/catalogue/label.h"
#include "store/embedded/catalogue/manifest_lists.h"
#include "store/embedded/catalogue/upload_rows.h"
#include "store/embedded/queue/committer.h"
#include "store/embedded/shard/shard.h"
#include "store/embedded/state.h"

#include <stdlib.h>

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
        manifest_encode(pieces, part_map, ret_lists);
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
