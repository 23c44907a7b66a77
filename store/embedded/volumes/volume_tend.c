/* store/embedded/volumes/volume_tend.c -- what a shard does for its volumes in the background: zeros into new ones, the
 * next one before the last is used up, and space given back to the disk when much of it is dead.
 *
 * A piece that is being filled or punched counts as taken meanwhile, so nobody is handed it. */
#include "runtime/base/assert.h"
#include "runtime/io/io.h"
#include "store/embedded/queue/committer.h"
#include "store/embedded/state.h"
#include "store/embedded/volumes/bitmap.h"
#include "store/embedded/volumes/volume_set.h"

#include <stdlib.h>

enum { FILL_BLOCKS = 64, PUNCH_BLOCKS_LEAST = 256 };

/* ---- filling ---- */

/* Writes zeros over a free piece; what is taken was written already. */
static SUSPENDS bool fill_piece(struct volume *volume, uint32_t block, const void *zeros)
{
    uint32_t count = volume->blocks - block < FILL_BLOCKS ? volume->blocks - block : FILL_BLOCKS;
    if (!bitmap_is(volume->taken, block, count, false))
        return true;
    bitmap_fill(volume->taken, block, count, true);
    int64_t wrote = io_write(volume->fd_direct, zeros, (size_t)count * EXTENT_BLOCK_BYTES,
                             (uint64_t)block * EXTENT_BLOCK_BYTES, DEADLINE_NONE);
    bitmap_fill(volume->taken, block, count, false);
    volume->run_max = VOLUME_RUN_UNKNOWN; /* a search may have failed because of this piece */
    return wrote == (int64_t)count * EXTENT_BLOCK_BYTES;
}

static SUSPENDS bool fill_volume(struct shard *shard, struct volume *volume, const void *zeros)
{
    for (uint32_t block = 0; block < volume->blocks; block += FILL_BLOCKS) {
        if (shard->volumes.is_ending || !fill_piece(volume, block, zeros))
            return false;
        fiber_yield_if_due();
    }
    if (io_sync_data(volume->fd_direct, DEADLINE_NONE) != 0) {
        volume_note_failure(shard->store, volume);
        return false;
    }
    if (shard->volumes.is_ending)
        return false;
    struct error error;
    struct change change = {.kind = CHANGE_FILL_VOLUME, .volume.volume = volume};
    return committer_commit(shard, &change, &error);
}

static struct volume *find_unfilled(struct volume_set *set)
{
    for (struct volume *volume = set->first; volume != NULL; volume = volume->next) {
        if (!atomic_load_explicit(&volume->is_filled, memory_order_relaxed))
            return volume;
    }
    return NULL;
}

/* ---- giving back ---- */

static void unlink_volume(struct volume_set *set, struct volume *volume)
{
    struct volume **link = &set->first;
    while (*link != volume)
        link = &(*link)->next;
    *link = volume->next;
    if (set->current == volume)
        set->current = set->first;
    set->blocks -= volume->blocks;
    set->free_blocks -= volume->free_blocks;
}

/* A volume in which nothing is goes altogether: the catalogue or another shard may need the disk's space. */
static SUSPENDS bool drop_spare_volume(struct shard *shard)
{
    struct volume *volume = volume_set_find_spare(&shard->volumes);
    if (volume == NULL)
        return false;
    unlink_volume(&shard->volumes, volume);
    struct error error;
    struct change change = {.kind = CHANGE_DROP_VOLUME, .volume.volume = volume};
    (void)committer_commit(shard, &change, &error); /* a row that stays is harmless: opening makes its file again */
    volume_free(volume);
    return true;
}

