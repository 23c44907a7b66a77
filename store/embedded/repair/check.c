/* store/embedded/repair/check.c -- `bale check`: every row, every body, every block, against each other.
 *
 * One pass reads the whole catalogue and every body and gathers what should be: which numbers of the side tables and
 * which blocks are in use. What does not fit is a finding. Repair removes what is damaged, writes the table of free
 * space anew, and passes again, because what a damaged row led to is found only then. */
#include "store/embedded/repair/check.h"

#include "codec/format/crc.h"
#include "runtime/base/assert.h"
#include "runtime/base/byteorder.h"
#include "store/embedded/catalogue/key_path.h"
#include "store/embedded/catalogue/rebuild_mark.h"
#include "store/embedded/catalogue/upload_rows.h"
#include "store/embedded/ledger/spool_rows.h"
#include "store/embedded/repair/checker.h"
#include "store/embedded/volumes/bitmap.h"
#include "store/embedded/volumes/space.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { PASSES_MAX = 8 }; /* damage, what it leaves of a key's versions, the groups of a long key one by one */

/* ---- one object ---- */

static enum lookup find_numbered(struct checker *checker, MDB_dbi table, uint64_t number, struct span *ret_value)
{
    uint8_t key[CATALOGUE_NUMBER_BYTES];
    struct error ignored;
    catalogue_number_key(number, key);
    return catalogue_get(checker->txn, table, span_of(key, sizeof key), ret_value, &ignored);
}

static const char *check_pieces(struct checker *checker, const struct row *row)
{
    const struct catalogue *catalogue = &checker->store->catalogue;
    struct span value;
    struct pieces pieces;
    struct error ignored;
    unsigned first;
    unsigned count;
    checker_add(&checker->pieces, row->body_number);
    if (find_numbered(checker, catalogue->part_maps, row->body_number, &value) != LOOKUP_FOUND ||
        !part_map_seek(value, 0, &first, &count, &ignored))
        return "its part map is missing or damaged";
    if (find_numbered(checker, catalogue->pieces, row->body_number, &value) != LOOKUP_FOUND ||
        !pieces_decode(value, &pieces, &ignored))
        return "its list of pieces is missing or damaged";
    if ((pieces.count == 0) != (row->attributes.stored_size == 0) ||
        (pieces.count > 0 && piece_at(&pieces, 0).start > 0))
        return "its pieces are not its body";
    const char *damage = NULL; /* the pieces behind it have their blocks all the same */
    for (uint32_t i = 0; i < pieces.count; i++) {
        struct span extents;
        uint64_t bytes;
        uint32_t crc;
        if (!piece_extents(&pieces, i, row->attributes.stored_size, &extents, &bytes) ||
            !checker_claim(checker, extents))
            damage = "blocks of its pieces do not exist or belong to another object";
        else if (!check_read_body(checker->store, extents, bytes, &crc))
            damage = "a piece of its body cannot be read";
        else if (crc != piece_at(&pieces, i).crc32c)
            damage = "a piece of its body does not match its checksum";
    }
    return damage;
}

/* NULL: it is sound. */
static const char *check_body(struct checker *checker, const struct row *row)
{
    const struct catalogue *catalogue = &checker->store->catalogue;
    struct span value;
    struct span extents = row->extents;
    uint32_t crc = 0;
    switch (row->place) {
    case BODY_NONE:
        return row->attributes.stored_size == 0 ? NULL : "its row has a size but no body";
    case BODY_INLINE:
        checker_add(&checker->bodies, row->body_number);
        if (find_numbered(checker, catalogue->bodies, row->body_number, &value) != LOOKUP_FOUND)
            return "its body is missing from the catalogue or damaged";
        crc = crc32c_update(0, value);
        if (value.size != row->attributes.stored_size || crc != row->stored_crc32c)
            return "its body is not what its row says";
        return NULL;
    case BODY_LISTED:
        checker_add(&checker->extents, row->body_number);
        if (find_numbered(checker, catalogue->extents, row->body_number, &extents) != LOOKUP_FOUND)
            return "its list of extents is missing or damaged";
        break;
    case BODY_PIECES:
        return check_pieces(checker, row);
    case BODY_EXTENTS:
        break;
    }
    if (!checker_claim(checker, extents))
        return "its blocks do not exist or belong to another object";
    if (!check_read_body(checker->store, extents, row->attributes.stored_size, &crc))
        return "its body cannot be read";
    return crc == row->stored_crc32c ? NULL : "its body does not match its checksum";
}

