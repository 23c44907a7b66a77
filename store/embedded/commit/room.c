/* store/embedded/commit/room.c -- is there room to grow? */
#include "store/embedded/commit/room.h"

#include "runtime/base/byteorder.h"
#include "s3client/wire/s3_error.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/statvfs.h>
#include <unistd.h>

/* Kept for deletes: enough for thousands of rows in one transaction. */
#define RESERVE_BYTES_MAX (UINT64_C(4) << 20)
/* Allocated ahead of what is used, so that the disk is asked seldom. */
#define AHEAD_BYTES (UINT64_C(8) << 20)

static uint64_t reserve_bytes(const struct room *room)
{
    uint64_t share = room->catalogue->map_bytes / 8;
    return share < RESERVE_BYTES_MAX ? share : RESERVE_BYTES_MAX;
}

static uint64_t disk_free_bytes(const struct room *room)
{
    struct statvfs status;
    return fstatvfs(room->fd, &status) == 0 ? (uint64_t)status.f_bavail * status.f_frsize : 0;
}

/* Has the disk promised the file's bytes up to `end`? Asks for a good piece ahead, or for just that. */
static bool allocate_to(struct room *room, uint64_t used, uint64_t end)
{
    if (end <= room->allocated_to)
        return true;
    if (room->cannot_allocate)
        return disk_free_bytes(room) >= end - used;
    uint64_t from = room->allocated_to > used ? room->allocated_to : used;
    uint64_t ahead = end + AHEAD_BYTES < room->catalogue->map_bytes ? end + AHEAD_BYTES : room->catalogue->map_bytes;
    uint64_t targets[] = {ahead > end ? ahead : end, end};
    for (unsigned i = 0; i < 2; i++) {
        if (fallocate(room->fd, FALLOC_FL_KEEP_SIZE, (off_t)from, (off_t)(targets[i] - from)) == 0) {
            room->allocated_to = targets[i];
            return true;
        }
        if (errno == EOPNOTSUPP || errno == ENOSYS) {
            room->cannot_allocate = true;
            return disk_free_bytes(room) >= end - used;
        }
    }
    return false;
}

bool room_init(struct room *room, const struct catalogue *catalogue, struct error *error)
{
    *room = (struct room){.catalogue = catalogue};
    room->fd = open(catalogue->path, O_RDWR | O_CLOEXEC);
    if (room->fd < 0)
        return error_set_errno(error, errno, "%s", catalogue->path);
    uint64_t used = catalogue_used_bytes(catalogue);
    (void)allocate_to(room, used, used + reserve_bytes(room)); /* a full disk may have deletes to come */
    return true;
}

/* What was allocated ahead stays the file's: the disk may be full when the store is opened again. */
void room_end(struct room *room)
{
    if (room->fd >= 0)
        close(room->fd);
    room->fd = -1;
}

/* Pages inside the file that LMDB can use again, in bytes: a walk of its free list. */
static uint64_t reusable_bytes(const struct room *room)
{
    MDB_txn *txn;
    MDB_cursor *cursor;
    uint64_t pages = 0;
    if (mdb_txn_begin(room->catalogue->env, NULL, MDB_RDONLY, &txn) != 0)
        return 0;
    if (mdb_cursor_open(txn, 0, &cursor) == 0) { /* table 0 is LMDB's own: each value is a count, then page numbers */
        MDB_val key;
        MDB_val value;
        while (mdb_cursor_get(cursor, &key, &value, MDB_NEXT) == 0 && value.mv_size >= 8)
            pages += load_u64_le(value.mv_data);
        mdb_cursor_close(cursor);
    }
    mdb_txn_abort(txn);
    return pages * CATALOGUE_PAGE_BYTES;
}

static bool has_bytes(struct room *room, uint64_t needed, struct error *error)
{
    uint64_t used = catalogue_used_bytes(room->catalogue);
    uint64_t map_left = room->catalogue->map_bytes > used ? room->catalogue->map_bytes - used : 0;
    if (needed <= map_left && allocate_to(room, used, used + needed))
        return true;
    uint64_t behind = room->allocated_to > used ? room->allocated_to - used : 0;
    uint64_t left = behind < map_left ? behind : map_left;
    if (room->cannot_allocate)
        left = disk_free_bytes(room) < map_left ? disk_free_bytes(room) : map_left;
    if (left + reusable_bytes(room) >= needed)
        return true;
    return error_set(error, ERROR_FULL, S3_InsufficientStorage, "The store is full: %s.",
                     needed > map_left ? "the catalogue has reached its greatest size"
                                       : "the disk has no room for the catalogue to grow");
}

bool room_is_there(struct room *room, uint64_t bytes, struct error *error)
{
    return has_bytes(room, bytes + reserve_bytes(room), error);
}

bool room_is_left(struct room *room, uint64_t bytes, struct error *error)
{
    return has_bytes(room, bytes + reserve_bytes(room) / 2, error);
}

bool room_for_volume(const struct room *room, uint64_t bytes)
{
    return disk_free_bytes(room) >= bytes + AHEAD_BYTES / 2;
}
