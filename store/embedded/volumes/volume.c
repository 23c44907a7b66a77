/* store/embedded/volumes/volume.c -- volumes: their files, and the table of all of them. */
#include "store/embedded/volumes/volume.h"

#include "runtime/base/assert.h"
#include "runtime/base/byteorder.h"
#include "runtime/log/log.h"
#include "s3client/wire/s3_error.h"
#include "store/embedded/state.h"
#include "store/embedded/volumes/bitmap.h"
#include "store/embedded/volumes/space.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- files ---- */

static void name_file(uint32_t number, char ret_name[32])
{
    (void)snprintf(ret_name, 32, "volumes/%08u", number);
}

struct volume *volume_find(const struct embedded_store *store, uint32_t number)
{
    return number < VOLUMES_MAX ? atomic_load_explicit(&store->volumes.volumes[number], memory_order_acquire) : NULL;
}

/* A second descriptor for writing, as long as descriptors are plenty: volumes must open, direct writes are a luxury. */
static bool may_have_second(const struct embedded_store *store)
{
    const struct volume_table *table = &store->volumes;
    uint64_t files_max = store->options.files_max;
    return !atomic_load_explicit(&table->is_buffered, memory_order_relaxed) &&
           (files_max == 0 || atomic_load(&table->files) + table->unopened + 1 <= files_max / 2);
}

/* Returns `fd` where the page cache has to do. */
static int open_direct(struct embedded_store *store, const char *name, int fd)
{
    if (!may_have_second(store))
        return fd;
    int direct = openat(store->folder.fd, name, O_RDWR | O_DIRECT | O_CLOEXEC);
    if (direct >= 0)
        return direct;
    if (errno == EINVAL && !atomic_exchange(&store->volumes.is_buffered, true))
        log_message(LOG_INFO, "The file system of %s refuses O_DIRECT: volumes are written through the page cache",
                    store->folder.path);
    return fd;
}

static void close_files(struct embedded_store *store, const struct volume *volume)
{
    atomic_fetch_sub(&store->volumes.files, volume->fd_direct == volume->fd ? 1 : 2);
    if (volume->fd_direct != volume->fd)
        close(volume->fd_direct);
    close(volume->fd);
}

static struct volume *open_file(struct embedded_store *store, uint32_t number, uint32_t blocks, struct error *error)
{
    char name[32];
    name_file(number, name);
    int fd = openat(store->folder.fd, name, O_RDWR | O_CLOEXEC);
    struct stat status;
    if (fd < 0 || fstat(fd, &status) != 0) {
        error_set_errno(error, errno, "%s/%s cannot be opened", store->folder.path, name);
    } else if ((uint64_t)status.st_size < (uint64_t)blocks * EXTENT_BLOCK_BYTES) {
        error_set(error, ERROR_DAMAGED, NULL, "%s/%s was cut. Run `bale check`.", store->folder.path, name);
    } else {
        struct volume *volume = calloc(1, sizeof *volume);
        ASSERT(volume != NULL);
        *volume = (struct volume){.number = number, .blocks = blocks, .fd = fd};
        volume->fd_direct = open_direct(store, name, fd);
        atomic_fetch_add(&store->volumes.files, volume->fd_direct == fd ? 1 : 2);
        atomic_fetch_add(&store->volumes.blocks, blocks);
        atomic_store_explicit(&store->volumes.volumes[number], volume, memory_order_release);
        return volume;
    }
    if (fd >= 0)
        close(fd);
    return NULL;
}