static const char *check_sidecar(struct checker *checker, const struct row *row)
{
    struct span value;
    if (row->attributes.sidecar_size == 0)
        return NULL;
    checker_add(&checker->sidecars, row->sidecar_number);
    if (find_numbered(checker, checker->store->catalogue.sidecars, row->sidecar_number, &value) != LOOKUP_FOUND ||
        value.size != row->attributes.sidecar_size)
        return "its sidecar is missing or damaged";
    return NULL;
}

const char *checker_look_at_object(struct checker *checker, const struct row *row)
{
    checker->last_order = row->order > checker->last_order ? row->order : checker->last_order;
    const char *damage = check_body(checker, row);
    return damage != NULL ? damage : check_sidecar(checker, row);
}

static void check_row(struct checker *checker, struct span key, struct span value)
{
    char shown[SHOWN_BYTES_MAX + 1];
    struct row_shape shape;
    struct span object;
    struct row row;
    struct error error;
    const char *damage = NULL;
    if (key.size < KEY_GROUP_BYTES || !row_open(key, value, &shape, &object, &error)) {
        report_finding(checker->report, "The row of %s is damaged.", checker_show_key(key, shown));
        checker_doom(checker, checker->store->catalogue.objects, key);
        return;
    }
    if (shape.has_group)
        checker_add(&checker->groups_named, shape.group);
    if (!shape.has_object)
        return;
    bool is_system = checker_has(&checker->system_groups, checker_group_of(key));
    checker->report->objects += !is_system;
    if (!row_decode_object(object, &row, &error))
        damage = "its row cannot be read";
    if (damage == NULL)
        damage = checker_look_at_object(checker, &row);
    if (damage == NULL) {
        checker->report->bodies_bytes += is_system ? 0 : row.attributes.stored_size;
        return;
    }
    report_finding(checker->report, "Object %s is damaged: %s.", checker_show_key(key, shown), damage);
    checker_doom_row(checker, checker->store->catalogue.objects, key, shape.has_group);
}

/* ---- one pass ---- */

static void check_bucket(struct checker *checker, struct span key, struct span value)
{
    struct bucket_row row;
    struct span bytes;
    struct error error;
    MDB_val lmdb_key = {key.size, (void *)(uintptr_t)key.data};
    MDB_val lmdb_value = {value.size, (void *)(uintptr_t)value.data};
    bool is_system = key.size > 0 && key.data[0] == '.';
    checker->report->buckets += !is_system;
    if (catalogue_check(&lmdb_key, &lmdb_value, &bytes, &error) && catalogue_decode_bucket(key, bytes, &row)) {
        checker_add(&checker->groups_named, row.number);
        if (is_system)
            checker_add(&checker->system_groups, row.number);
        return;
    }
    checker->has_lost_bucket = true; /* which objects are in it nobody knows: none goes for that */
    report_finding(
        checker->report,
        "The row of bucket %.*s is damaged. Its objects are kept; `bale check --repair --copy` brings it back "
        "from a backup.",
        SPAN_FORMAT(span_take(key, 63)));
}

static void note_group(struct checker *checker, struct span key, struct span value)
{
    (void)value;
    char shown[SHOWN_BYTES_MAX + 1];
    if (checker_may_be_named(checker, key))
        return;
    report_finding(checker->report, "The row of %s belongs to no bucket.", checker_show_key(key, shown));
    checker_doom(checker, checker->store->catalogue.objects, key);
}

