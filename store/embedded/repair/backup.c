/* store/embedded/repair/backup.c -- a copy of the catalogue, taken while the store is in use, and put back when it is
 * lost.
 */
#include "store/embedded/repair/check.h"
#include "store/embedded/state.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATH_BYTES_MAX = 1024 };
#define COPY_PIECE_BYTES (UINT64_C(64) << 20)

/* ---- taking ---- */

/* Cuts `file`. */
static bool sync_folder_of(char *file)
{
    int fd = open(dirname(file), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool done = fd >= 0 && fsync(fd) == 0;
    if (fd >= 0)
        close(fd);
    return done;
}

static bool write_copy(const struct catalogue *catalogue, int fd, const char *file, struct error *error)
{
    int result = mdb_env_copyfd2(catalogue->env, fd, MDB_CP_COMPACT);
    if (result != 0)
        return catalogue_failed(result, error, file);
    return fsync(fd) == 0 || error_set_errno(error, errno, "%s", file);
}

/* Under another name first: a copy that was taken before stays until the new one is whole. */
static bool copy_to(const struct catalogue *catalogue, const char *file, uint64_t *ret_bytes, struct error *error)
{
    char unfinished[PATH_BYTES_MAX];
    struct stat status;
    if (snprintf(unfinished, sizeof unfinished, "%s.new", file) >= PATH_BYTES_MAX)
        return error_set(error, ERROR_INVALID, NULL, "the name of the copy is too long");
    int fd = open(unfinished, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        return error_set_errno(error, errno, "%s cannot be made", unfinished);
    bool done = write_copy(catalogue, fd, unfinished, error) &&
                (fstat(fd, &status) == 0 || error_set_errno(error, errno, "%s", unfinished));
    close(fd);
    if (done && (rename(unfinished, file) != 0 || !sync_folder_of(unfinished)))
        done = error_set_errno(error, errno, "%s", file);
    if (!done)
        (void)unlink(unfinished);
    else
        *ret_bytes = (uint64_t)status.st_size;
    return done;
}

bool embedded_backup(const char *path, const char *file, uint64_t *ret_bytes, struct error *error)
{
    struct folder folder;
    struct catalogue catalogue;
    if (!folder_open_readonly(path, &folder, error))
        return false;
    bool done = catalogue_open_readonly(path, CATALOGUE_BYTES_DEFAULT, folder.uuid, &catalogue, error);
    if (done) {
        done = copy_to(&catalogue, file, ret_bytes, error);
        catalogue_close(&catalogue);
    }
    folder_close(&folder);
    return done;
}

/* ---- putting back ---- */

static bool has_uuid(MDB_env *env, const uint8_t uuid[STORE_UUID_BYTES], struct error *error)
{
    MDB_txn *txn;
    MDB_dbi meta;
    struct span found;
    int result = mdb_txn_begin(env, NULL, MDB_RDONLY, &txn);
    if (result != 0)
        return catalogue_failed(result, error, "begin");
    result = mdb_dbi_open(txn, "meta", 0, &meta);
    bool done = result == 0 && catalogue_get(txn, meta, SPAN("uuid"), &found, error) == LOOKUP_FOUND &&
                span_equal(found, span_of(uuid, STORE_UUID_BYTES));
    mdb_txn_abort(txn);
    return done || error_set(error, ERROR_INVALID, NULL, "it is no copy of this folder's catalogue");
}

bool backup_is_ours(const struct folder *folder, const char *file, struct error *error)
{
    MDB_env *env;
    int result = mdb_env_create(&env);
    if (result != 0)
        return catalogue_failed(result, error, "create");
    if ((result = mdb_env_set_maxdbs(env, 1)) != 0 ||
        (result = mdb_env_set_mapsize(env, CATALOGUE_BYTES_DEFAULT)) != 0 ||
        (result = mdb_env_open(env, file, MDB_NOSUBDIR | MDB_RDONLY | MDB_NOLOCK, 0)) != 0)
        catalogue_failed(result, error, "open");
    bool done = result == 0 && has_uuid(env, folder->uuid, error);
    mdb_env_close(env);
    return done || error_prepend(error, "%s", file);
}

static bool copy_bytes(int from, int to, struct error *error)
{
    ssize_t sent;
    while ((sent = sendfile(to, from, NULL, COPY_PIECE_BYTES)) > 0)
        ;
    return (sent == 0 && fsync(to) == 0) || error_set_errno(error, errno, "the copy cannot be put into the folder");
}

bool backup_put_back(const struct folder *folder, const char *file, struct error *error)
{
    int from = open(file, O_RDONLY | O_CLOEXEC);
    if (from < 0)
        return error_set_errno(error, errno, "%s cannot be read", file);
    int to = openat(folder->fd, "catalogue/data.mdb", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    bool done = to >= 0 ? copy_bytes(from, to, error) : error_set_errno(error, errno, "the catalogue cannot be made");
    if (to >= 0)
        close(to);
    close(from);
    return done;
}
