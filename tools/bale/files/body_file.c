/* tools/bale/files/body_file.c -- a store of one object, which can only be read. */
#include "tools/bale/files/body_file.h"

#include "codec/format/frame.h"
#include "codec/format/sidecar.h"
#include "runtime/base/read_file.h"
#include "store/bucket_operations.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATH_BYTES = 1024 };

struct body_file {
    struct bucket_object base; /* first */
    struct bucket_store store;
    int fd;
    struct buffer index; /* encoded; empty: there is none that fits */
};

const char *body_file_path(const char *target)
{
    return strncmp(target, "file:", strlen("file:")) == 0 ? target + strlen("file:") : NULL;
}

/* ---- operations ---- */

SUSPENDS static bool read_body(struct bucket_object *object, uint64_t offset, void *ret_bytes, size_t size,
                               struct error *error)
{
    const struct body_file *file = (const struct body_file *)object;
    uint8_t *bytes = ret_bytes;
    while (size > 0) {
        ssize_t taken = pread(file->fd, bytes, size, (off_t)offset);
        if (taken < 0 && errno == EINTR)
            continue;
        if (taken < 0)
            return error_set_errno(error, errno, "read");
        if (taken == 0)
            return error_set(error, ERROR_CHANGED, NULL, "the file has become shorter");
        bytes += taken;
        offset += (uint64_t)taken;
        size -= (size_t)taken;
    }
    return true;
}

SUSPENDS static bool read_index(struct bucket_object *object, struct buffer *ret_sidecar, struct error *error)
{
    const struct body_file *file = (const struct body_file *)object;
    (void)error; /* it is in memory */
    buffer_append(ret_sidecar, buffer_span(&file->index));
    return true;
}

SUSPENDS static bool read_parts(struct bucket_object *object, unsigned after, unsigned parts_max, struct arena *arena,
                                struct object_part **ret_parts, unsigned *ret_count, bool *ret_truncated,
                                struct error *error)
{
    (void)object, (void)after, (void)parts_max, (void)arena, (void)error; /* a body knows no parts */
    *ret_parts = NULL;
    *ret_count = 0;
    *ret_truncated = false;
    return true;
}

static void close_file(struct bucket_object *object)
{
    struct body_file *file = (struct body_file *)object;
    (void)close(file->fd);
    buffer_free(&file->index);
    free(file);
}

static const struct bucket_store_operations operations = {
    .read = read_body, .read_sidecar = read_index, .read_parts = read_parts, .close = close_file};

/* ---- what it is ---- */

SUSPENDS static bool read_header(struct body_file *file, uint64_t at, struct frame_header *ret_header,
                                 struct error *error)
{
    uint8_t head[FRAME_HEADER_BYTES];
    uint64_t left = file->base.attributes.stored_size - at;
    size_t size = left < sizeof head ? (size_t)left : sizeof head;
    return read_body(&file->base, at, head, size, error) &&
           (frame_header_decode(span_of(head, size), left, ret_header, error) ||
            error_prepend(error, "the frame at %" PRIu64, at));
}

/* False: it is not one of this body, or there is none. */
static bool load_index(struct body_file *file, const char *path)
{
    struct object_attributes *attributes = &file->base.attributes;
    char name[PATH_BYTES];
    struct sidecar sidecar;
    struct error ignored;
    if (snprintf(name, sizeof name, "%s.s4index", path) >= PATH_BYTES || access(name, R_OK) != 0 ||
        !read_file(name, SIDECAR_BYTES_MAX, &file->index, &ignored) ||
        !sidecar_decode(buffer_span(&file->index), &sidecar, NULL) ||
        (sidecar.source_size != 0 && sidecar.source_size != attributes->stored_size)) {
        buffer_clear(&file->index);
        return false;
    }
    attributes->original_size = sidecar.original_total;
    attributes->sidecar_size = file->index.size;
    return true;
}

SUSPENDS static bool add_frames(struct body_file *file, struct error *error)
{
    struct object_attributes *attributes = &file->base.attributes;
    struct frame_header header;
    for (uint64_t at = 0; at < attributes->stored_size; at += header.header_size + header.payload_size) {
        if (!read_header(file, at, &header, error))
            return false;
        attributes->original_size += header.kind == FRAME_DATA ? header.original_size : 0;
    }
    return true;
}

SUSPENDS static bool describe(struct body_file *file, const char *path, bool is_damaged_taken, struct error *error)
{
    struct object_attributes *attributes = &file->base.attributes;
    struct frame_header header;
    struct error ignored;
    bool has_frames = attributes->stored_size > 0 && read_header(file, 0, &header, &ignored);
    attributes->is_size_known = true;
    if (!has_frames) {
        attributes->original_size = attributes->stored_size;
        return true;
    }
    attributes->layout = LAYOUT_FRAMED;
    attributes->codec = header.codec;
    attributes->is_s4 = true;
    attributes->may_have_columns = true;
    if (load_index(file, path) || add_frames(file, error))
        return true;
    attributes->is_size_known = false;
    attributes->original_size = 0;
    return is_damaged_taken && error->kind == ERROR_DAMAGED;
}

SUSPENDS bool body_file_open(const char *path, bool is_damaged_taken, struct bucket_object **ret_object,
                             struct error *error)
{
    struct stat status;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return error_set_errno(error, errno, "%s", path);
    struct body_file *file = calloc(1, sizeof *file);
    if (file == NULL || fstat(fd, &status) != 0 || !S_ISREG(status.st_mode)) {
        (void)close(fd);
        free(file);
        return error_set(error, ERROR_INVALID, NULL, "%s is no file", path);
    }
    file->fd = fd;
    file->store = (struct bucket_store){.operations = &operations, .capabilities.keeps_sidecar = true};
    file->base.store = &file->store;
    file->base.attributes.stored_size = (uint64_t)status.st_size;
    file->base.attributes.modified_ms = (int64_t)status.st_mtim.tv_sec * 1000;
    if (describe(file, path, is_damaged_taken, error)) {
        *ret_object = &file->base;
        return true;
    }
    close_file(&file->base);
    return error_prepend(error, "%s", path);
}
