/* store/tier/folder.c -- whose folder it is, and what its files are called. */
#include "store/tier/folder.h"

#include "runtime/base/hex.h"
#include "store/folder_lock.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/magic.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

enum { FORMAT_BYTES_MAX = 1536, KEY_TEXT_BYTES = 2 * TIER_KEY_BYTES + 1 };

static const char first_line[] = "bale tier 1\n";
static const char any_version[] = "bale tier ";

void slab_name_format(uint64_t sequence, char ret_name[SLAB_NAME_BYTES])
{
    (void)snprintf(ret_name, SLAB_NAME_BYTES, "%016" PRIx64 ".slab", sequence);
}

bool slab_name_parse(const char *name, uint64_t *ret_sequence)
{
    char again[SLAB_NAME_BYTES];
    if (strlen(name) != SLAB_NAME_BYTES - 1 || sscanf(name, "%16" SCNx64, ret_sequence) != 1)
        return false;
    slab_name_format(*ret_sequence, again);
    return strcmp(again, name) == 0;
}

/* ---- what lies in it ---- */

static bool is_expected_name(const char *name)
{
    uint64_t sequence;
    return name[0] == '.' || strcmp(name, "lock") == 0 || strcmp(name, "FORMAT") == 0 ||
           strcmp(name, "FORMAT.new") == 0 || slab_name_parse(name, &sequence);
}