static bool check_numbers(struct checker *checker, MDB_dbi table, struct numbers *numbers, const char *what)
{
    MDB_stat statistics;
    checker_sort(numbers);
    int result = mdb_stat(checker->txn, table, &statistics);
    if (result != 0)
        return catalogue_failed(result, checker->error, "count");
    uint64_t used = numbers->values.size / 8;
    if (statistics.ms_entries > used)
        report_finding(checker->report, "%llu %s belong to no object.",
                       (unsigned long long)(statistics.ms_entries - used), what);
    return true;
}

static bool check_space(struct checker *checker)
{
    for (uint32_t number = 0; number < VOLUMES_MAX; number++) {
        struct volume *volume = volume_find(checker->store, number);
        if (volume == NULL)
            continue;
        size_t words = BITMAP_WORDS(volume->blocks);
        uint64_t *stated = calloc(words, sizeof *stated);
        uint64_t **taken = &checker->taken[number];
        if (*taken == NULL)
            *taken = calloc(words, sizeof **taken);
        ASSERT(stated != NULL && *taken != NULL);
        struct error error;
        bool is_whole;
        if (!space_load(checker->txn, &checker->store->catalogue, number, volume->blocks, stated, &is_whole, &error) ||
            !is_whole)
            report_finding(checker->report, "Volume %u: the table of free space is damaged.", number);
        else if (memcmp(stated, *taken, words * 8) != 0)
            report_finding(checker->report,
                           "Volume %u: the table of free space says %u blocks are taken, bodies take %u.", number,
                           volume->blocks - bitmap_count_clear(stated, volume->blocks),
                           volume->blocks - bitmap_count_clear(*taken, volume->blocks));
        free(stated);
    }
    return true;
}

static void check_own_number(struct checker *checker, struct span key, struct span value)
{
    const MDB_val lmdb_key = {key.size, (void *)(uintptr_t)key.data};
    const MDB_val lmdb_value = {value.size, (void *)(uintptr_t)value.data};
    if (catalogue_is_sound(&lmdb_key, &lmdb_value))
        return;
    report_finding(checker->report, "One of the catalogue's own numbers is damaged.");
    checker_doom(checker, checker->store->catalogue.meta, key);
    checker->has_lost_numbers = true;
}

static bool check_all(struct checker *checker)
{
    const struct catalogue *catalogue = &checker->store->catalogue;
    if (!checker_walk(checker, catalogue->buckets, check_bucket))
        return false;
    checker_sort(&checker->system_groups);
    if (!checker_walk(checker, catalogue->objects, check_row) || !check_upload_keys(checker) ||
        !check_versioned_keys(checker))
        return false;
    checker_sort(&checker->groups_named);
    return checker_walk(checker, catalogue->objects, note_group) && check_versions(checker) && check_groups(checker) &&
           check_settled_versions(checker) && check_uploads(checker) &&
           check_numbers(checker, catalogue->bodies, &checker->bodies, "small bodies") &&
           check_numbers(checker, catalogue->sidecars, &checker->sidecars, "sidecars") &&
           check_numbers(checker, catalogue->extents, &checker->extents, "lists of extents") &&
           check_numbers(checker, catalogue->pieces, &checker->pieces, "lists of pieces") &&
           check_numbers(checker, catalogue->part_maps, &checker->pieces, "part maps") && check_ledger(checker) &&
           check_space(checker) && checker_walk(checker, catalogue->meta, check_own_number);
}

/* ---- repair ---- */

/* Also where it stands out of order, so that no search finds it. */
static bool drop_row(struct checker *checker, MDB_txn *txn, MDB_dbi table, struct span key)
{
    MDB_cursor *cursor;
    MDB_val there = {key.size, (void *)(uintptr_t)key.data};
    MDB_val value;
    int result = mdb_del(txn, table, &there, NULL);
    if (result != MDB_NOTFOUND)
        return result == 0 || catalogue_failed(result, checker->error, "delete");
    if (!catalogue_open_cursor(txn, table, &cursor, checker->error))
        return false;
    while ((result = mdb_cursor_get(cursor, &there, &value, MDB_NEXT)) == 0) {
        if (!span_equal(span_of(there.mv_data, there.mv_size), key))
            continue;
        result = mdb_cursor_del(cursor, 0);
        break;
    }
    mdb_cursor_close(cursor);
    return result == 0 || result == MDB_NOTFOUND || catalogue_failed(result, checker->error, "delete");
}

