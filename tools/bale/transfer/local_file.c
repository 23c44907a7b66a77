/* tools/bale/transfer/local_file.c -- NAME.bale-part, and how it becomes NAME. */
#include "tools/bale/transfer/local_file.h"

#include "runtime/base/assert.h"
#include "runtime/io/io.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

/* ---- opening ---- */

static bool take_names(struct local_file *file, struct span name, struct error *error)
{
    if (name.size == 0 || name.size > LOCAL_FILE_NAME_BYTES_MAX)
        return error_set(error, ERROR_INVALID, NULL, "a file's name has 1 to %d bytes here", LOCAL_FILE_NAME_BYTES_MAX);
    (void)snprintf(file->name, sizeof file->name, "%.*s", SPAN_FORMAT(name));
    (void)snprintf(file->part_name, sizeof file->part_name, "%.*s" LOCAL_FILE_PART_SUFFIX, SPAN_FORMAT(name));
    (void)snprintf(file->log_name, sizeof file->log_name, "%.*s" LOCAL_FILE_LOG_SUFFIX, SPAN_FORMAT(name));
    return true;
}

/* Between the opening and the lock another process may have finished its file: then the lock is on that one, which is
 * in its place now, and must not be touched. */
static bool lock_part(struct local_file *file, struct error *error)
{
    for (;;) {
        struct stat opened;
        struct stat named;
        file->fd = openat(file->folder, file->part_name, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0666);
        if (file->fd < 0)
            return error_set_errno(error, errno, "%s", file->part_name);
        if (flock(file->fd, LOCK_EX | LOCK_NB) != 0)
            return errno == EWOULDBLOCK
                       ? error_set(error, ERROR_CONFLICT, NULL, "another process writes %s", file->part_name)
                       : error_set_errno(error, errno, "%s", file->part_name);
        if (fstat(file->fd, &opened) != 0)
            return error_set_errno(error, errno, "%s", file->part_name);
        if (!S_ISREG(opened.st_mode))
            return error_set(error, ERROR_INVALID, NULL, "%s is no regular file", file->part_name);
        if (fstatat(file->folder, file->part_name, &named, AT_SYMLINK_NOFOLLOW) == 0 && named.st_ino == opened.st_ino &&
            named.st_dev == opened.st_dev)
            return true;
        (void)close(file->fd);
        file->fd = -1;
    }
}

/* *ret_mode: the permissions of what is in its place; those of a new file where nothing is. */
static bool look_at_place(const struct local_file *file, bool *ret_is_there, mode_t *ret_mode, struct error *error)
{
    struct stat former;
    *ret_is_there = false;
    if (fstatat(file->folder, file->name, &former, AT_SYMLINK_NOFOLLOW) != 0)
        return errno == ENOENT || error_set_errno(error, errno, "%s", file->name);
    if (!S_ISREG(former.st_mode) && !S_ISLNK(former.st_mode))
        return error_set(error, ERROR_INVALID, NULL, "%s is there already, and is no regular file", file->name);
    *ret_is_there = S_ISREG(former.st_mode);
    *ret_mode = former.st_mode & 0777;
    return true;
}

static bool open_part(struct local_file *file, struct span name, struct error *error)
{
    bool is_there;
    mode_t mode;
    if (!take_names(file, name, error) || !look_at_place(file, &is_there, &mode, error) || !lock_part(file, error))
        return false;
    return !is_there || fchmod(file->fd, mode) == 0 || error_set_errno(error, errno, "%s", file->part_name);
}

bool local_file_open(int folder, struct span name, struct local_file *ret_file, struct error *error)
{
    *ret_file = (struct local_file){.folder = folder, .fd = -1, .is_kept = true};
    bool is_open = open_part(ret_file, name, error);
    ret_file->is_kept = !is_open;
    if (!is_open)
        local_file_close(ret_file);
    return is_open;
}

/* ---- writing ---- */

SUSPENDS bool local_file_prepare(struct local_file *file, uint64_t size, bool is_emptied, bool is_sparse,
                                 struct error *error)
{
    if (is_emptied && ftruncate(file->fd, 0) != 0)
        return error_set_errno(error, errno, "%s", file->part_name);
    if (!is_sparse && size > 0) {
        int result = io_allocate(file->fd, 0, size, DEADLINE_NONE);
        if (result < 0 && result != -EOPNOTSUPP)
            return error_set_errno(error, -result, "%s: no room for its %llu bytes", file->part_name,
                                   (unsigned long long)size);
    }
    return ftruncate(file->fd, (off_t)size) == 0 || error_set_errno(error, errno, "%s", file->part_name);
}

SUSPENDS bool local_file_clear(struct local_file *file, uint64_t offset, uint64_t size, struct error *error)
{
    int result = io_punch_hole(file->fd, offset, size, DEADLINE_NONE);
    return result >= 0 || error_set_errno(error, -result, "%s", file->part_name);
}

/* By the loop's own thread: it is a copy into the page cache, which the ring would hand to another thread and wait for.
 */
bool local_file_write(struct local_file *file, struct span bytes, uint64_t offset, struct error *error)
{
    while (bytes.size > 0) {
        ssize_t written = pwrite(file->fd, bytes.data, bytes.size, (off_t)offset);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return error_set_errno(error, written == 0 ? EIO : errno, "%s", file->part_name);
        bytes = span_skip(bytes, (size_t)written);
        offset += (uint64_t)written;
    }
    return true;
}

/* ---- the end ---- */

SUSPENDS static bool sync_to_disk(int fd, const char *name, struct error *error)
{
    int result = io_sync_data(fd, DEADLINE_NONE);
    return result >= 0 || error_set_errno(error, -result, "%s cannot be written to the disk", name);
}

SUSPENDS bool local_file_finish(struct local_file *file, const struct local_file_facts *facts, struct error *error)
{
    struct timespec times[2] = {{.tv_nsec = UTIME_NOW},
                                {.tv_sec = facts->modified_ms / 1000, .tv_nsec = facts->modified_ms % 1000 * 1000000}};
    if (facts->modified_ms > 0 && futimens(file->fd, times) != 0)
        return error_set_errno(error, errno, "%s", file->part_name);
    if (facts->is_synced) /* else a loss of power could leave the attribute, and not the bytes */
        (void)fsetxattr(file->fd, LOCAL_FILE_ETAG_ATTRIBUTE, facts->etag, strlen(facts->etag), 0);
    if (facts->is_synced && !sync_to_disk(file->fd, file->part_name, error))
        return false;
    if (renameat(file->folder, file->part_name, file->folder, file->name) != 0)
        return error_set_errno(error, errno, "%s", file->name);
    file->is_kept = true;
    (void)unlinkat(file->folder, file->log_name, 0);
    return !facts->is_synced || sync_to_disk(file->folder, file->name, error);
}

void local_file_close(struct local_file *file)
{
    if (!file->is_kept) {
        (void)unlinkat(file->folder, file->part_name, 0);
        (void)unlinkat(file->folder, file->log_name, 0);
    }
    if (file->fd >= 0)
        (void)close(file->fd);
    (void)close(file->folder);
    *file = (struct local_file){.folder = -1, .fd = -1};
}
