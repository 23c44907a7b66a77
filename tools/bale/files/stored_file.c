/* tools/bale/files/stored_file.c -- maps, unpacks and writes the files of an export. */
#include "tools/bale/files/stored_file.h"

#include "codec/codec.h"
#include "codec/decompressor.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATH_BYTES = 1024, PIECE_BYTES = 1 << 20 };

static bool map(int fd, uint64_t size, struct stored_file *ret_file, struct error *error)
{
    *ret_file = (struct stored_file){SPAN_EMPTY};
    if (size == 0)
        return true;
    void *bytes = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (bytes == MAP_FAILED)
        return error_set_errno(error, errno, "mmap");
    ret_file->bytes = span_of(bytes, size);
    return true;
}

static bool unpack_pieces(struct decompressor *decompressor, struct span packed, uint8_t *piece, int fd,
                          struct error *error)
{
    bool ended = false;
    if (!decompressor_begin(decompressor, CODEC_GZIP, false, error))
        return false;
    while (!ended) {
        size_t size = 0;
        if (!decompressor_step(decompressor, &packed, piece, PIECE_BYTES, &size, &ended, error) ||
            !stored_file_write(fd, span_of(piece, size), error))
            return false;
        if (size == 0 && packed.size == 0 && !ended)
            return error_set(error, ERROR_DAMAGED, NULL, "the end is missing");
    }
    return true;
}

static bool unpack(struct span packed, int fd, struct error *error)
{
    struct decompressor *decompressor = decompressor_create();
    uint8_t *piece = malloc(PIECE_BYTES);
    bool ok = decompressor != NULL && piece != NULL ? unpack_pieces(decompressor, packed, piece, fd, error)
                                                    : error_set(error, ERROR_BUSY, NULL, "no memory");
    free(piece);
    if (decompressor != NULL)
        decompressor_destroy(decompressor);
    return ok;
}

/* Into a file without a name, which is gone when it is unmapped. */
static bool open_unpacked(struct span packed, struct stored_file *ret_file, struct error *error)
{
    int fd = memfd_create("unpacked", MFD_CLOEXEC);
    struct stat status;
    if (fd < 0)
        return error_set_errno(error, errno, "memfd_create");
    bool ok =
        unpack(packed, fd, error) && fstat(fd, &status) == 0 && map(fd, (uint64_t)status.st_size, ret_file, error);
    (void)close(fd);
    return ok;
}

static bool open_fd(int fd, const char *name, uint64_t size, struct stored_file *ret_file, struct error *error)
{
    struct stat status;
    if (fstat(fd, &status) != 0)
        return error_set_errno(error, errno, "%s", name);
    if (!map(fd, (uint64_t)status.st_size, ret_file, error))
        return false;
    if (ret_file->bytes.size != size && span_ends_with(span_from_string(name), SPAN(".gz"))) {
        struct stored_file packed = *ret_file;
        bool ok = open_unpacked(packed.bytes, ret_file, error);
        stored_file_close(&packed);
        if (!ok)
            return false;
    }
    if (ret_file->bytes.size == size)
        return true;
    size_t found = ret_file->bytes.size;
    stored_file_close(ret_file);
    return error_set(error, ERROR_DAMAGED, NULL, "it has %zu bytes, objects.json says %llu", found,
                     (unsigned long long)size);
}

bool stored_file_open(const char *folder, const char *name, uint64_t size, struct stored_file *ret_file,
                      struct error *error)
{
    char path[PATH_BYTES];
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return error_set_errno(error, errno, "%s", path);
    bool ok = open_fd(fd, name, size, ret_file, error) || error_prepend(error, "%s", path);
    (void)close(fd);
    return ok;
}

void stored_file_close(struct stored_file *file)
{
    if (file->bytes.size != 0)
        (void)munmap((void *)file->bytes.data, file->bytes.size);
    file->bytes = SPAN_EMPTY;
}

bool stored_file_create(const char *folder, const char *name, int *ret_fd, struct error *error)
{
    char path[PATH_BYTES];
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    *ret_fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    return *ret_fd >= 0 || error_set_errno(error, errno, "%s", path);
}

bool stored_file_remove(const char *folder, const char *name, struct error *error)
{
    char path[PATH_BYTES];
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    return unlink(path) == 0 || error_set_errno(error, errno, "%s", path);
}

bool stored_file_write(int fd, struct span bytes, struct error *error)
{
    while (bytes.size != 0) {
        ssize_t written = write(fd, bytes.data, bytes.size);
        if (written < 0 && errno != EINTR)
            return error_set_errno(error, errno, "write");
        if (written > 0)
            bytes = span_skip(bytes, (size_t)written);
    }
    return true;
}