/* The object goes, and the row still leads on to longer keys, which are sound; or the other way round. */
static bool drop_half(struct checker *checker, MDB_txn *txn, MDB_dbi table, struct span key, enum doomed_kept kept)
{
    MDB_val lmdb_key = {key.size, (void *)(uintptr_t)key.data};
    MDB_val value;
    struct row_shape shape;
    struct span object;
    int result = mdb_get(txn, table, &lmdb_key, &value);
    if (result == MDB_NOTFOUND) /* had two findings */
        return true;
    if (result != 0)
        return catalogue_failed(result, checker->error, "get a row");
    if (!row_open(key, span_of(value.mv_data, value.mv_size), &shape, &object, checker->error))
        return false;
    if (!(kept == KEPT_GROUP ? shape.has_group : shape.has_object))
        return drop_row(checker, txn, table, key);
    struct buffer row;
    buffer_init(&row, 0);
    row_seal(key, kept == KEPT_GROUP ? SPAN_EMPTY : object, kept == KEPT_GROUP ? shape.group : 0, &row);
    value = (MDB_val){row.size, row.data};
    result = mdb_put(txn, table, &lmdb_key, &value, 0);
    buffer_free(&row);
    return result == 0 || catalogue_failed(result, checker->error, "put a row");
}

static bool drop_rows(struct checker *checker, MDB_txn *txn)
{
    struct span rest = buffer_span(&checker->doomed);
    while (rest.size > 0) {
        struct span key = span_of(rest.data + DOOMED_HEAD_BYTES, load_u16_le(rest.data + 4));
        MDB_dbi table = load_u32_le(rest.data);
        enum doomed_kept kept = rest.data[6];
        rest = span_skip(rest, DOOMED_HEAD_BYTES + key.size);
        if (!(kept == KEPT_NOTHING ? drop_row(checker, txn, table, key) : drop_half(checker, txn, table, key, kept)))
            return false;
        checker->report->repaired++;
    }
    return true;
}

static bool drop_numbers(struct checker *checker, MDB_txn *txn, MDB_dbi table, const struct numbers *numbers)
{
    MDB_cursor *cursor;
    MDB_val key;
    MDB_val value;
    int result = 0;
    if (!catalogue_open_cursor(txn, table, &cursor, checker->error))
        return false;
    while (result == 0 && (result = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) == 0) {
        if (key.mv_size != CATALOGUE_NUMBER_BYTES || !checker_has(numbers, load_u64_be(key.mv_data)))
            result = mdb_cursor_del(cursor, 0);
    }
    mdb_cursor_close(cursor);
    return result == MDB_NOTFOUND || catalogue_failed(result, checker->error, "delete");
}

static bool write_space(struct checker *checker, MDB_txn *txn)
{
    for (uint32_t number = 0; number < VOLUMES_MAX; number++) {
        struct volume *volume = volume_find(checker->store, number);
        if (volume != NULL && !space_store(txn, &checker->store->catalogue, number, volume->blocks,
                                           checker->taken[number], checker->error))
            return false;
    }
    return true;
}

/* What was dropped, the ledger still counts, and as a former version what is the current one now. What it was worth may
 * not be known any more, so this is left to a recount. */
static bool note_doubt(struct checker *checker, MDB_txn *txn)
{
    return (checker->doomed.size == 0 && checker->unsettled.size == 0) ||
           catalogue_put_counter(txn, &checker->store->catalogue, "ledger_doubt", 1, checker->error);
}

/* In place of what was dropped: whose catalogue it is; a group beyond all that are or were in use; an order that no
 * version has passed; that the ledger counts, though nobody knows whether it is right. */
