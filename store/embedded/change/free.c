/* store/embedded/change/free.c -- what an object that is replaced or deleted leaves behind: blocks, rows beside its
 * own. */
#include "store/embedded/change/free.h"

#include "runtime/base/assert.h"
#include "store/embedded/state.h"

#include <stdlib.h>

/* ---- extents ---- */

static int by_owner(const void *a, const void *b, void *context)
{
    unsigned shards = *(const unsigned *)context;
    struct extent left = extent_decode(a);
    struct extent right = extent_decode(b);
    if (left.volume % shards != right.volume % shards)
        return left.volume % shards < right.volume % shards ? -1 : 1;
    if (left.volume != right.volume)
        return left.volume < right.volume ? -1 : 1;
    return left.block < right.block ? -1 : left.block > right.block;
}

bool free_sorted_extents(struct batch *batch, const uint8_t token[ROW_TOKEN_BYTES], struct buffer *extents,
                         struct error *error)
{
    unsigned count = extents_count(buffer_span(extents));
    if (count == 0)
        return true;
    unsigned shards = batch->store->options.shards;
    qsort_r(extents->data, count, ROW_EXTENT_BYTES, by_owner, &shards);
    struct release_item *item = release_item_create(token, buffer_span(extents));
    item->next = batch->freed;
    batch->freed = item;
    for (unsigned i = 0; i < count; i++) {
        if (!space_free(&batch->space, item->extents[i], error))
            return false;
    }
    return true;
}

static void note_freed(struct batch *batch, const struct row *old, struct span extents)
{
    struct release_item *item = release_item_create(old->token, extents);
    item->next = batch->freed;
    batch->freed = item;
}

static bool free_extents(struct batch *batch, const struct row *old, struct span extents, struct error *error)
{
    note_freed(batch, old, extents);
    for (unsigned i = 0; i < extents_count(extents); i++) {
        if (!space_free(&batch->space, extent_at(extents, i), error))
            return false;
    }
    return true;
}

bool batch_free_numbered(struct batch *batch, MDB_dbi table, uint64_t number, struct error *error)
{
    uint8_t key[CATALOGUE_NUMBER_BYTES];
    catalogue_number_key(number, key);
    return catalogue_delete(batch->txn, table, span_of(key, sizeof key), error);
}

static bool free_listed(struct batch *batch, const struct row *old, struct error *error)
{
    uint8_t key[CATALOGUE_NUMBER_BYTES];
    catalogue_number_key(old->body_number, key);
    struct span extents;
    enum lookup found =
        catalogue_get(batch->txn, batch->store->catalogue.extents, span_of(key, sizeof key), &extents, error);
    if (found == LOOKUP_MISSING || (found == LOOKUP_FAILED && error->kind == ERROR_DAMAGED)) {
        batch_leave_blocks();
        extents = SPAN_EMPTY;
    } else if (found == LOOKUP_FAILED) {
        return false;
    }
    return free_extents(batch, old, extents, error) &&
           batch_free_numbered(batch, batch->store->catalogue.extents, old->body_number, error);
}

static bool free_pieces(struct batch *batch, const struct row *old, struct error *error)
{
    const struct catalogue *catalogue = &batch->store->catalogue;
    uint8_t key[CATALOGUE_NUMBER_BYTES];
    catalogue_number_key(old->body_number, key);
    struct span value;
    struct pieces pieces;
    enum lookup found = catalogue_get(batch->txn, catalogue->pieces, span_of(key, sizeof key), &value, error);
    if (found == LOOKUP_FAILED && error->kind != ERROR_DAMAGED)
        return false;
    struct buffer extents;
    buffer_init(&extents, 0);
    if (found == LOOKUP_FOUND && pieces_decode(value, &pieces, error))
        buffer_append(&extents, pieces.extents);
    else
        batch_leave_blocks();
    bool done = free_sorted_extents(batch, old->token, &extents, error);
    buffer_free(&extents);
    return done && batch_free_numbered(batch, catalogue->pieces, old->body_number, error) &&
           batch_free_numbered(batch, catalogue->part_maps, old->body_number, error);
}

static bool free_body(struct batch *batch, const struct row *old, struct error *error)
{
    switch (old->place) {
    case BODY_NONE:
        return true;
    case BODY_INLINE:
        return batch_free_numbered(batch, batch->store->catalogue.bodies, old->body_number, error);
    case BODY_EXTENTS:
        return free_extents(batch, old, old->extents, error);
    case BODY_LISTED:
        return free_listed(batch, old, error);
    case BODY_PIECES:
        return free_pieces(batch, old, error);
    }
    UNREACHABLE();
}

/* The row itself is left to the caller. The body first: its extents are in the map, where they hold until the first
 * write. */
bool batch_free_object(struct batch *batch, const struct row *old, struct error *error)
{
    uint64_t sidecar = old->attributes.sidecar_size > 0 ? old->sidecar_number : 0;
    return free_body(batch, old, error) &&
           (sidecar == 0 || batch_free_numbered(batch, batch->store->catalogue.sidecars, sidecar, error));
}

bool batch_free_replaced(struct batch *batch, const struct batch_replaced *replaced, struct error *error)
{
    return replaced->is_lost || batch_free_object(batch, &replaced->row, error);
}