/* Calls for each file but those whose names begin with a dot. False: it could not be read, or `visit` ended it. */
static bool visit_files(const struct tier_folder *folder, bool (*visit)(const struct tier_folder *, const char *name))
{
    DIR *entries = fdopendir(openat(folder->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    const struct dirent *entry;
    bool done = entries != NULL;
    while (done && (entry = readdir(entries)) != NULL)
        done = visit(folder, entry->d_name);
    if (entries != NULL)
        (void)closedir(entries);
    return done;
}

static bool belongs_here(const struct tier_folder *folder, const char *name)
{
    (void)folder;
    return is_expected_name(name);
}

static bool remove_slab(const struct tier_folder *folder, const char *name)
{
    uint64_t sequence;
    return !slab_name_parse(name, &sequence) || unlinkat(folder->fd, name, 0) == 0 || errno == ENOENT;
}

/* ---- FORMAT ---- */

static bool write_format(const struct tier_folder *folder, const char *backend, struct error *error)
{
    char text[FORMAT_BYTES_MAX];
    char key[KEY_TEXT_BYTES];
    hex_encode(span_of(folder->key, TIER_KEY_BYTES), key);
    key[KEY_TEXT_BYTES - 1] = '\0';
    int size = snprintf(text, sizeof text, "%s%s\n%s\n", first_line, key, backend);
    if (size >= (int)sizeof text)
        return error_set(error, ERROR_INVALID, NULL, "the backend's name is too long for a tier");
    int fd = openat(folder->fd, "FORMAT.new", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    bool done = fd >= 0 && write(fd, text, (size_t)size) == size && fsync(fd) == 0 &&
                renameat(folder->fd, "FORMAT.new", folder->fd, "FORMAT") == 0 && fsync(folder->fd) == 0;
    if (!done)
        (void)error_set_errno(error, errno, "%s/FORMAT cannot be written", folder->path);
    if (fd >= 0)
        (void)close(fd);
    return done;
}

/* The folder is new, or another backend's: nothing that lies in it is believed. */
static bool begin_anew(struct tier_folder *folder, const char *backend, const struct random_source *random,
                       struct error *error)
{
    if (!visit_files(folder, remove_slab))
        return error_set_errno(error, errno, "%s cannot be emptied", folder->path);
    random_fill(random, folder->key, sizeof folder->key);
    return write_format(folder, backend, error);
}

/* Empty: there is none. */
static bool read_format(const struct tier_folder *folder, char ret_text[FORMAT_BYTES_MAX], struct error *error)
{
    int fd = openat(folder->fd, "FORMAT", O_RDONLY | O_CLOEXEC);
    ssize_t size = fd < 0 ? 0 : read(fd, ret_text, FORMAT_BYTES_MAX - 1);
    bool done = (fd >= 0 || errno == ENOENT) && size >= 0;
    if (!done)
        (void)error_set_errno(error, errno, "%s/FORMAT cannot be read", folder->path);
    if (fd >= 0)
        (void)close(fd);
    ret_text[size > 0 ? size : 0] = '\0';
    return done;
}

/* Is it the tier of this backend? Then its key is taken. */
static bool is_ours(struct tier_folder *folder, const char *text, const char *backend)
{
    const size_t first = strlen(first_line);
    const size_t key = KEY_TEXT_BYTES - 1;
    if (strlen(text) < first + key + 1 || text[first + key] != '\n' ||
        !hex_decode(span_of(text + first, key), folder->key, TIER_KEY_BYTES))
        return false;
    const char *name = text + first + key + 1;
    size_t size = strlen(backend);
    return strncmp(name, backend, size) == 0 && strcmp(name + size, "\n") == 0;
}

static bool open_format(struct tier_folder *folder, const char *backend, const struct random_source *random,
                        struct error *error)
{
    char text[FORMAT_BYTES_MAX];
    if (!read_format(folder, text, error))
        return false;
    bool is_known = strncmp(text, first_line, strlen(first_line)) == 0;
    bool is_tier = strncmp(text, any_version, strlen(any_version)) == 0;
    if (!is_tier && (text[0] != '\0' || !visit_files(folder, belongs_here)))
        return error_set(error, ERROR_INVALID, NULL, "%s holds other files. A tier wants a folder of its own.",
                         folder->path);
    if (is_tier && !is_known)
        return error_set(error, ERROR_INVALID, NULL, "%s is the tier of a newer Bale. Empty it, or name another one.",
                         folder->path);
    if (is_known && is_ours(folder, text, backend))
        return true;
    return begin_anew(folder, backend, random, error);
}

/* ---- the folder ---- */

/* There a lock, or a file that was removed, may not be what they are here. */
static bool is_on_network(int fd)
{
    enum { SMB2_MAGIC = (int)0xfe534d42, CIFS_MAGIC = (int)0xff534d42, CEPH_MAGIC = 0x00c36400 };
    struct statfs status;
    if (fstatfs(fd, &status) != 0)
        return false;
    int kind = (int)status.f_type;
    return kind == NFS_SUPER_MAGIC || kind == SMB_SUPER_MAGIC || kind == SMB2_MAGIC || kind == CIFS_MAGIC ||
           kind == CEPH_MAGIC;
}

bool tier_folder_open(const char *path, const char *backend, const struct random_source *random,
                      struct tier_folder *ret_folder, struct error *error)
{
    *ret_folder = (struct tier_folder){.path = path, .fd = -1, .lock_fd = -1};
    if (mkdir(path, 0700) != 0 && errno != EEXIST)
        return error_set_errno(error, errno, "%s cannot be made", path);
    ret_folder->fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (ret_folder->fd < 0)
        return error_set_errno(error, errno, "%s cannot be opened", path);
    bool done = is_on_network(ret_folder->fd)
                    ? error_set(error, ERROR_INVALID, NULL,
                                "%s lies on a file system of a network. A tier wants a disk of this machine.", path)
                    : folder_lock_take(ret_folder->fd, path, &ret_folder->lock_fd, error);
    if (done && open_format(ret_folder, backend, random, error))
        return true;
    tier_folder_close(ret_folder);
    return false;
}

void tier_folder_close(struct tier_folder *folder)
{
    if (folder->lock_fd >= 0)
        (void)close(folder->lock_fd);
    if (folder->fd >= 0)
        (void)close(folder->fd);
    folder->fd = folder->lock_fd = -1;
}
