/* s3client/embedded/volume.c -- volumes: their files, and which of their blocks a shard hands out. */
#include "s3client/embedded/volume.h"

#include "runtime/base/assert.h"
#include "runtime/base/byteorder.h"
#include "runtime/io.h"
#include "runtime/log.h"
#include "s3client/embedded/bitmap.h"
#include "s3client/embedded/committer.h"
#include "s3client/embedded/space.h"
#include "s3client/embedded/store.h"
#include "s3client/wire/s3_error.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILL_BLOCKS = 64, RUN_UNKNOWN = INT32_MAX, PARTIAL_BLOCKS_LEAST = 64 };

/* ---- files ---- */

static void name_file(uint32_t number, char ret_name[32])
{
    (void)snprintf(ret_name, 32, "volumes/%08u", number);
}

struct volume *volume_find(const struct embedded_store *store, uint32_t number)
{
    return number < VOLUMES_MAX ? atomic_load_explicit(&store->volumes.volumes[number], memory_order_acquire) : NULL;
}

static int open_direct(struct embedded_store *store, const char *name)
{
    if (!atomic_load_explicit(&store->volumes.is_buffered, memory_order_relaxed)) {
        int fd = openat(store->folder.fd, name, O_RDWR | O_DIRECT | O_CLOEXEC);
        if (fd >= 0 || errno != EINVAL)
            return fd;
        if (!atomic_exchange(&store->volumes.is_buffered, true))
            log_message(LOG_INFO, "The file system of %s refuses O_DIRECT: volumes are written through the page cache",
                        store->folder.path);
    }
    return openat(store->folder.fd, name, O_RDWR | O_CLOEXEC);
}

static struct volume *open_file(struct embedded_store *store, uint32_t number, uint32_t blocks, struct error *error)
{
    char name[32];
    name_file(number, name);
    struct volume *volume = calloc(1, sizeof *volume);
    ASSERT(volume != NULL);
    *volume = (struct volume){.number = number, .blocks = blocks};
    volume->fd = openat(store->folder.fd, name, O_RDONLY | O_CLOEXEC);
    volume->fd_direct = volume->fd < 0 ? -1 : open_direct(store, name);
    struct stat status;
    if (volume->fd_direct < 0 || fstat(volume->fd, &status) != 0) {
        error_set_errno(error, errno, "%s/%s cannot be opened", store->folder.path, name);
    } else if ((uint64_t)status.st_size < (uint64_t)blocks * EXTENT_BLOCK_BYTES) {
        error_set(error, ERROR_DAMAGED, NULL, "%s/%s was cut. Run `bale check`.", store->folder.path, name);
    } else {
        atomic_fetch_add(&store->volumes.blocks, blocks);
        atomic_store_explicit(&store->volumes.volumes[number], volume, memory_order_release);
        return volume;
    }
    if (volume->fd >= 0)
        close(volume->fd);
    if (volume->fd_direct >= 0)
        close(volume->fd_direct);
    free(volume);
    return NULL;
}