static bool write_own_numbers(struct checker *checker, MDB_txn *txn)
{
    const struct embedded_store *store = checker->store;
    const struct catalogue *catalogue = &store->catalogue;
    uint64_t next_group;
    uint64_t last_order;
    if (!checker->has_lost_numbers)
        return true;
    if (!catalogue_get_counter(txn, catalogue, "next_group", 0, &next_group, checker->error))
        return false;
    const struct numbers *groups[] = {&checker->groups_named, &checker->upload_groups, &checker->version_groups};
    for (unsigned i = 0; i < sizeof groups / sizeof groups[0]; i++) {
        uint64_t beyond = checker_most(groups[i]) + CATALOGUE_NUMBERS_LEFT_OUT;
        next_group = next_group < beyond ? beyond : next_group;
    }
    if (!catalogue_get_counter(txn, catalogue, "last_order", 0, &last_order, checker->error))
        return false;
    last_order = last_order < checker->last_order ? checker->last_order : last_order;
    return catalogue_put(txn, catalogue->meta, SPAN("uuid"), span_of(store->folder.uuid, sizeof store->folder.uuid), 0,
                         checker->error) &&
           catalogue_put_counter(txn, catalogue, "next_group", next_group, checker->error) &&
           catalogue_put_counter(txn, catalogue, "last_order", last_order, checker->error) &&
           (store->folder.is_raw || catalogue_put_counter(txn, catalogue, "ledger", 1, checker->error));
}

static bool repair_all(struct checker *checker)
{
    const struct catalogue *catalogue = &checker->store->catalogue;
    MDB_txn *txn;
    int result = mdb_txn_begin(catalogue->env, NULL, 0, &txn);
    if (result != 0)
        return catalogue_failed(result, checker->error, "begin");
    if (!drop_rows(checker, txn) || !settle_versions(checker, txn) ||
        !drop_numbers(checker, txn, catalogue->bodies, &checker->bodies) ||
        !drop_numbers(checker, txn, catalogue->sidecars, &checker->sidecars) ||
        !drop_numbers(checker, txn, catalogue->extents, &checker->extents) ||
        !drop_numbers(checker, txn, catalogue->pieces, &checker->pieces) ||
        !drop_numbers(checker, txn, catalogue->part_maps, &checker->pieces) || !write_space(checker, txn) ||
        !note_doubt(checker, txn) || !write_own_numbers(checker, txn)) {
        mdb_txn_abort(txn);
        return false;
    }
    result = mdb_txn_commit(txn);
    return result == 0 || catalogue_failed(result, checker->error, "commit");
}

static void end_checker(struct checker *checker)
{
    for (uint32_t number = 0; number < VOLUMES_MAX; number++)
        free(checker->taken[number]);
    free(checker->taken);
    struct numbers *all[] = {
        &checker->groups_named,  &checker->bodies,         &checker->sidecars,           &checker->extents,
        &checker->pieces,        &checker->upload_groups,  &checker->groups_used,        &checker->uploads,
        &checker->system_groups, &checker->version_groups, &checker->version_groups_used};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        buffer_free(&all[i]->values);
    buffer_free(&checker->doomed);
    buffer_free(&checker->unsettled);
    buffer_free(&checker->key_groups.values);
}

/* *ret_findings: how many of this pass. */
static bool pass(struct embedded_store *store, bool repair, struct embedded_report *report, uint64_t *ret_findings,
                 struct error *error)
{
    struct checker checker = {.store = store, .report = report, .error = error};
    uint64_t before = report->damaged;
    report->buckets = report->objects = report->versions = report->bodies_bytes = 0;
    checker.taken = calloc(VOLUMES_MAX, sizeof *checker.taken);
    ASSERT(checker.taken != NULL);
    int result = mdb_txn_begin(store->catalogue.env, NULL, MDB_RDONLY, &checker.txn);
    bool done = result == 0 || catalogue_failed(result, error, "begin");
    if (done) {
        done = check_all(&checker);
        mdb_txn_abort(checker.txn);
    }
    *ret_findings = report->damaged - before;
    if (done && repair && *ret_findings > 0)
        done = repair_all(&checker);
    end_checker(&checker);
    return done;
}

