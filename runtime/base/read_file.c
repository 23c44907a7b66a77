/* runtime/base/read_file.c -- opens, reads up to a bound and a byte beyond it, closes. */
#include "runtime/base/read_file.h"

#include "runtime/base/assert.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* The byte beyond the bound is room that was reserved: nothing moves, so no copy of a secret stays behind. */
static bool read_all(int fd, const char *path, size_t bytes_max, struct buffer *to, struct error *error)
{
    while (to->size <= bytes_max) {
        ssize_t got = read(fd, to->data + to->size, bytes_max + 1 - to->size);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return error_set_errno(error, errno, "cannot read %s", path);
        if (got == 0)
            return true;
        to->size += (size_t)got;
    }
    return error_set(error, ERROR_TOO_LARGE, NULL, "%s has more than %zu bytes", path, bytes_max);
}

bool read_file(const char *path, size_t bytes_max, struct buffer *ret_bytes, struct error *error)
{
    struct stat status;
    buffer_init(ret_bytes, 0);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        (void)error_set_errno(error, errno, "cannot open %s", path);
        if (errno == ENOENT || errno == ENOTDIR)
            error->kind = ERROR_NOT_FOUND;
        return false;
    }
    bool done = fstat(fd, &status) == 0 || error_set_errno(error, errno, "cannot read %s", path);
    done = done && (!S_ISDIR(status.st_mode) || error_set_errno(error, EISDIR, "cannot read %s", path));
    bool has_room = buffer_reserve(ret_bytes, bytes_max + 1);
    ASSERT(has_room);
    done = done && read_all(fd, path, bytes_max, ret_bytes, error);
    (void)close(fd);
    if (!done)
        read_file_wipe(ret_bytes);
    return done;
}

void read_file_wipe(struct buffer *bytes)
{
    if (bytes->size > 0)
        explicit_bzero(bytes->data, bytes->size);
    buffer_free(bytes);
}
