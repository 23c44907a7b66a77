/* store/embedded/catalogue/catalogue.c -- the LMDB environment: opened and closed. */
#include "store/embedded/catalogue/catalogue.h"

#include "store/embedded/catalogue/guard.h"
#include "store/embedded/catalogue/rebuild_mark.h"
#include "store/embedded/catalogue/stop_mark.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum { READERS_MAX = 1024, ROOM_TO_GROW_BYTES = 256 << 20 };

/* ---- opening ---- */

/* MENDED: a row that does not say any more whose the catalogue is is written anew. REBUILT: by the repair that is
 * making it (rebuild_mark.h). DISORDERED: to be walked over, whatever the order of its keys. AS_LEFT: by its stop mark,
 * if that holds (stop_mark.h). */
enum opening { EXISTING, CREATED, MENDED, READONLY, REBUILT, DISORDERED, AS_LEFT };

uint64_t catalogue_used_bytes(const struct catalogue *catalogue)
{
    MDB_envinfo information;
    return mdb_env_info(catalogue->env, &information) == 0
               ? (uint64_t)(information.me_last_pgno + 1) * CATALOGUE_PAGE_BYTES
               : 0;
}

/* The catalogue carries the uuid of its folder: one that was copied from elsewhere would claim blocks of other bodies.
 */
static bool match_uuid(struct catalogue *catalogue, MDB_txn *txn, const uint8_t uuid[16], enum opening opening,
                       struct error *error)
{
    struct span found;
    struct span expected = span_of(uuid, 16);
    switch (catalogue_get(txn, catalogue->meta, SPAN("uuid"), &found, error)) {
    case LOOKUP_FOUND:
        return span_equal(found, expected) ||
               error_set(error, ERROR_DAMAGED, NULL, "%s belongs to another store. Run `bale check`.", catalogue->path);
    case LOOKUP_MISSING:
        if (opening == CREATED)
            return catalogue_put(txn, catalogue->meta, SPAN("uuid"), expected, 0, error);
        return error_set(error, ERROR_DAMAGED, NULL, "%s is empty. Run `bale check`.", catalogue->path);
    default:
        if (error->kind != ERROR_DAMAGED)
            return false;
        if (opening == MENDED)
            return catalogue_put(txn, catalogue->meta, SPAN("uuid"), expected, 0, error);
        return error_set(error, ERROR_DAMAGED, NULL,
                         "%s is damaged where it says whose it is. `bale check --repair` writes that anew.",
                         catalogue->path);
    }
}

static bool is_for_reading(enum opening opening)
{
    return opening == READONLY || opening == DISORDERED;
}

static bool start_tables(struct catalogue *catalogue, const uint8_t uuid[16], enum opening opening, struct error *error)
{
    MDB_txn *txn;
    bool is_readonly = is_for_reading(opening);
    int result = mdb_txn_begin(catalogue->env, NULL, is_readonly ? MDB_RDONLY : 0, &txn);
    if (result != 0)
        return catalogue_failed(result, error, "begin");
    if (!catalogue_open_tables(catalogue, txn, is_readonly ? 0 : MDB_CREATE, error) ||
        !match_uuid(catalogue, txn, uuid, opening, error)) {
        mdb_txn_abort(txn);
        return false;
    }
    result = mdb_txn_commit(txn);
    return result == 0 || catalogue_failed(result, error, "commit");
}

/* LMDB would fault on the first page that is missing: better to say so. Where all pages were looked at, those in use
 * are there; free ones at the end need not be. */
static bool check_size(const struct catalogue *catalogue, struct error *error)
{
    struct stat status;
    if (catalogue->inspection.pages > 0 && !catalogue->inspection.is_cut_off)
        return true;
    uint64_t used =
        catalogue_used_bytes(catalogue); /* first: a writer elsewhere grows the file before its pages count */
    if (stat(catalogue->path, &status) != 0)
        return error_set_errno(error, errno, "%s", catalogue->path);
    if ((uint64_t)status.st_size < used)
        return error_set(error, ERROR_DAMAGED, NULL,
                         "%s was cut: it has %lld bytes, its pages need %llu. Run `bale check`.", catalogue->path,
                         (long long)status.st_size, (unsigned long long)used);
    return true;
}

/* LMDB would believe what it reads. */
static bool inspect(struct catalogue *catalogue, struct error *error)
{
    return catalogue_inspect(catalogue->path, inspection_until_ns(), &catalogue->inspection, error);
}

/* LMDB holds a lock on its other file as long as a process has the environment open. */
static bool is_open_elsewhere(const char *folder)
{
    char path[STORE_PATH_BYTES_MAX + 32];
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 0, .l_len = 1};
    (void)snprintf(path, sizeof path, "%s/catalogue/lock.mdb", folder);
    int fd = open(path, O_RDWR | O_CLOEXEC);
    bool is_open = fd >= 0 && fcntl(fd, F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
    if (fd >= 0)
        close(fd);
    return is_open;
}

/* Beside a process that has looked at it, and writes now, there is nothing to look at. */
static bool inspect_beside(struct catalogue *catalogue, const char *folder, struct error *error)
{
    return is_open_elsewhere(folder) || inspect(catalogue, error) || is_open_elsewhere(folder);
}

/* LMDB looks at both metas, and believes the newer one. */
static bool inspect_metas(const struct catalogue *catalogue, struct error *error)
{
    struct inspecting *inspecting = inspecting_begin(catalogue->path, error);
    inspecting_end(inspecting);
    return inspecting != NULL;
}

