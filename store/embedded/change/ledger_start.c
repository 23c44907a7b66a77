/* store/embedded/change/ledger_start.c -- the ledger when its store is opened: damaged rows of spools, spools of
 * processes that have ended, and the first count. */
#include "runtime/base/byteorder.h"
#include "runtime/log/log.h"
#include "store/embedded/change/ledger_batch.h"
#include "store/embedded/ledger/ledger_count.h"
#include "store/embedded/ledger/spool_rows.h"
#include "store/embedded/state.h"

/* ---- damaged rows ---- */

/* Counts a table's damaged rows, and removes them. */
static bool look_for_damage(MDB_txn *txn, MDB_dbi table, bool remove, uint64_t *count, struct error *error)
{
    MDB_cursor *cursor;
    MDB_val key;
    MDB_val value;
    int result;
    if (!catalogue_open_cursor(txn, table, &cursor, error))
        return false;
    while ((result = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) == 0) {
        if (catalogue_is_sound(&key, &value))
            continue;
        ++*count;
        if (remove && (result = mdb_cursor_del(cursor, 0)) != 0)
            break;
    }
    mdb_cursor_close(cursor);
    return result == MDB_NOTFOUND || catalogue_failed(result, error, "look for damaged rows");
}

static bool look_at_spools(MDB_txn *txn, const struct catalogue *catalogue, bool remove, uint64_t *ret_spools,
                           uint64_t *ret_records, struct error *error)
{
    *ret_spools = *ret_records = 0;
    return look_for_damage(txn, catalogue->spools, remove, ret_spools, error) &&
           look_for_damage(txn, catalogue->spool_records, remove, ret_records, error);
}

struct found_spool {
    uint8_t id[SPOOL_ID_BYTES];
    uint64_t last;
};

/* Every spool that has records, and its last one. */
static bool find_spools(MDB_txn *txn, const struct catalogue *catalogue, struct buffer *ret_spools, struct error *error)
{
    MDB_cursor *cursor;
    MDB_val key;
    MDB_val value;
    int result;
    if (!catalogue_open_cursor(txn, catalogue->spool_records, &cursor, error))
        return false;
    while ((result = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) == 0) {
        struct found_spool found;
        if (key.mv_size != SPOOL_RECORD_KEY_BYTES)
            continue;
        memcpy(found.id, key.mv_data, sizeof found.id);
        found.last = load_u64_be((const uint8_t *)key.mv_data + SPOOL_ID_BYTES);
        size_t size = ret_spools->size;
        if (size > 0 && memcmp(ret_spools->data + size - sizeof found, found.id, sizeof found.id) == 0)
            ret_spools->size -= sizeof found;
        buffer_append(ret_spools, span_of(&found, sizeof found));
    }
    mdb_cursor_close(cursor);
    return result == MDB_NOTFOUND || catalogue_failed(result, error, "look for spools");
}

/* A spool whose own row was damaged is made anew from its records: nobody appends to them any more. */
static bool make_spools_anew(MDB_txn *txn, const struct catalogue *catalogue, int64_t now_ms, struct error *error)
{
    struct buffer spools;
    buffer_init(&spools, 0);
    bool done = find_spools(txn, catalogue, &spools, error);
    for (size_t at = 0; done && at < spools.size; at += sizeof(struct found_spool)) {
        struct found_spool found;
        struct spool_row row;
        memcpy(&found, spools.data + at, sizeof found);
        enum lookup there = spool_find(txn, catalogue, found.id, &row, error);
        row = (struct spool_row){now_ms, found.last};
        done = there == LOOKUP_FOUND || (there == LOOKUP_MISSING && spool_put(txn, catalogue, found.id, &row, error));
    }
    buffer_free(&spools);
    return done;
}

/* The numbers of the ledger itself; whatever else is in that table was read before (batch_read_numbers). */
static bool mend_numbers(struct batch *batch, struct error *error)
{
    const struct catalogue *catalogue = &batch->store->catalogue;
    uint64_t numbers = 0;
    if (!look_for_damage(batch->txn, catalogue->meta, true, &numbers, error))
        return false;
    if (numbers == 0)
        return true;
    log_message(LOG_ERROR,
                "%llu of the ledger's own numbers were damaged, it may be wrong: `bale savings --recount` sets "
                "it right. Objects are not affected.",
                (unsigned long long)numbers);
    return catalogue_put_counter(batch->txn, catalogue, "ledger", 1, error) &&
           catalogue_put_counter(batch->txn, catalogue, "ledger_doubt", 1, error);
}

