/* store/embedded/volumes/volume_set.c -- the volumes of one shard: which blocks are free, the next run, one volume
 * more. */
#include "store/embedded/volumes/volume_set.h"

#include "runtime/base/assert.h"
#include "store/embedded/queue/committer.h"
#include "store/embedded/state.h"
#include "store/embedded/volumes/bitmap.h"

void volume_set_init(struct volume_set *set)
{
    *set = (struct volume_set){0};
    wait_queue_init(&set->grown);
    wait_queue_init(&set->idle);
    wait_queue_init(&set->stopped);
}

bool volume_is_own(const struct shard *shard, uint32_t number)
{
    return number % shard->store->options.shards == shard->index;
}

void volume_set_add(struct shard *shard, struct volume *volume)
{
    struct volume_set *set = &shard->volumes;
    ASSERT(volume->taken != NULL && volume_is_own(shard, volume->number));
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

bool volume_set_reserve(struct volume_set *set, uint32_t wanted, uint32_t least, struct extent *ret_extent)
{
    for (;;) {
        if (reserve_run(set, wanted, ret_extent))
            return true;
        if (wanted == least)
            return false;
        wanted = wanted / 2 > least ? wanted / 2 : least;
    }
}

bool volume_lend(struct shard *owner, uint32_t wanted, uint32_t least, struct extent *ret_extent)
{
    return !owner->volumes.is_ending && volume_set_reserve(&owner->volumes, wanted, least, ret_extent);
}

/* ---- how much is free ---- */

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

/* ---- growing ---- */

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
    return done;
}
