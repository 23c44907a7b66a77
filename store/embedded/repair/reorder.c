/* store/embedded/repair/reorder.c -- a catalogue in which nothing is wrong but that keys are out of order: all of its
 * rows are written into a new one, which takes its place by rename.
 *
 * That comes of a key that was damaged where LMDB had copied it into a branch page, or copied it there damaged. Pages
 * lead to each other as they should, so a walk meets every row; only searches go astray. A repair that is killed leaves
 * the old catalogue or the new one. */
#include "store/embedded/repair/check.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ROWS_PER_COMMIT = 5000 };

struct reordering {
    struct embedded_store *store;
    struct catalogue from;
    struct catalogue to; /* in the folder `new`, inside the store's */
    MDB_txn *reading;
    MDB_txn *writing;
    uint64_t rows;
    struct error *error;
};

/* ---- the folder of the new one ---- */

static void remove_new_folder(int folder)
{
    (void)unlinkat(folder, "new/catalogue/data.mdb", 0);
    (void)unlinkat(folder, "new/catalogue/lock.mdb", 0);
    (void)unlinkat(folder, "new/catalogue", AT_REMOVEDIR);
    (void)unlinkat(folder, "new", AT_REMOVEDIR);
}

static bool make_new_folder(int folder, struct error *error)
{
    remove_new_folder(folder);
    return (mkdirat(folder, "new", 0755) == 0 && mkdirat(folder, "new/catalogue", 0755) == 0) ||
           error_set_errno(error, errno, "a folder for a new catalogue cannot be made");
}

static bool sync_folder(int folder, const char *name)
{
    int fd = openat(folder, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool done = fd >= 0 && fsync(fd) == 0;
    if (fd >= 0)
        close(fd);
    return done;
}

/* The old one stays under another name. There is a catalogue at every moment. */
static bool put_in_place(int folder, struct error *error)
{
    char kept[64];
    repair_name_damaged(folder, kept);
    if (linkat(folder, "catalogue/data.mdb", folder, kept, 0) != 0 ||
        renameat(folder, "new/catalogue/data.mdb", folder, "catalogue/data.mdb") != 0)
        return error_set_errno(error, errno, "the new catalogue cannot take the place of the damaged one");
    (void)unlinkat(folder, "catalogue/lock.mdb", 0);
    remove_new_folder(folder);
    return sync_folder(folder, "catalogue") ||
           error_set_errno(error, errno, "the folder `catalogue` cannot be written");
}

/* ---- rows ---- */

static bool begin(struct reordering *reordering)
{
    int result = mdb_txn_begin(reordering->to.env, NULL, 0, &reordering->writing);
    return result == 0 || catalogue_failed(result, reordering->error, "begin");
}

static bool commit(struct reordering *reordering)
{
    int result = mdb_txn_commit(reordering->writing);
    reordering->writing = NULL;
    return result == 0 || catalogue_failed(result, reordering->error, "commit");
}

/* Damaged rows, too: the check that follows finds them. Of two with one key a sound one stays. */
static int put_row(struct reordering *reordering, MDB_dbi table, MDB_val *key, MDB_val *value)
{
    MDB_val there = *value;
    int result = mdb_put(reordering->writing, table, key, &there, MDB_NOOVERWRITE);
    if (result != MDB_KEYEXIST)
        return result;
    return catalogue_is_sound(key, &there) ? 0 : mdb_put(reordering->writing, table, key, value, 0);
}

static bool copy_table(struct reordering *reordering, MDB_dbi from, MDB_dbi to)
{
    MDB_cursor *cursor;
    MDB_val key;
    MDB_val value;
    bool done = true;
    int result = 0;
    if (!catalogue_open_cursor(reordering->reading, from, &cursor, reordering->error))
        return false;
    while (done && result == 0 && (result = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) == 0) {
        result = put_row(reordering, to, &key, &value);
        if (result == 0 && ++reordering->rows % ROWS_PER_COMMIT == 0)
            done = commit(reordering) && begin(reordering);
    }
    mdb_cursor_close(cursor);
    return done && (result == MDB_NOTFOUND || catalogue_failed(result, reordering->error, "copy a row"));
}

static bool copy_tables(struct reordering *reordering)
{
    MDB_dbi from[CATALOGUE_TABLES_MAX];
    MDB_dbi to[CATALOGUE_TABLES_MAX];
    unsigned count = catalogue_list_tables(&reordering->from, from);
    (void)catalogue_list_tables(&reordering->to, to);
    int result = mdb_txn_begin(reordering->from.env, NULL, MDB_RDONLY, &reordering->reading);
    if (result != 0)
        return catalogue_failed(result, reordering->error, "begin");
    bool done = begin(reordering);
    for (unsigned i = 0; done && i < count; i++)
        done = copy_table(reordering, from[i], to[i]);
    if (done)
        done = commit(reordering);
    else if (reordering->writing != NULL)
        mdb_txn_abort(reordering->writing);
    mdb_txn_abort(reordering->reading);
    return done;
}

/* ---- the whole ---- */

static bool fill_new(struct reordering *reordering)
{
    const struct embedded_store *store = reordering->store;
    char path[STORE_PATH_BYTES_MAX + 8];
    (void)snprintf(path, sizeof path, "%s/new", store->folder.path);
    if (!make_new_folder(store->folder.fd, reordering->error) ||
        !catalogue_open(path, store->options.catalogue_max_bytes, store->folder.uuid, true, &reordering->to,
                        reordering->error))
        return false;
    bool done = copy_tables(reordering);
    catalogue_close(&reordering->to);
    return done;
}

bool reorder_catalogue(struct embedded_store *store, struct embedded_report *report, struct error *error)
{
    struct reordering reordering = {.store = store, .error = error};
    if (!catalogue_open_disordered(store->folder.path, store->options.catalogue_max_bytes, store->folder.uuid,
                                   &reordering.from, error))
        return false;
    bool done = fill_new(&reordering);
    catalogue_close(&reordering.from);
    done = done && put_in_place(store->folder.fd, error);
    report->repaired += done;
    return done;
}
