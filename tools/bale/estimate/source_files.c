/* tools/bale/estimate/source_files.c -- a folder of files. Links are not followed, other things than files left out. */
#include "tools/bale/estimate/source.h"

#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PATH_BYTES = 4096 };

struct files {
    struct estimate_source base; /* first */
    const char *folder;
    int fd;                /* of the folder */
    char name[PATH_BYTES]; /* the file that is read, below it */
};

static int compare_names(const FTSENT **a, const FTSENT **b)
{
    return strcmp((*a)->fts_name, (*b)->fts_name);
}

/* False: there is no room for more of them. */
static bool add_file(const struct files *files, const FTSENT *entry, struct population *population,
                     uint64_t objects_max)
{
    const char *name = entry->fts_path + strlen(files->folder);
    while (*name == '/')
        name++;
    size_t size = strlen(name);
    if (population->count == objects_max)
        return false;
    if (size > 0 && size < PATH_BYTES)
        population_add(population, span_of(name, size), (uint64_t)entry->fts_statp->st_size,
                       (uint64_t)entry->fts_statp->st_size, SPAN_EMPTY, false);
    return true;
}

/* What cannot be entered is said, and left out. */
static bool walk(const struct files *files, FTS *tree, struct population *population, uint64_t objects_max,
                 bool *ret_is_all, struct error *error)
{
    FTSENT *entry;
    *ret_is_all = true;
    while ((errno = 0, entry = fts_read(tree)) != NULL && *ret_is_all) {
        if (entry->fts_info == FTS_F)
            *ret_is_all = add_file(files, entry, population, objects_max);
        else if (entry->fts_info == FTS_DNR || entry->fts_info == FTS_ERR || entry->fts_info == FTS_NS)
            (void)fprintf(stderr, "bale estimate: %s: %s\n", entry->fts_path, strerror(entry->fts_errno));
    }
    return entry != NULL || errno == 0 || error_set_errno(error, errno, "%s", files->folder);
}

SUSPENDS static bool list(struct estimate_source *source, struct population *population, uint64_t objects_max,
                          bool *ret_is_all, struct error *error)
{
    struct files *files = (struct files *)source;
    char *const roots[] = {(char *)files->folder, NULL}; /* fts only reads it */
    FTS *tree = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, compare_names);
    if (tree == NULL)
        return error_set_errno(error, errno, "%s", files->folder);
    bool done = walk(files, tree, population, objects_max, ret_is_all, error);
    (void)fts_close(tree);
    return done;
}

static bool read_at(int fd, uint64_t offset, uint8_t *bytes, size_t size, struct error *error)
{
    while (size > 0) {
        ssize_t taken = pread(fd, bytes, size, (off_t)offset);
        if (taken < 0 && errno == EINTR)
            continue;
        if (taken < 0)
            return error_set_errno(error, errno, "read");
        if (taken == 0)
            return error_set(error, ERROR_CHANGED, NULL, "it has become shorter");
        bytes += taken;
        offset += (uint64_t)taken;
        size -= (size_t)taken;
    }
    return true;
}

SUSPENDS static bool read_frame(struct estimate_source *source, const struct population *population,
                                const struct population_frame *frame, uint8_t *ret_bytes,
                                enum source_reading *ret_reading, struct error *error)
{
    struct files *files = (struct files *)source;
    struct span name = population_name(population, frame->object);
    *ret_reading = SOURCE_IS_GONE;
    memcpy(files->name, name.data, name.size);
    files->name[name.size] = '\0';
    int fd = openat(files->fd, files->name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) {
        (void)error_set_errno(error, errno, "%s/%s", files->folder, files->name);
        return true;
    }
    if (read_at(fd, frame->offset, ret_bytes, frame->size, error))
        *ret_reading = SOURCE_READ;
    (void)close(fd);
    return true;
}

SUSPENDS static void close_files(struct estimate_source *source)
{
    (void)close(((struct files *)source)->fd);
    free(source);
}

static const struct estimate_source_operations operations = {list, read_frame, close_files};

static int open_folder(const char *folder, struct error *error)
{
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        (void)error_set_errno(error, errno, "%s", folder);
    } else if (faccessat(fd, "FORMAT", F_OK, 0) == 0 && faccessat(fd, "catalogue", F_OK, 0) == 0) {
        (void)error_set(error, ERROR_INVALID, NULL, "%s is a store of Bale: say dir:%s", folder, folder);
        (void)close(fd);
        fd = -1;
    }
    return fd;
}

SUSPENDS struct estimate_source *source_open_files(const char *folder, struct error *error)
{
    int fd = open_folder(folder, error);
    if (fd < 0)
        return NULL;
    struct files *files = calloc(1, sizeof *files);
    if (files == NULL) {
        (void)close(fd);
        (void)error_set(error, ERROR_BUSY, NULL, "there is no memory");
        return NULL;
    }
    files->base = (struct estimate_source){.operations = &operations, .reads_at_once = 1, .takes_columns = true};
    files->folder = folder;
    files->fd = fd;
    return &files->base;
}