static bool check_opened(struct embedded_store *store, bool repair, struct embedded_report *report, struct error *error)
{
    uint64_t findings = UINT64_MAX;
    for (unsigned i = 0; i < (repair ? PASSES_MAX : 1) && findings > 0; i++) {
        if (!pass(store, repair, report, &findings, error))
            return false;
    }
    if (repair && !rebuild_mark_clear(store->folder.fd, error))
        return false;
    return findings == 0 || error_set(error, ERROR_DAMAGED, NULL, "%s is damaged: %llu findings%s", store->folder.path,
                                      (unsigned long long)findings,
                                      repair ? " are left" : ". `bale check --repair` removes what is damaged");
}

static bool open_as_it_is(struct embedded_store *store, struct embedded_report *report, struct error *error)
{
    (void)report;
    return catalogue_open(store->folder.path, store->options.catalogue_max_bytes, store->folder.uuid, false,
                          &store->catalogue, error);
}

static bool correct(struct embedded_store *store, struct embedded_report *report, struct error *error)
{
    unsigned count;
    if (!catalogue_correct(&store->catalogue, true, &count, error))
        return false;
    for (unsigned i = 0; i < count; i++)
        report_finding(report, "A row of the catalogue had one wrong bit, which was put right.");
    report->repaired += count;
    return true;
}

/* Without what opening stands on, nothing can be looked at: so that is mended first. */
static bool open_mended(struct embedded_store *store, struct embedded_report *report, struct error *error)
{
    if (!catalogue_open_mended(store->folder.path, store->options.catalogue_max_bytes, store->folder.uuid,
                               &store->catalogue, error))
        return false;
    if (correct(store, report, error) && mend_volumes(store, report, error))
        return true;
    catalogue_close(&store->catalogue);
    return false;
}

/* A catalogue that cannot be opened for want of memory or of rights is not. */
static bool is_lost(const struct error *error)
{
    return error->kind == ERROR_DAMAGED || error->kind == ERROR_NOT_FOUND;
}

/* With the volumes. */
static bool open_or_rebuild(struct embedded_store *store, bool repair, const char *copy, struct embedded_report *report,
                            struct error *error)
{
    if (copy != NULL)
        return rebuild_catalogue(store, copy, report, error);
    if (!(repair ? open_mended : open_as_it_is)(store, report, error)) {
        report_finding(report, "%s", error->message);
        if (!repair || !is_lost(error))
            return false;
        if (!reorder_catalogue(store, report, error))
            return is_lost(error) && rebuild_catalogue(store, NULL, report, error);
        if (!open_mended(store, report, error))
            return false;
    }
    if (volume_table_open(store, error))
        return true;
    volume_table_close(store);
    catalogue_close(&store->catalogue);
    if (!repair)
        report_finding(report, "%s", error->message);
    return false;
}

static bool check_folder(const char *path, bool repair, const char *copy, struct embedded_report *report,
                         struct error *error)
{
    struct embedded_store *store = calloc(1, sizeof *store);
    ASSERT(store != NULL);
    store->options.shards = 1;
    store->options.catalogue_max_bytes = CATALOGUE_BYTES_DEFAULT;
    bool is_sound = false;
    if (folder_open(path, false, random_system(), &store->folder, error)) {
        if (open_or_rebuild(store, repair, copy, report, error)) {
            is_sound = check_opened(store, repair, report, error);
            volume_table_close(store);
            catalogue_close(&store->catalogue);
        }
        folder_close(&store->folder);
    }
    free(store);
    return is_sound;
}

bool embedded_check(const char *path, bool repair, struct embedded_report *report, struct error *error)
{
    return check_folder(path, repair, NULL, report, error);
}

bool embedded_restore(const char *path, const char *copy, struct embedded_report *report, struct error *error)
{
    return check_folder(path, true, copy, report, error);
}