struct volume *volume_create(struct embedded_store *store, uint32_t number, uint32_t blocks, struct error *error)
{
    char name[32];
    name_file(number, name);
    off_t size = (off_t)blocks * EXTENT_BLOCK_BYTES;
    int fd = openat(store->folder.fd, name, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    bool done = fd >= 0 && ftruncate(fd, size) == 0 &&
                (fallocate(fd, 0, 0, size) == 0 || errno == EOPNOTSUPP || errno == ENOSYS) && fsync(fd) == 0;
    int failed = errno;
    if (fd >= 0)
        close(fd);
    int folder = done ? openat(store->folder.fd, "volumes", O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    if (done && (folder < 0 || fsync(folder) != 0)) {
        failed = errno;
        done = false;
    }
    if (folder >= 0)
        close(folder);
    struct volume *volume = NULL;
    if (!done) {
        error_set_errno(error, failed, "%s/%s cannot be made", store->folder.path, name);
        if (error->kind == ERROR_FULL)
            error->code = S3_InsufficientStorage;
    } else {
        volume = open_file(store, number, blocks, error);
    }
    if (volume == NULL) {
        (void)unlinkat(store->folder.fd, name, 0);
        return NULL;
    }
    volume->taken = calloc(BITMAP_WORDS(blocks), sizeof *volume->taken);
    ASSERT(volume->taken != NULL);
    return volume;
}

static void close_volume(struct embedded_store *store, struct volume *volume)
{
    atomic_store_explicit(&store->volumes.volumes[volume->number], NULL, memory_order_release);
    atomic_fetch_sub(&store->volumes.blocks, volume->blocks);
    close(volume->fd);
    close(volume->fd_direct);
}

void volume_remove(struct embedded_store *store, struct volume *volume)
{
    char name[32];
    name_file(volume->number, name);
    close_volume(store, volume);
    (void)unlinkat(store->folder.fd, name, 0);
}

bool volume_load(struct embedded_store *store, MDB_txn *txn, struct volume *volume, struct error *error)
{
    free(volume->taken);
    volume->taken = calloc(BITMAP_WORDS(volume->blocks), sizeof *volume->taken);
    ASSERT(volume->taken != NULL);
    return space_load(txn, &store->catalogue, volume->number, volume->blocks, volume->taken, error);
}

/* A volume of the catalogue. Its file may be missing when a crash came between row and file, or between file and row of
 * one that goes: then no body is in it. */
static bool open_volume(struct embedded_store *store, MDB_txn *txn, uint32_t number, uint32_t blocks, bool is_filled,
                        uint64_t *taken_blocks, struct error *error)
{
    if (number >= VOLUMES_MAX || blocks == 0 || blocks > VOLUME_BYTES_MAX / EXTENT_BLOCK_BYTES * 16)
        return error_set(error, ERROR_DAMAGED, NULL, "The row of volume %u is damaged. Run `bale check`.", number);
    uint64_t *taken = calloc(BITMAP_WORDS(blocks), sizeof *taken);
    ASSERT(taken != NULL);
    bool done = space_load(txn, &store->catalogue, number, blocks, taken, error);
    uint32_t count = blocks - bitmap_count_clear(taken, blocks);
    free(taken);
    if (!done)
        return false;
    *taken_blocks += count;
    char name[32];
    name_file(number, name);
    struct volume *volume = NULL;
    if (count == 0 && faccessat(store->folder.fd, name, F_OK, 0) != 0 && errno == ENOENT) {
        volume = volume_create(store, number, blocks, error);
        is_filled = false;
    } else {
        volume = open_file(store, number, blocks, error);
    }
    if (volume != NULL)
        atomic_store_explicit(&volume->is_filled, is_filled, memory_order_relaxed);
    return volume != NULL;
}

bool volume_table_open(struct embedded_store *store, struct error *error)
{
    store->volumes.volumes = calloc(VOLUMES_MAX, sizeof *store->volumes.volumes);
    ASSERT(store->volumes.volumes != NULL);
    MDB_txn *txn;
    MDB_cursor *cursor;
    int result = mdb_txn_begin(store->catalogue.env, NULL, MDB_RDONLY, &txn);
    if (result != 0)
        return catalogue_failed(result, error, "begin");
    result = mdb_cursor_open(txn, store->catalogue.volumes, &cursor);
    bool done = result == 0 || catalogue_failed(result, error, "open a cursor");
    uint64_t taken_blocks = 0;
    MDB_val key;
    MDB_val value;
    while (done && (result = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) == 0) {
        struct span row;
        done = catalogue_check(&key, &value, &row, error);
        if (done && (key.mv_size != 4 || row.size != 8 || row.data[0] != 1))
            done = error_set(error, ERROR_DAMAGED, NULL, "A row of the table of volumes is damaged.");
        done = done && open_volume(store, txn, load_u32_be(key.mv_data), load_u32_le(row.data + 4), row.data[1] != 0,
                                   &taken_blocks, error);
    }
    if (cursor != NULL)
        mdb_cursor_close(cursor);
    mdb_txn_abort(txn);
    atomic_store(&store->volumes.taken_blocks, taken_blocks);
    return done;
}

void volume_table_close(struct embedded_store *store)
{
    for (uint32_t number = 0; store->volumes.volumes != NULL && number < VOLUMES_MAX; number++) {
        struct volume *volume = volume_find(store, number);
        if (volume != NULL) {
            close_volume(store, volume);
            free(volume->taken);
            free(volume);
        }
    }
    free(store->volumes.volumes);
    store->volumes.volumes = NULL;
}

/* ---- blocks ---- */

void volume_set_init(struct volume_set *set)
{
    *set = (struct volume_set){0};
    wait_queue_init(&set->grown);
    wait_queue_init(&set->idle);
}

void volume_set_add(struct shard *shard, struct volume *volume)
{
    struct volume_set *set = &shard->volumes;
    ASSERT(volume->taken != NULL && volume->number % shard->store->options.shards == shard->index);
    volume->free_blocks = bitmap_count_clear(volume->taken, volume->blocks);
    volume->run_max = RUN_UNKNOWN;
    volume->position = 0;
    volume->next = set->first;
    set->first = volume;
    set->current = volume; /* the newest and emptiest first */
    set->free_blocks += volume->free_blocks;
    set->blocks += volume->blocks;
}

static void take(struct volume_set *set, struct volume *volume, uint32_t block, uint32_t count)
{
    bitmap_fill(volume->taken, block, count, true);
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

static SUSPENDS bool grow(struct shard *shard, uint32_t wanted, uint32_t least, struct error *error)
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
    for (;;) {
        if (reserve_at_least(set, wanted, good, ret_extent))
            break;
        bool was_growing = set->is_growing;
        if (grow(shard, wanted, least, error) || was_growing) {
            if (was_growing && fiber_is_cancelled())
                return error_set(error, ERROR_CANCELLED, NULL, "cancelled while waiting for a volume");
            good = least; /* the new volume may be smaller than what was asked for */
            continue;
        }
        if (error->kind != ERROR_FULL || !reserve_at_least(set, wanted, least, ret_extent))
            return false;
        break;
    }
    if (set->free_blocks < set->blocks / 16)
        volume_tend(shard);
    return true;
}

void volume_give_back(struct shard *shard, const struct extent *extent)
{
    struct volume *volume = volume_find(shard->store, extent->volume);
    ASSERT(volume != NULL && bitmap_is(volume->taken, extent->block, extent->count, true));
    if (extent->count == 0)
        return;
    bitmap_fill(volume->taken, extent->block, extent->count, false);
    volume->free_blocks += extent->count;
    shard->volumes.free_blocks += extent->count;
    uint32_t run = bitmap_run_around(volume->taken, volume->blocks, extent->block);
    if (run > volume->run_max)
        volume->run_max = run;
    if (extent->block < volume->position)
        volume->position = extent->block; /* low blocks first: the end of a volume becomes free sooner or later */
}

/* ---- in the background ---- */

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
    volume->run_max = RUN_UNKNOWN; /* a search may have failed because of this piece */
    return wrote == (int64_t)count * EXTENT_BLOCK_BYTES;
}

static SUSPENDS bool fill_volume(struct shard *shard, struct volume *volume, const void *zeros)
{
    for (uint32_t block = 0; block < volume->blocks; block += FILL_BLOCKS) {
        if (shard->volumes.is_ending || !fill_piece(volume, block, zeros))
            return false;
        fiber_yield_if_due();
    }
    if (io_sync_data(volume->fd_direct, DEADLINE_NONE) != 0 || shard->volumes.is_ending)
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

static void tend(void *argument)
{
    struct shard *shard = argument;
    struct volume_set *set = &shard->volumes;
    void *zeros = aligned_alloc(EXTENT_BLOCK_BYTES, FILL_BLOCKS * EXTENT_BLOCK_BYTES);
    ASSERT(zeros != NULL);
    memset(zeros, 0, FILL_BLOCKS * EXTENT_BLOCK_BYTES);
    struct error error;
    while (!set->is_ending) {
        /* the next volume is made before the last one is used up */
        if (set->free_blocks < set->blocks / 16 && !grow(shard, 1, 1, &error))
            break;
        struct volume *volume = shard->store->options.is_unfilled ? NULL : find_unfilled(set);
        if (volume == NULL)
            break;
        (void)fill_volume(shard, volume, zeros);
        atomic_store_explicit(&volume->is_filled, true, memory_order_relaxed); /* or tried: once is enough */
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
    while (set->fibers > 0 || set->is_growing) {
        if (!wait_for(&set->idle, DEADLINE_NONE, &error))
            fiber_yield(); /* cancelled: they see is_ending soon */
    }
    set->first = set->current = NULL;
}
