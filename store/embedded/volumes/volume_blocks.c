/* store/embedded/volumes/volume_blocks.c -- blocks for a writer, from wherever there are some, and back again. */
#include "runtime/base/assert.h"
#include "runtime/io/io.h"
#include "store/embedded/queue/committer.h"
#include "store/embedded/state.h"
#include "store/embedded/volumes/bitmap.h"
#include "store/embedded/volumes/volume_set.h"

#include <stdlib.h>

enum { PARTIAL_BLOCKS_LEAST = 64, RETURN_WAITS = 20, RETURN_WAIT_MS = 10 };

static SUSPENDS bool borrow(struct shard *shard, uint32_t wanted, uint32_t least, struct extent *ret_extent)
{
    if (shard->store->options.shards == 1)
        return false;
    struct error ignored;
    struct change change = {.kind = CHANGE_BORROW, .borrow = {.wanted = wanted, .least = least}};
    if (!committer_commit(shard, &change, &ignored))
        return false;
    *ret_extent = change.borrow.extent;
    return true;
}

/* No volume can be made: a good run of another shard's, or else the pieces that are left anywhere. */
static SUSPENDS bool reserve_in_full(struct shard *shard, uint32_t wanted, uint32_t good, uint32_t least,
                                     struct extent *ret_extent)
{
    return borrow(shard, wanted, good, ret_extent) || volume_set_reserve(&shard->volumes, wanted, least, ret_extent) ||
           (good > least && borrow(shard, wanted, least, ret_extent));
}

/* What was deleted a moment ago is on its way back: worth a moment's patience, as long as it is not being read. */
static SUSPENDS bool wait_for_returning(const struct shard *shard, unsigned *waits)
{
    if (atomic_load_explicit(&shard->store->volumes.returning, memory_order_relaxed) == 0 || ++*waits > RETURN_WAITS)
        return false;
    return io_sleep_until(deadline_after_ms(RETURN_WAIT_MS)) == 0;
}

SUSPENDS bool volume_reserve(struct shard *shard, uint32_t wanted, uint32_t least, struct extent *ret_extent,
                             struct error *error)
{
    ASSERT(least > 0 && least <= wanted);
    struct volume_set *set = &shard->volumes;
    uint32_t blocks_max = (uint32_t)(shard->store->options.volume_max_bytes / EXTENT_BLOCK_BYTES);
    if (wanted > blocks_max)
        wanted = blocks_max;
    if (least > wanted)
        least = wanted;
    uint32_t good = wanted / 4 > PARTIAL_BLOCKS_LEAST ? wanted / 4
                    : wanted < PARTIAL_BLOCKS_LEAST   ? wanted
                                                      : PARTIAL_BLOCKS_LEAST;
    if (good < least)
        good = least;
    unsigned waits = 0;
    for (;;) {
        if (volume_set_reserve(set, wanted, good, ret_extent))
            break;
        bool was_growing = set->is_growing;
        bool has_grown = volume_grow(shard, wanted, least, error);
        if (has_grown && !was_growing)
            volume_tend(shard);
        if (has_grown || was_growing) {
            if (was_growing && fiber_is_cancelled())
                return error_set(error, ERROR_CANCELLED, NULL, "cancelled while waiting for a volume");
            good = least; /* the new volume may be smaller than what was asked for */
            continue;
        }
        if (error->kind != ERROR_FULL)
            return false;
        if (reserve_in_full(shard, wanted, good, least, ret_extent))
            break;
        if (!wait_for_returning(shard, &waits))
            return false;
    }
    if (volume_set_is_nearly_full(set))
        volume_tend(shard);
    return true;
}

/* On the way that freed bodies take; nobody reads it, so no shard is asked. */
static void give_back_borrowed(struct shard *shard, const struct extent *extent)
{
    static const uint8_t no_token[ROW_TOKEN_BYTES];
    uint8_t encoded[ROW_EXTENT_BYTES];
    extent_encode(extent, encoded);
    atomic_fetch_add_explicit(&shard->store->volumes.returning, 1, memory_order_relaxed);
    committer_return(shard->store->committer, release_item_create(no_token, span_of(encoded, sizeof encoded)));
}

void volume_give_back(struct shard *shard, const struct extent *extent)
{
    if (extent->count == 0)
        return;
    if (!volume_is_own(shard, extent->volume)) {
        give_back_borrowed(shard, extent);
        return;
    }
    struct volume *volume = volume_find(shard->store, extent->volume);
    ASSERT(volume != NULL && bitmap_is(volume->taken, extent->block, extent->count, true));
    bitmap_fill(volume->taken, extent->block, extent->count, false);
    volume->free_blocks += extent->count;
    shard->volumes.free_blocks += extent->count;
    uint32_t run = bitmap_run_around(volume->taken, volume->blocks, extent->block);
    if (run > volume->run_max)
        volume->run_max = run;
    if (extent->block < volume->position)
        volume->position = extent->block; /* low blocks first: the end of a volume becomes free sooner or later */
    if (volume->free_blocks == volume->blocks || volume_set_is_mostly_free(&shard->volumes))
        volume_tend(shard);
}