/* Makes durable which files there are. False with errno. */
static bool sync_names(const struct embedded_store *store)
{
    int folder = openat(store->folder.fd, "volumes", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool done = folder >= 0 && fsync(folder) == 0;
    int saved = errno;
    if (folder >= 0)
        close(folder);
    errno = saved;
    return done;
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
    if (done && !sync_names(store)) {
        failed = errno;
        done = false;
    }
    struct volume *volume = NULL;
    if (!done) {
        error_set_errno(error, failed, "%s/%s cannot be made", store->folder.path, name);
        if (error->kind == ERROR_FULL)
            error->code = S3_InsufficientStorage;
        if (failed == EMFILE || failed == ENFILE) { /* as good as a full disk: blocks of others will do */
            error->kind = ERROR_FULL;
            error->code = S3_ServiceUnavailable;
        }
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
    close_files(store, volume);
}

void volume_remove(struct embedded_store *store, struct volume *volume)
{
    char name[32];
    name_file(volume->number, name);
    close_volume(store, volume);
    (void)unlinkat(store->folder.fd, name, 0);
    (void)sync_names(store); /* before the row: no power cut may leave a file that nothing names */
}

void volume_note_failure(struct embedded_store *store, const struct volume *volume)
{
    if (volume->fd_direct == volume->fd)
        atomic_fetch_add(&store->volumes.failures, 1);
}

void volume_free(struct volume *volume)
{
    free(volume->taken);
    free(volume->holes);
    free(volume);
}

bool volume_load(struct embedded_store *store, MDB_txn *txn, struct volume *volume, struct error *error)
{
    free(volume->taken);
    free(volume->holes);
    volume->holes = NULL;
    volume->taken = calloc(BITMAP_WORDS(volume->blocks), sizeof *volume->taken);
    ASSERT(volume->taken != NULL);
    bool is_whole;
    return space_load(txn, &store->catalogue, volume->number, volume->blocks, volume->taken, &is_whole, error);
}

static bool has_whole_file(const struct embedded_store *store, const char *name, uint32_t blocks)
{
    struct stat status;
    return fstatat(store->folder.fd, name, &status, 0) == 0 &&
           (uint64_t)status.st_size >= (uint64_t)blocks * EXTENT_BLOCK_BYTES;
}

/* A volume of the catalogue. Its file may be missing when a crash came between row and file, or between file and row of
 * one that goes: then no body is in it. On a full disk it stays missing; its number is free for another one. */
static bool open_volume(struct embedded_store *store, MDB_txn *txn, uint32_t number, uint32_t blocks, bool is_filled,
                        uint64_t *taken_blocks, struct error *error)
{
    if (number >= VOLUMES_MAX || blocks == 0 || blocks > VOLUME_BYTES_MAX / EXTENT_BLOCK_BYTES * 16)
        return error_set(error, ERROR_DAMAGED, NULL, "The row of volume %u is damaged. Run `bale check`.", number);
    uint64_t *taken = calloc(BITMAP_WORDS(blocks), sizeof *taken);
    ASSERT(taken != NULL);
    bool is_whole;
    bool done = space_load(txn, &store->catalogue, number, blocks, taken, &is_whole, error);
    uint32_t count = blocks - bitmap_count_clear(taken, blocks);
    free(taken);
    if (!done && error->kind == ERROR_DAMAGED)
        return error_set(error, ERROR_DAMAGED, NULL,
                         "%s is damaged: what is free of volume %u. `bale check --repair` writes it anew.",
                         store->catalogue.path, number);
    if (!done)
        return false;
    store->volumes.lost_maps += !is_whole;
    *taken_blocks += count;
    char name[32];
    name_file(number, name);
    struct volume *volume = NULL;
    if (count == 0 && !has_whole_file(store, name, blocks)) {
        volume = volume_create(store, number, blocks, error);
        if (volume == NULL && error->kind == ERROR_FULL)
            return true;
        is_filled = false;
    } else {
        volume = open_file(store, number, blocks, error);
    }
    if (volume != NULL)
        atomic_store_explicit(&volume->is_filled, is_filled, memory_order_relaxed);
    return volume != NULL;
}

/* Can all of them be opened? Asked before the first one is. */
static bool count_volumes(struct embedded_store *store, MDB_txn *txn, struct error *error)
{
    MDB_stat statistics;
    int result = mdb_stat(txn, store->catalogue.volumes, &statistics);
    if (result != 0)
        return catalogue_failed(result, error, "count volumes");
    store->volumes.unopened = statistics.ms_entries;
    uint64_t files_max = store->options.files_max;
    return files_max == 0 || statistics.ms_entries <= files_max ||
           error_set(error, ERROR_INVALID, NULL,
                     "%s has %zu volumes, each of which needs an open file; the limit of open files (ulimit -Hn) "
                     "leaves %llu for them.",
                     store->folder.path, statistics.ms_entries, (unsigned long long)files_max);
}

bool volume_row_is_sound(const MDB_val *key, const MDB_val *value, struct span *ret_row)
{
    struct error ignored;
    return catalogue_check(key, value, ret_row, &ignored) && key->mv_size == 4 && ret_row->size == 8 &&
           ret_row->data[0] == 1;
}

static bool open_listed(struct embedded_store *store, MDB_txn *txn, struct error *error)
{
    MDB_cursor *cursor;
    int result;
    if (!catalogue_open_cursor(txn, store->catalogue.volumes, &cursor, error))
        return false;
    bool done = true;
    uint64_t taken_blocks = 0;
    MDB_val key;
    MDB_val value;
    while (done && (result = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) == 0) {
        struct span row;
        done = volume_row_is_sound(&key, &value, &row) ||
               error_set(error, ERROR_DAMAGED, NULL,
                         "%s is damaged: a row of the table of volumes. `bale check --repair` writes it anew.",
                         store->catalogue.path);
        done = done && open_volume(store, txn, load_u32_be(key.mv_data), load_u32_le(row.data + 4), row.data[1] != 0,
                                   &taken_blocks, error);
        store->volumes.unopened--;
    }
    mdb_cursor_close(cursor);
    atomic_store(&store->volumes.taken_blocks, taken_blocks);
    return done;
}

bool volume_table_open(struct embedded_store *store, struct error *error)
{
    store->volumes.volumes = calloc(VOLUMES_MAX, sizeof *store->volumes.volumes);
    ASSERT(store->volumes.volumes != NULL);
    MDB_txn *txn;
    int result = mdb_txn_begin(store->catalogue.env, NULL, MDB_RDONLY, &txn);
    if (result != 0)
        return catalogue_failed(result, error, "begin");
    bool done = count_volumes(store, txn, error) && open_listed(store, txn, error);
    mdb_txn_abort(txn);
    return done;
}

void volume_table_close(struct embedded_store *store)
{
    for (uint32_t number = 0; store->volumes.volumes != NULL && number < VOLUMES_MAX; number++) {
        struct volume *volume = volume_find(store, number);
        if (volume != NULL) {
            close_volume(store, volume);
            volume_free(volume);
        }
    }
    free(store->volumes.volumes);
    store->volumes.volumes = NULL;
}