/* What damage took from the ledger is not known; that it took something is. */
static bool mend(struct batch *batch, struct error *error)
{
    const struct catalogue *catalogue = &batch->store->catalogue;
    uint64_t spools;
    uint64_t records;
    if (!mend_numbers(batch, error) || !look_at_spools(batch->txn, catalogue, true, &spools, &records, error))
        return false;
    if (spools == 0 && records == 0)
        return true;
    if (records > 0)
        log_message(LOG_ERROR,
                    "%llu rows of the ledger's spools were damaged, what they say is lost: `bale savings "
                    "--recount` sets the ledger right. Objects are not affected.",
                    (unsigned long long)records);
    if (spools > 0)
        log_message(LOG_WARNING, "%llu of the ledger's spools were damaged, and are made anew from their records.",
                    (unsigned long long)spools);
    return (records == 0 || catalogue_put_counter(batch->txn, catalogue, "ledger_doubt", 1, error)) &&
           make_spools_anew(batch->txn, catalogue, clock_wall_ms(batch->store->options.clock), error);
}

/* ---- before the first change ---- */

/* Freezes what ended processes left open, or says with *ret_found that there is something. */
static bool visit_found(MDB_txn *txn, const struct catalogue *catalogue, bool freeze, bool *ret_found,
                        struct error *error)
{
    MDB_cursor *cursor;
    MDB_val key;
    MDB_val value;
    int result;
    if (!catalogue_open_cursor(txn, catalogue->spools, &cursor, error))
        return false;
    bool done = true;
    while (done && (result = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) == 0) {
        uint8_t id[SPOOL_ID_BYTES];
        struct spool_row row;
        uint64_t open = 0;
        memcpy(id, key.mv_data, key.mv_size < sizeof id ? key.mv_size : sizeof id);
        if (key.mv_size != sizeof id || spool_find(txn, catalogue, id, &row, error) != LOOKUP_FOUND)
            continue; /* damaged: it is looked for, and made anew */
        done = spool_first_record(txn, catalogue, id, row.last_frozen + 1, &open, error);
        *ret_found = *ret_found || open != 0;
        row.last_frozen = open;
        if (done && open != 0 && freeze)
            done = spool_put(txn, catalogue, id, &row, error);
    }
    mdb_cursor_close(cursor);
    return done && (result == MDB_NOTFOUND || catalogue_failed(result, error, "walk the spools"));
}

static bool is_counted(MDB_txn *txn, const struct catalogue *catalogue, bool *ret_counted, struct error *error)
{
    uint64_t counted;
    bool done = catalogue_get_counter(txn, catalogue, "ledger", 0, &counted, error);
    *ret_counted = done && counted != 0;
    return done;
}

static bool needs_start(const struct embedded_store *store, bool *ret_needed, struct error *error)
{
    MDB_txn *txn;
    bool has_open = false;
    bool counted = false;
    uint64_t spools = 0;
    uint64_t records = 0;
    uint64_t numbers = 0;
    int result = mdb_txn_begin(store->catalogue.env, NULL, MDB_RDONLY, &txn);
    if (result != 0)
        return catalogue_failed(result, error, "begin");
    bool done = look_for_damage(txn, store->catalogue.meta, false, &numbers, error) &&
                look_at_spools(txn, &store->catalogue, false, &spools, &records, error) &&
                visit_found(txn, &store->catalogue, false, &has_open, error) &&
                (numbers > 0 || is_counted(txn, &store->catalogue, &counted, error));
    mdb_txn_abort(txn);
    *ret_needed = has_open || !counted || numbers + spools + records > 0;
    return done;
}

static bool start(struct batch *batch, struct error *error)
{
    const struct catalogue *catalogue = &batch->store->catalogue;
    bool ignored = false;
    bool counted;
    if (!mend(batch, error) || !visit_found(batch->txn, catalogue, true, &ignored, error) ||
        !is_counted(batch->txn, catalogue, &counted, error))
        return false;
    if (counted)
        return true;
    MDB_stat objects;
    if (mdb_stat(batch->txn, catalogue->objects, &objects) == 0 && objects.ms_entries > 0)
        log_message(LOG_INFO, "counting the objects of %s for the ledger, this once", batch->store->folder.path);
    struct buffer amounts;
    buffer_init(&amounts, 0);
    bool done = ledger_count(batch->txn, catalogue, &amounts, error) &&
                ledger_add_all(batch, buffer_span(&amounts), error) && ledger_write(batch, error) &&
                catalogue_put_counter(batch->txn, catalogue, "ledger", 1, error);
    buffer_free(&amounts);
    return done;
}

bool ledger_start(struct embedded_store *store, struct batch_numbers *numbers, struct buffer *scratch,
                  struct error *error)
{
    bool is_needed = false;
    struct batch batch;
    if (store->folder.is_raw)
        return true;
    if (!needs_start(store, &is_needed, error))
        return false;
    if (!is_needed)
        return true;
    if (!batch_begin(&batch, store, numbers, scratch, error))
        return false;
    if (start(&batch, error))
        return batch_commit(&batch, error);
    batch_abort(&batch);
    return false;
}