/* A look behind the start keeps what is replaced meanwhile from being used again: that must fill neither the disk nor
 * the catalogue, which does not grow beyond its greatest size. */
static bool has_room_to_grow(const struct catalogue *catalogue, const char *folder)
{
    struct statvfs disk;
    struct stat file;
    return statvfs(folder, &disk) == 0 && stat(catalogue->path, &file) == 0 &&
           (uint64_t)disk.f_bavail * disk.f_frsize >= ROOM_TO_GROW_BYTES &&
           catalogue->map_bytes >= (uint64_t)file.st_size + ROOM_TO_GROW_BYTES;
}

/* A new one has nothing to look at. */
static bool inspect_before(struct catalogue *catalogue, const char *folder, enum opening opening, struct error *error)
{
    switch (opening) {
    case CREATED:
        return true;
    case READONLY:
        return inspect_beside(catalogue, folder, error);
    case DISORDERED:
        return catalogue_inspect_pages(catalogue->path, &catalogue->inspection, error);
    case AS_LEFT:
        catalogue->is_as_left = stop_mark_take(folder) && has_room_to_grow(catalogue, folder);
        return catalogue->is_as_left ? inspect_metas(catalogue, error) : inspect(catalogue, error);
    default:
        return inspect(catalogue, error);
    }
}

static bool open_environment(const char *folder, uint64_t max_bytes, const uint8_t uuid[16], enum opening opening,
                             struct catalogue *ret_catalogue, struct error *error)
{
    bool is_readonly = is_for_reading(opening);
    struct catalogue *catalogue = ret_catalogue;
    *catalogue = (struct catalogue){.map_bytes = max_bytes};
    (void)snprintf(catalogue->path, sizeof catalogue->path, "%s/catalogue/data.mdb", folder);
    struct stat status;
    if (opening != CREATED && stat(catalogue->path, &status) != 0)
        return error_set(error, errno == ENOENT ? ERROR_NOT_FOUND : ERROR_IO, NULL,
                         "%s is missing. `bale check --repair` rebuilds it from the volumes.", catalogue->path);
    if (opening != CREATED && opening != REBUILT && !rebuild_mark_check(folder, error))
        return false;
    if (!inspect_before(catalogue, folder, opening, error))
        return false;
    int result = mdb_env_create(&catalogue->env);
    if (result != 0)
        return catalogue_failed(result, error, "create");
    char directory[STORE_PATH_BYTES_MAX + 16];
    (void)snprintf(directory, sizeof directory, "%s/catalogue", folder);
    if ((result = mdb_env_set_maxdbs(catalogue->env, CATALOGUE_TABLES_MAX)) != 0 ||
        (result = mdb_env_set_maxreaders(catalogue->env, READERS_MAX)) != 0 ||
        (result = mdb_env_set_mapsize(catalogue->env, max_bytes)) != 0 ||
        (result = mdb_env_open(catalogue->env, directory, MDB_NOTLS | MDB_NORDAHEAD | (is_readonly ? MDB_RDONLY : 0),
                               0644)) != 0) {
        catalogue_failed(result, error, catalogue->path);
        mdb_env_close(catalogue->env);
        return false;
    }
    if (!is_readonly)
        catalogue_check_readers(catalogue);
    catalogue->map = guard_catalogue(catalogue);
    if (check_size(catalogue, error) && start_tables(catalogue, uuid, opening, error))
        return true;
    catalogue_close(catalogue);
    return false;
}

bool catalogue_open(const char *folder, uint64_t max_bytes, const uint8_t uuid[16], bool create,
                    struct catalogue *ret_catalogue, struct error *error)
{
    return open_environment(folder, max_bytes, uuid, create ? CREATED : EXISTING, ret_catalogue, error);
}

bool catalogue_open_as_left(const char *folder, uint64_t max_bytes, const uint8_t uuid[16],
                            struct catalogue *ret_catalogue, struct error *error)
{
    return open_environment(folder, max_bytes, uuid, AS_LEFT, ret_catalogue, error);
}

bool catalogue_open_mended(const char *folder, uint64_t max_bytes, const uint8_t uuid[16],
                           struct catalogue *ret_catalogue, struct error *error)
{
    return open_environment(folder, max_bytes, uuid, MENDED, ret_catalogue, error);
}

bool catalogue_open_rebuilt(const char *folder, uint64_t max_bytes, const uint8_t uuid[16],
                            struct catalogue *ret_catalogue, struct error *error)
{
    return open_environment(folder, max_bytes, uuid, REBUILT, ret_catalogue, error);
}

bool catalogue_open_disordered(const char *folder, uint64_t max_bytes, const uint8_t uuid[16],
                               struct catalogue *ret_catalogue, struct error *error)
{
    return open_environment(folder, max_bytes, uuid, DISORDERED, ret_catalogue, error);
}

bool catalogue_open_readonly(const char *folder, uint64_t max_bytes, const uint8_t uuid[16],
                             struct catalogue *ret_catalogue, struct error *error)
{
    return open_environment(folder, max_bytes, uuid, READONLY, ret_catalogue, error);
}

void catalogue_check_readers(const struct catalogue *catalogue)
{
    int dead;
    (void)mdb_reader_check(catalogue->env, &dead);
}

void catalogue_close(struct catalogue *catalogue)
{
    guard_release(catalogue->map);
    mdb_env_close(catalogue->env);
    catalogue->env = NULL;
}
