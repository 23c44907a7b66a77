/* tools/bale/transfer/tree_path.c -- which keys are paths, and the folders on their way. */
#include "tools/bale/transfer/tree_path.h"

#include "tools/bale/transfer/local_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- which are ---- */

static bool is_own_name(struct span name)
{
    return span_ends_with(name, SPAN(LOCAL_FILE_PART_SUFFIX)) || span_ends_with(name, SPAN(LOCAL_FILE_LOG_SUFFIX));
}

static bool check_segment(struct span segment, size_t bytes_max, struct error *error)
{
    if (segment.size == 0)
        return error_set(error, ERROR_INVALID, NULL, "the key begins with a slash, or has two in a row: no path");
    if (span_equal(segment, SPAN(".")) || span_equal(segment, SPAN("..")))
        return error_set(error, ERROR_INVALID, NULL, "the key has a segment %.*s: no path that is taken",
                         SPAN_FORMAT(segment));
    if (span_find(segment, '\0') != SIZE_MAX)
        return error_set(error, ERROR_INVALID, NULL, "the key holds a NUL: no path");
    if (segment.size > bytes_max)
        return error_set(error, ERROR_INVALID, NULL, "the key has a segment of more than %zu bytes", bytes_max);
    return !is_own_name(segment) ||
           error_set(error, ERROR_INVALID, NULL, "the name is one that bale get gives to files that are not whole");
}

static bool check_folder(struct span folder, struct error *error)
{
    for (;;) {
        size_t slash = span_find(folder, '/');
        if (!check_segment(span_take(folder, slash), NAME_MAX, error))
            return false;
        if (slash == SIZE_MAX)
            return true;
        folder = span_skip(folder, slash + 1);
    }
}

bool tree_path_split(struct span path, struct span *ret_folder, struct span *ret_name, struct error *error)
{
    const uint8_t *slash = path.size == 0 ? NULL : memrchr(path.data, '/', path.size);
    *ret_folder = slash == NULL ? SPAN_EMPTY : span_take(path, (size_t)(slash - path.data));
    *ret_name = slash == NULL ? path : span_skip(path, (size_t)(slash - path.data) + 1);
    if (slash != NULL && !check_folder(*ret_folder, error))
        return false;
    return (slash != NULL && ret_name->size == 0) || check_segment(*ret_name, LOCAL_FILE_NAME_BYTES_MAX, error);
}

/* ---- their folders ---- */

static int open_or_make(int above, const char *name)
{
    enum { FLAGS = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC };
    int fd = openat(above, name, FLAGS);
    if (fd >= 0 || errno != ENOENT || (mkdirat(above, name, 0777) != 0 && errno != EEXIST))
        return fd;
    return openat(above, name, FLAGS);
}

static bool refuse_folder(const char *name, int errno_value, struct error *error)
{
    if (errno_value == ENOTDIR || errno_value == ELOOP)
        return error_set(error, ERROR_CONFLICT, NULL, "%s is a file or a symbolic link here, and no folder", name);
    return error_set_errno(error, errno_value, "the folder %s", name);
}

int tree_path_open_folder(int root, struct span folder, struct error *error)
{
    int fd = fcntl(root, F_DUPFD_CLOEXEC, 0);
    if (fd < 0)
        (void)error_set_errno(error, errno, "the target folder");
    while (fd >= 0 && folder.size > 0) {
        char name[NAME_MAX + 1] = "";
        size_t slash = span_find(folder, '/');
        struct span segment = span_take(folder, slash);
        memcpy(name, segment.data, segment.size);
        int below = open_or_make(fd, name);
        if (below < 0)
            (void)refuse_folder(name, errno, error);
        (void)close(fd);
        fd = below;
        folder = slash == SIZE_MAX ? SPAN_EMPTY : span_skip(folder, slash + 1);
    }
    return fd;
}
