/* store/embedded/catalogue/folder.c -- the folder of a store: its format, and its name for itself. */
#include "store/embedded/catalogue/folder.h"

#include "runtime/base/hex.h"
#include "store/folder_lock.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FORMAT_FILE_BYTES_MAX = 256 };

#define STORE "bale store"
#define RAW_STORE "bale raw store"

/* Reads a small file whole; -1 with errno when that fails. */
static ssize_t read_small(int folder_fd, const char *name, char *ret_text, size_t capacity)
{
    int fd = openat(folder_fd, name, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    ssize_t size = read(fd, ret_text, capacity - 1);
    int saved = errno;
    close(fd);
    errno = saved;
    if (size >= 0)
        ret_text[size] = '\0';
    return size;
}

/* ---- FORMAT: "bale store 3" or "bale raw store 3", "uuid <32 hex>" ---- */

static bool parse_format(struct folder *folder, const char *text, struct error *error)
{
    unsigned version = 0;
    char uuid[2 * STORE_UUID_BYTES + 1] = "";
    folder->is_raw = strncmp(text, RAW_STORE, strlen(RAW_STORE)) == 0;
    if (sscanf(text, folder->is_raw ? RAW_STORE " %9u\nuuid %32[0-9a-f]\n" : STORE " %9u\nuuid %32[0-9a-f]\n", &version,
               uuid) < 1 ||
        version == 0)
        return error_set(error, ERROR_DAMAGED, NULL, "%s/FORMAT is not readable: not a Bale store?", folder->path);
    folder->format = version;
    if (version > STORE_FORMAT)
        return error_set(error, ERROR_UNSUPPORTED, NULL,
                         "%s has format %u; this Bale reads formats up to %d. Use a newer Bale.", folder->path, version,
                         STORE_FORMAT);
    if (!hex_decode(span_from_string(uuid), folder->uuid, sizeof folder->uuid))
        return error_set(error, ERROR_DAMAGED, NULL, "%s/FORMAT has no uuid", folder->path);
    return true;
}

/* A folder without FORMAT may be made a store when nothing is in it but what a cut-off creation leaves. */
static bool is_ours_or_empty(struct folder *folder, struct error *error)
{
    DIR *entries = fdopendir(openat(folder->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (entries == NULL)
        return error_set_errno(error, errno, "%s cannot be read", folder->path);
    static const char *const known[] = {".",       "..",      "lock",        "catalogue",
                                        "volumes", "buckets", "credentials", "FORMAT.new"};
    bool is_known = true;
    for (struct dirent *entry; is_known && (entry = readdir(entries)) != NULL;) {
        is_known = false;
        for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
            is_known = is_known || strcmp(entry->d_name, known[i]) == 0;
        if (!is_known)
            error_set(error, ERROR_INVALID, NULL, "%s is not empty (%s) and no Bale store: choose another folder",
                      folder->path, entry->d_name);
    }
    closedir(entries);
    /* rmdir refuses a folder with volumes in it, which a creation that was cut off cannot have */
    if (is_known && unlinkat(folder->fd, "volumes", AT_REMOVEDIR) != 0 && errno != ENOENT)
        return error_set(error, ERROR_DAMAGED, NULL, "%s has volumes but no FORMAT. Run `bale check`.", folder->path);
    return is_known;
}

static bool make_folders(struct folder *folder, struct error *error)
{
    static const char *const names[] = {"catalogue", "volumes"};
    for (size_t i = 0; i < 2; i++) {
        if (mkdirat(folder->fd, names[i], 0755) != 0 && errno != EEXIST)
            return error_set_errno(error, errno, "%s/%s cannot be made", folder->path, names[i]);
    }
    static const char *const stale[] = {"catalogue/data.mdb", "catalogue/lock.mdb", "FORMAT.new"};
    for (size_t i = 0; i < 3; i++)
        (void)unlinkat(folder->fd, stale[i], 0);
    return true;
}

static bool read_format(struct folder *folder, bool create, const struct random_source *random, struct error *error)
{
    char text[FORMAT_FILE_BYTES_MAX];
    if (read_small(folder->fd, "FORMAT", text, sizeof text) >= 0)
        return parse_format(folder, text, error);
    if (errno != ENOENT)
        return error_set_errno(error, errno, "%s/FORMAT cannot be read", folder->path);
    if (!create)
        return error_set(error, ERROR_NOT_FOUND, NULL, "%s is no Bale store: it has no FORMAT", folder->path);
    folder->is_new = true;
    folder->format = STORE_FORMAT;
    random_fill(random, folder->uuid, sizeof folder->uuid);
    return is_ours_or_empty(folder, error) && make_folders(folder, error);
}

bool folder_open(const char *path, bool create, const struct random_source *random, struct folder *ret_folder,
                 struct error *error)
{
    *ret_folder = (struct folder){.fd = -1, .lock_fd = -1};
    if (strlen(path) == 0 || strlen(path) >= sizeof ret_folder->path)
        return error_set(error, ERROR_INVALID, NULL, "the path of the store is empty or too long");
    strcpy(ret_folder->path, path);
    if (create && mkdir(path, 0755) != 0 && errno != EEXIST)
        return error_set_errno(error, errno, "%s cannot be made", path);
    ret_folder->fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (ret_folder->fd < 0)
        return error_set_errno(error, errno, "%s cannot be opened", path);
    if (folder_lock_take(ret_folder->fd, path, &ret_folder->lock_fd, error) &&
        read_format(ret_folder, create, random, error))
        return true;
    folder_close(ret_folder);
    return false;
}

bool folder_open_readonly(const char *path, struct folder *ret_folder, struct error *error)
{
    *ret_folder = (struct folder){.fd = -1, .lock_fd = -1};
    if (strlen(path) == 0 || strlen(path) >= sizeof ret_folder->path)
        return error_set(error, ERROR_INVALID, NULL, "the path of the store is empty or too long");
    strcpy(ret_folder->path, path);
    ret_folder->fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (ret_folder->fd < 0)
        return error_set_errno(error, errno, "%s cannot be opened", path);
    if (read_format(ret_folder, false, NULL, error))
        return true;
    folder_close(ret_folder);
    return false;
}

/* A file is durable only when its name is. */
static bool sync_folder(struct folder *folder, const char *name)
{
    int fd = openat(folder->fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool done = fd >= 0 && fsync(fd) == 0;
    int saved = errno;
    if (fd >= 0)
        close(fd);
    errno = saved;
    return done;
}

/* By rename: whoever reads it finds one or the other, whole. */
static bool write_format(struct folder *folder, struct error *error)
{
    char uuid[2 * STORE_UUID_BYTES + 1] = "";
    hex_encode(span_of(folder->uuid, sizeof folder->uuid), uuid);
    char text[FORMAT_FILE_BYTES_MAX];
    int size = snprintf(text, sizeof text, "%s %d\nuuid %s\n", folder->is_raw ? RAW_STORE : STORE, STORE_FORMAT, uuid);
    int fd = openat(folder->fd, "FORMAT.new", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    bool done = fd >= 0 && write(fd, text, (size_t)size) == size && fsync(fd) == 0 &&
                renameat(folder->fd, "FORMAT.new", folder->fd, "FORMAT") == 0 && fsync(folder->fd) == 0;
    int saved = errno;
    if (fd >= 0)
        close(fd);
    return done || error_set_errno(error, saved, "%s/FORMAT cannot be written", folder->path);
}

bool folder_finish(struct folder *folder, struct error *error)
{
    if (!sync_folder(folder, "catalogue") || !sync_folder(folder, ".."))
        return error_set_errno(error, errno, "%s cannot be synced", folder->path);
    folder->is_new = !write_format(folder, error);
    return !folder->is_new;
}

bool folder_upgrade(struct folder *folder, struct error *error)
{
    if (folder->format == STORE_FORMAT)
        return true;
    if (!write_format(folder, error))
        return false;
    folder->format = STORE_FORMAT;
    return true;
}

void folder_close(struct folder *folder)
{
    if (folder->lock_fd >= 0)
        close(folder->lock_fd);
    if (folder->fd >= 0)
        close(folder->fd);
    folder->lock_fd = folder->fd = -1;
}