/* Punches the first long free run that was not punched yet, from `from` on. Returns where the search goes on. */
static SUSPENDS uint32_t punch_run(struct volume *volume, uint32_t from, bool *ret_punched)
{
    uint32_t block;
    if (!bitmap_find_run(volume->taken, volume->blocks, from, PUNCH_BLOCKS_LEAST, &block))
        return volume->blocks;
    uint32_t end = bitmap_find(volume->taken, volume->blocks, block, true);
    if (bitmap_is(volume->holes, block, end - block, true))
        return end;
    bitmap_fill(volume->taken, block, end - block, true);
    int result = io_punch_hole(volume->fd_direct, (uint64_t)block * EXTENT_BLOCK_BYTES,
                               (uint64_t)(end - block) * EXTENT_BLOCK_BYTES, DEADLINE_NONE);
    bitmap_fill(volume->taken, block, end - block, false);
    volume->run_max = VOLUME_RUN_UNKNOWN;
    bitmap_fill(volume->holes, block, end - block, true); /* also when it cannot be done: once is enough */
    *ret_punched = *ret_punched || result == 0;
    return end;
}

static SUSPENDS bool punch_volumes(struct shard *shard)
{
    bool punched = false;
    for (struct volume *volume = shard->volumes.first; volume != NULL; volume = volume->next) {
        if (volume->holes == NULL)
            volume->holes = calloc(BITMAP_WORDS(volume->blocks), sizeof *volume->holes);
        ASSERT(volume->holes != NULL);
        uint32_t from = 0;
        while (from < volume->blocks && volume->free_blocks > volume->blocks / 2 && !shard->volumes.is_ending)
            from = punch_run(volume, from, &punched);
    }
    return punched;
}

static bool has_too_much(const struct volume_set *set)
{
    return volume_set_is_mostly_free(set) || volume_set_find_spare(set) != NULL;
}

/* ---- the fiber ---- */

/* Space that was freed a moment ago is likely to be wanted again: it is given back only when it stays free. */
static SUSPENDS bool rest(struct shard *shard)
{
    struct error error;
    return !wait_for(&shard->volumes.stopped, deadline_after_ms(shard->store->options.reclaim_delay_ms), &error) &&
           error.kind == ERROR_TIMED_OUT;
}

static void tend(void *argument)
{
    struct shard *shard = argument;
    struct volume_set *set = &shard->volumes;
    void *zeros = aligned_alloc(EXTENT_BLOCK_BYTES, FILL_BLOCKS * EXTENT_BLOCK_BYTES);
    ASSERT(zeros != NULL);
    memset(zeros, 0, FILL_BLOCKS * EXTENT_BLOCK_BYTES);
    struct error error;
    while (!set->is_ending) {
        struct volume *volume = shard->store->options.is_unfilled ? NULL : find_unfilled(set);
        if (volume_set_is_nearly_full(set)) {
            if (!volume_grow(shard, 1, 1, &error))
                break;
        } else if (volume != NULL) {
            (void)fill_volume(shard, volume, zeros);
            atomic_store_explicit(&volume->is_filled, true, memory_order_relaxed); /* or tried: once is enough */
        } else if (!has_too_much(set) || !rest(shard) || !has_too_much(set) ||
                   !(drop_spare_volume(shard) || (volume_set_is_mostly_free(set) && punch_volumes(shard)))) {
            break;
        }
    }
    free(zeros);
    set->fibers--;
    wait_wake_all(&set->idle);
}

void volume_tend(struct shard *shard)
{
    struct volume_set *set = &shard->volumes;
    struct error error;
    if (set->fibers > 0 || set->is_ending)
        return;
    set->fibers++;
    if (!fiber_spawn("volumes", tend, shard, &error))
        set->fibers--;
}

SUSPENDS void volume_set_end(struct shard *shard)
{
    struct volume_set *set = &shard->volumes;
    struct error error;
    set->is_ending = true;
    wait_wake_all(&set->stopped);
    while (set->fibers > 0 || set->is_growing) {
        if (!wait_for(&set->idle, DEADLINE_NONE, &error))
            fiber_yield(); /* cancelled: they see is_ending soon */
    }
    set->first = set->current = NULL;
}
