/* store/embedded/repair/mend.c -- what a folder cannot be opened without: the tables of volumes and of their free
 * space, where they are damaged. */
#include "runtime/base/byteorder.h"
#include "store/embedded/change/bucket_batch.h"
#include "store/embedded/repair/check.h"
#include "store/embedded/volumes/space.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>

/* ---- which volumes there are ---- */

static bool has_row(MDB_txn *txn, const struct catalogue *catalogue, uint32_t number)
{
    uint8_t key[4] = {(uint8_t)(number >> 24), (uint8_t)(number >> 16), (uint8_t)(number >> 8), (uint8_t)number};
    struct span row;
    struct error ignored;
    return catalogue_get(txn, catalogue->volumes, span_of(key, sizeof key), &row, &ignored) == LOOKUP_FOUND;
}

bool mend_volume_rows(struct embedded_store *store, MDB_txn *txn, unsigned *ret_count, struct error *error)
{
    *ret_count = 0;
    DIR *entries = fdopendir(openat(store->folder.fd, "volumes", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (entries == NULL)
        return error_set_errno(error, errno, "the folder `volumes` cannot be read");
    bool done = true;
    for (struct dirent *entry; done && (entry = readdir(entries)) != NULL;) {
        char *end;
        unsigned long number = strtoul(entry->d_name, &end, 10);
        struct stat status;
        if (*end != '\0' || end == entry->d_name || number >= VOLUMES_MAX ||
            fstatat(dirfd(entries), entry->d_name, &status, 0) != 0 || status.st_size < EXTENT_BLOCK_BYTES ||
            has_row(txn, &store->catalogue, (uint32_t)number))
            continue;
        ++*ret_count;
        done = batch_put_volume(txn, &store->catalogue, (uint32_t)number,
                                (uint32_t)(status.st_size / EXTENT_BLOCK_BYTES), true, error);
    }
    closedir(entries);
    return done;
}

/* ---- what is damaged ---- */

static bool volume_is_sound(const MDB_val *key, const MDB_val *value)
{
    struct span row;
    return volume_row_is_sound(key, value, &row);
}

/* Each damaged row is removed by the cursor that has met it: its key need not be in order any more. */
static bool drop_damaged(MDB_txn *txn, MDB_dbi table, bool (*is_sound)(const MDB_val *key, const MDB_val *value),
                         unsigned *ret_count, struct error *error)
{
    MDB_cursor *cursor;
    MDB_val key;
    MDB_val value;
    *ret_count = 0;
    int result = 0;
    if (!catalogue_open_cursor(txn, table, &cursor, error))
        return false;
    while (result == 0 && (result = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) == 0) {
        if (is_sound(&key, &value))
            continue;
        ++*ret_count;
        result = mdb_cursor_del(cursor, 0);
    }
    mdb_cursor_close(cursor);
    return result == MDB_NOTFOUND || catalogue_failed(result, error, "look for damaged rows");
}

/* What was dropped of the table of free space is not free: bodies may lie there. */
static bool claim_space(struct embedded_store *store, MDB_txn *txn, struct error *error)
{
    MDB_cursor *cursor;
    MDB_val key;
    MDB_val value;
    struct span row;
    bool done = true;
    int result;
    if (!catalogue_open_cursor(txn, store->catalogue.volumes, &cursor, error))
        return false;
    while (done && (result = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) == 0) {
        if (volume_row_is_sound(&key, &value, &row))
            done =
                space_claim_missing(txn, &store->catalogue, load_u32_be(key.mv_data), load_u32_le(row.data + 4), error);
    }
    mdb_cursor_close(cursor);
    return done && (result == MDB_NOTFOUND || catalogue_failed(result, error, "walk the volumes"));
}

static bool mend(struct embedded_store *store, MDB_txn *txn, struct embedded_report *report, bool *ret_changed,
                 struct error *error)
{
    unsigned volumes;
    unsigned parts;
    unsigned rows;
    if (!drop_damaged(txn, store->catalogue.volumes, volume_is_sound, &volumes, error) ||
        !drop_damaged(txn, store->catalogue.space, space_row_is_sound, &parts, error) ||
        !mend_volume_rows(store, txn, &rows, error) || (parts > 0 && !claim_space(store, txn, error)))
        return false;
    unsigned missing = rows > volumes ? rows - volumes : 0;
    for (unsigned i = 0; i < volumes; i++)
        report_finding(report, "A row of the table of volumes is damaged.");
    for (unsigned i = 0; i < missing; i++)
        report_finding(report, "A volume has no row in the table of volumes.");
    for (unsigned i = 0; i < parts; i++)
        report_finding(report, "A row of the table of free space is damaged.");
    report->repaired += volumes + missing + parts;
    *ret_changed = volumes + missing + parts > 0;
    return true;
}

bool mend_volumes(struct embedded_store *store, struct embedded_report *report, struct error *error)
{
    MDB_txn *txn;
    bool is_changed = false;
    int result = mdb_txn_begin(store->catalogue.env, NULL, 0, &txn);
    if (result != 0)
        return catalogue_failed(result, error, "begin");
    bool done = mend(store, txn, report, &is_changed, error);
    if (!done || !is_changed) {
        mdb_txn_abort(txn);
        return done;
    }
    result = mdb_txn_commit(txn);
    return result == 0 || catalogue_failed(result, error, "commit");
}
