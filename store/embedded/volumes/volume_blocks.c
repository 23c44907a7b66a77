/* store/embedded/volumes/volume_blocks.c -- which blocks of its volumes a shard hands out. */
#include "runtime/base/assert.h"
#include "runtime/io.h"
#include "store/embedded/commit/committer.h"
#include "store/embedded/store.h"
#include "store/embedded/volumes/bitmap.h"

#include <stdlib.h>

enum { PARTIAL_BLOCKS_LEAST = 64, RETURN_WAITS = 20, RETURN_WAIT_MS = 10 };

void volume_set_init(struct volume_set *set)
{
    *set = (struct volume_set){0};
    wait_queue_init(&set->grown);
    wait_queue_init(&set->idle);
    wait_queue_init(&set->stopped);
}

static bool is_own(const struct shard *shard, uint32_t number)
{
    return number % shard->store->options.shards == shard->index;
}

void volume_set_add(struct shard *shard, struct volume *volume)
{
    struct volume_set *set = &shard->volumes;
    ASSERT(volume->taken != NULL && is_own(shard, volume->number));
    volume->free_blocks = bitmap_count_clear(volume->taken, volume->blocks);
    volume->run_max = VOLUME_RUN_UNKNOWN;
    volume->position = 0;
    volume->next = set->first;
    set->first = volume;
    if (set->current == NULL)
        set->current = volume; /* one that is made ahead is filled with zeros before the others are used up */
    set->free_blocks += volume->free_blocks;
    set->blocks += volume->blocks;
}

static void take(struct volume_set *set, struct volume *volume, uint32_t block, uint32_t count)
{
    bitmap_fill(volume->taken, block, count, true);
    if (volume->holes != NULL)
        bitmap_fill(volume->holes, block, count, false);
    volume->free_blocks -= count;
    volume->position = block + count;
    set->free_blocks -= count;
}

static bool reserve_in(struct volume_set *set, struct volume *volume, uint32_t wanted, struct extent *ret_extent)
{
    if (volume->free_blocks < wanted || volume->run_max < wanted)
        return false;
    uint32_t block;
    if (!bitmap_find_run(volume->taken, volume->blocks, volume->position, wanted, &block) &&
        !bitmap_find_run(volume->taken, volume->blocks, 0, wanted, &block)) {
        volume->run_max = wanted - 1;
        return false;
    }
    take(set, volume, block, wanted);
    *ret_extent = (struct extent){volume->number, block, wanted};
    return true;
}

/* In the volume where the last one was found, then in the others. */
static bool reserve_run(struct volume_set *set, uint32_t wanted, struct extent *ret_extent)
{
    if (set->free_blocks < wanted)
        return false;
    if (reserve_in(set, set->current, wanted, ret_extent))
        return true;
    for (struct volume *volume = set->first; volume != NULL; volume = volume->next) {
        if (reserve_in(set, volume, wanted, ret_extent)) {
            set->current = volume;
            return true;
        }
    }
    return false;
}

static bool reserve_at_least(struct volume_set *set, uint32_t wanted, uint32_t least, struct extent *ret_extent)
{
    for (;;) {
        if (reserve_run(set, wanted, ret_extent))
            return true;
        if (wanted == least)
            return false;
        wanted = wanted / 2 > least ? wanted / 2 : least;
    }
}

/* The next volume: an eighth of what lives in the store, and as much as is asked for. */
static uint32_t next_volume_blocks(const struct shard *shard, uint32_t wanted)
{
    const struct embedded_store *store = shard->store;
    uint64_t blocks_max = store->options.volume_max_bytes / EXTENT_BLOCK_BYTES;
    uint64_t blocks = VOLUME_BYTES_FIRST / EXTENT_BLOCK_BYTES;
    uint64_t live = atomic_load_explicit(&store->volumes.taken_blocks, memory_order_relaxed);
    if (blocks < live / 8)
        blocks = live / 8;
    if (blocks < wanted)
        blocks = wanted;
    blocks = (blocks + 255) / 256 * 256;
    return (uint32_t)(blocks < blocks_max ? blocks : blocks_max);
}

SUSPENDS bool volume_grow(struct shard *shard, uint32_t wanted, uint32_t least, struct error *error)
{
    struct volume_set *set = &shard->volumes;
    if (set->is_growing) /* somebody is at it: whatever comes of it, the caller looks again */
        return wait_for(&set->grown, DEADLINE_NONE, error);
    set->is_growing = true;
    struct change change = {.kind = CHANGE_ADD_VOLUME};
    change.volume.blocks = next_volume_blocks(shard, wanted);
    change.volume.blocks_least = least;
    bool done = committer_commit(shard, &change, error);
    if (done)
        volume_set_add(shard, change.volume.volume);
    set->is_growing = false;
    wait_wake_all(&set->grown);
    if (done)
        volume_tend(shard);
    return done;
}

bool volume_lend(struct shard *owner, uint32_t wanted, uint32_t least, struct extent *ret_extent)
{
    return !owner->volumes.is_ending && reserve_at_least(&owner->volumes, wanted, least, ret_extent);
}

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
    return borrow(shard, wanted, good, ret_extent) || reserve_at_least(&shard->volumes, wanted, least, ret_extent) ||
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
        if (reserve_at_least(set, wanted, good, ret_extent))
            break;
        bool was_growing = set->is_growing;
        if (volume_grow(shard, wanted, least, error) || was_growing) {
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
    if (!is_own(shard, extent->volume)) {
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

/* What a shard with volumes of so many blocks wants to have free. */
static uint64_t enough_blocks(uint64_t blocks)
{
    uint64_t enough = blocks / 8;
    uint64_t half_a_volume = VOLUME_BYTES_FIRST / EXTENT_BLOCK_BYTES / 2;
    return enough > half_a_volume ? enough : half_a_volume;
}

bool volume_set_is_nearly_full(const struct volume_set *set)
{
    return set->free_blocks < enough_blocks(set->blocks);
}

struct volume *volume_set_find_spare(const struct volume_set *set)
{
    for (struct volume *volume = set->first; volume != NULL; volume = volume->next) {
        uint64_t others_free = set->free_blocks - volume->free_blocks;
        if (volume->free_blocks == volume->blocks && others_free >= 2 * enough_blocks(set->blocks - volume->blocks))
            return volume;
    }
    return NULL;
}

bool volume_set_is_mostly_free(const struct volume_set *set)
{
    return set->free_blocks > set->blocks / 2 && set->free_blocks > VOLUME_BYTES_FIRST / EXTENT_BLOCK_BYTES;
}
