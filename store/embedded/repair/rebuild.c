/* store/embedded/repair/rebuild.c -- a new catalogue from the labels in the volumes: behind every body, and in the
 * manifest of every object that was completed from parts.
 *
 * Every label that is found is a body that was stored once; it may have been overwritten or deleted since. The newest
 * label of a key wins, and only if its blocks belong to no newer body and still match its checksum. What does not come
 * back: bodies that lay in the catalogue itself, and that something was deleted, as long as its blocks have not been
 * used again. A copy of the catalogue, where there is one, has most of that: then it is the beginning, and labels add
 * what is newer.
 *
 * System buckets do not come back either way: the server makes its journal anew, and the ledger begins with a count of
 * the rows when the store is opened next. */
#include "store/embedded/repair/rebuild.h"

#include "runtime/base/assert.h"
#include "runtime/base/byteorder.h"
#include "store/embedded/catalogue/bucket_log.h"
#include "store/embedded/catalogue/label.h"
#include "store/embedded/catalogue/manifest_lists.h"
#include "store/embedded/catalogue/rebuild_mark.h"
#include "store/embedded/catalogue/upload_rows.h"
#include "store/embedded/change/bucket_batch.h"
#include "store/embedded/ledger/spool_rows.h"
#include "store/embedded/repair/check.h"
#include "store/embedded/repair/rebuild_versions.h"
#include "store/embedded/uploads/manifest.h"
#include "store/embedded/volumes/bitmap.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { SCAN_BYTES = 1 << 20, ROWS_PER_COMMIT = 5000 };

/* Where a label lies. */
struct place {
    int64_t modified_ms;
    uint64_t write; /* the count in its token: orders writes of one millisecond */
    bool is_sealed; /* the body is encrypted */
    uint64_t at;
    uint32_t volume;
    uint32_t size;
};

struct rebuild {
    struct embedded_store *store;
    const char *copy; /* of a catalogue; NULL: from nothing */
    struct embedded_report *report;
    struct error *error;
    struct buffer places; /* struct place each */
    uint64_t **taken;     /* by volume */
    uint8_t *bytes;       /* MANIFEST_BYTES_MAX */
    struct batch_numbers numbers;
    struct buffer scratch;
    MDB_txn *txn;
    struct rebuilt_versions versions;
    bool has_bucket_log;
};

/* ---- the old catalogue steps aside ---- */

/* A repair that was killed may have set one aside in this very second. */
void repair_name_damaged(int folder, char ret_name[64])
{
    long long second = (long long)time(NULL);
    struct stat status;
    do
        (void)snprintf(ret_name, 64, "catalogue/data.mdb.damaged-%lld", second++);
    while (fstatat(folder, ret_name, &status, 0) == 0);
}

static bool set_aside(struct rebuild *rebuild)
{
    int folder = rebuild->store->folder.fd;
    char name[64];
    if (rebuild->copy != NULL && !backup_is_ours(&rebuild->store->folder, rebuild->copy, rebuild->error))
        return false;
    if (mkdirat(folder, "catalogue", 0755) != 0 && errno != EEXIST)
        return error_set_errno(rebuild->error, errno, "the folder `catalogue` cannot be made");
    if (!rebuild_mark_set(folder, rebuild->error))
        return false;
    repair_name_damaged(folder, name);
    if (renameat(folder, "catalogue/data.mdb", folder, name) != 0 && errno != ENOENT)
        return error_set_errno(rebuild->error, errno, "the damaged catalogue cannot be renamed");
    (void)unlinkat(folder, "catalogue/lock.mdb", 0);
    return rebuild->copy == NULL || backup_put_back(&rebuild->store->folder, rebuild->copy, rebuild->error);
}

static bool begin(struct rebuild *rebuild)
{
    int result = mdb_txn_begin(rebuild->store->catalogue.env, NULL, 0, &rebuild->txn);
    rebuild->versions.txn = rebuild->txn;
    return result == 0 || catalogue_failed(result, rebuild->error, "begin");
}

static bool commit(struct rebuild *rebuild)
{
    if (rebuild->versions.last_order > rebuild->numbers.order)
        rebuild->numbers.order = rebuild->versions.last_order;
    if (!catalogue_put_counter(rebuild->txn, &rebuild->store->catalogue, "next_group", rebuild->numbers.group,
                               rebuild->error) ||
        !catalogue_put_counter(rebuild->txn, &rebuild->store->catalogue, "last_order", rebuild->numbers.order,
                               rebuild->error)) {
        mdb_txn_abort(rebuild->txn);
        return false;
    }
    int result = mdb_txn_commit(rebuild->txn);
    return result == 0 || catalogue_failed(result, rebuild->error, "commit");
}

/* ---- buckets ---- */

static void add_bucket(void *context, const struct bucket_info *info)
{
    struct rebuild *rebuild = context;
    struct bucket_row known;
    struct error unread;
    if (ledger_is_system_bucket(span_from_string(info->name)) ||
        (rebuild->copy != NULL &&
         catalogue_find_bucket(rebuild->txn, &rebuild->store->catalogue, span_from_string(info->name), &known,
                               &unread) != LOOKUP_MISSING))
        return;
    struct bucket_row row = {.info = *info, .number = rebuild->numbers.group++};
    row.info.creation_id = row.number;
    struct error ignored; /* a bucket that cannot be put shows as missing below */
    (void)catalogue_put_bucket(rebuild->txn, &rebuild->store->catalogue, &row, &ignored);
}

/* ---- looking for labels ---- */

static void note_label(struct rebuild *rebuild, const struct volume *volume, uint64_t at)
{
    struct label label;
    struct row row;
    struct error ignored;
    size_t size;
    ssize_t got = pread(volume->fd, rebuild->bytes, LABEL_BYTES_MAX, (off_t)at);
    const uint8_t *uuid = rebuild->store->folder.uuid;
    bool found = got > 0 && label_decode(span_of(rebuild->bytes, (size_t)got), uuid, volume->number, at, &label, &size);
    if (!found && got == LABEL_BYTES_MAX && size > LABEL_BYTES_MAX) { /* a long manifest */
        got = pread(volume->fd, rebuild->bytes, size, (off_t)at);
        found = got > 0 && label_decode(span_of(rebuild->bytes, (size_t)got), uuid, volume->number, at, &label, &size);
    }
    if (!found || !row_decode_object(label.object, &row, &ignored))
        return;
    struct place place = {.modified_ms = row.attributes.modified_ms,
                          .write = load_u64_le(row.token + 8),
                          .is_sealed = row.attributes.seal.size > 0,
                          .at = at,
                          .volume = volume->number,
                          .size = (uint32_t)size};
    buffer_append(&rebuild->places, span_of(&place, sizeof place));
}

static bool scan_volume(struct rebuild *rebuild, const struct volume *volume)
{
    uint8_t *piece = malloc(SCAN_BYTES);
    ASSERT(piece != NULL);
    uint64_t end = (uint64_t)volume->blocks * EXTENT_BLOCK_BYTES;
    bool done = true;
    for (uint64_t at = 0; done && at < end; at += SCAN_BYTES) {
        ssize_t got = pread(volume->fd, piece, SCAN_BYTES, (off_t)at);
        done = got >= 0;
        for (ssize_t i = 0; i + LABEL_ALIGNMENT <= got; i += LABEL_ALIGNMENT) {
            if (label_may_be(piece + i))
                note_label(rebuild, volume, at + (uint64_t)i);
        }
    }
    free(piece);
    return done || error_set_errno(rebuild->error, errno, "volume %u cannot be read", volume->number);
}

/* A version that was encrypted where it lay (body_rewrite) has kept its time, and what lay there in clear before may
 * have its label still: it must not come back. */
static int newest_first(const void *a, const void *b)
{
    const struct place *left = a;
    const struct place *right = b;
    if (left->modified_ms != right->modified_ms)
        return left->modified_ms > right->modified_ms ? -1 : 1;
    if (left->is_sealed != right->is_sealed)
        return left->is_sealed ? -1 : 1;
    return left->write > right->write ? -1 : left->write < right->write;
}

/* ---- one body ---- */

static bool are_free(struct rebuild *rebuild, struct span extents)
{
    for (unsigned i = 0; i < extents_count(extents); i++) {
        struct extent extent = extent_at(extents, i);
        struct volume *volume = volume_find(rebuild->store, extent.volume);
        if (volume == NULL || extent.block > volume->blocks || extent.count > volume->blocks - extent.block)
            return false;
        uint64_t **taken = &rebuild->taken[extent.volume];
        if (*taken == NULL)
            *taken = calloc(BITMAP_WORDS(volume->blocks), sizeof **taken);
        ASSERT(*taken != NULL);
        if (!bitmap_is(*taken, extent.block, extent.count, false))
            return false;
    }
    return true;
}

static void take_extents(struct rebuild *rebuild, struct span extents)
{
    for (unsigned i = 0; i < extents_count(extents); i++) {
        struct extent extent = extent_at(extents, i);
        bitmap_fill(rebuild->taken[extent.volume], extent.block, extent.count, true);
    }
}

/* LOOKUP_MISSING: the bucket was removed before the catalogue was lost. */
static enum lookup find_bucket(struct rebuild *rebuild, struct span name, struct bucket_row *ret_row)
{
    const struct catalogue *catalogue = &rebuild->store->catalogue;
    enum lookup found = catalogue_find_bucket(rebuild->txn, catalogue, name, ret_row, rebuild->error);
    if (found != LOOKUP_MISSING || rebuild->has_bucket_log)
        return found;
    struct bucket_info info = {.created_ms = clock_wall_ms(clock_system())};
    memcpy(info.name, name.data, name.size);
    add_bucket(rebuild, &info);
    report_finding(rebuild->report, "Bucket %s is back without its owner: the file `buckets` is lost, too.", info.name);
    return catalogue_find_bucket(rebuild->txn, catalogue, name, ret_row, rebuild->error);
}

static void free_body(struct rebuilt_body *body)
{
    buffer_free(&body->extents);
    buffer_free(&body->pieces);
}

/* False: the label contradicts itself. */
static bool find_body(const struct place *place, const struct label *label, const struct row *row,
                      struct rebuilt_body *ret_body)
{
    struct manifest manifest;
    struct pieces pieces;
    struct error ignored;
    unsigned first;
    unsigned count;
    *ret_body = (struct rebuilt_body){0};
    if (label->is_manifest != (row->place == BODY_PIECES))
        return false;
    if (!label->is_manifest) {
        buffer_append(&ret_body->extents, label->extents);
        return true;
    }
    const struct extent own = {place->volume, (uint32_t)(place->at / EXTENT_BLOCK_BYTES),
                               (place->size + EXTENT_BLOCK_BYTES - 1) / EXTENT_BLOCK_BYTES};
    if (place->at % EXTENT_BLOCK_BYTES != 0 || !manifest_decode(label->extents, &manifest) ||
        !part_map_seek(manifest.part_map, 0, &first, &count, &ignored) ||
        !manifest_add_piece(manifest.pieces, row->attributes.stored_size, &own, &ret_body->pieces, &ignored) ||
        !pieces_decode(buffer_span(&ret_body->pieces), &pieces, &ignored))
        return false;
    buffer_append(&ret_body->extents, pieces.extents);
    ret_body->part_map = manifest.part_map;
    return true;
}

static bool are_pieces_whole(struct rebuild *rebuild, const struct row *row, const struct rebuilt_body *body)
{
    struct pieces pieces;
    struct error ignored;
    if (!pieces_decode(buffer_span(&body->pieces), &pieces, &ignored))
        return false;
    for (uint32_t i = 0; i < pieces.count; i++) {
        struct span extents;
        uint64_t bytes;
        uint32_t crc;
        if (!piece_extents(&pieces, i, row->attributes.stored_size, &extents, &bytes) ||
            !check_read_body(rebuild->store, extents, bytes, &crc) || crc != piece_at(&pieces, i).crc32c)
            return false;
    }
    return true;
}

static bool is_whole(struct rebuild *rebuild, const struct row *row, const struct rebuilt_body *body)
{
    uint32_t crc;
    if (body->pieces.size > 0)
        return are_pieces_whole(rebuild, row, body);
    return check_read_body(rebuild->store, buffer_span(&body->extents), row->attributes.stored_size, &crc) &&
           crc == row->stored_crc32c;
}

static bool put_numbered(struct rebuild *rebuild, MDB_dbi table, uint64_t number, struct span value)
{
    uint8_t key[CATALOGUE_NUMBER_BYTES];
    catalogue_number_key(number, key);
    return catalogue_put(rebuild->txn, table, span_of(key, sizeof key), value, 0, rebuild->error);
}

static bool put_sidecar(struct rebuild *rebuild, struct row *row, const struct rebuilt_body *body)
{
    struct buffer sidecar;
    buffer_init(&sidecar, 0);
    rebuild_sidecar(rebuild->store, row, body, &sidecar);
    row->attributes.sidecar_size = sidecar.size;
    row->sidecar_number = sidecar.size == 0 ? 0 : rebuild->numbers.sidecar++;
    bool done = sidecar.size == 0 ||
                put_numbered(rebuild, rebuild->store->catalogue.sidecars, row->sidecar_number, buffer_span(&sidecar));
    buffer_free(&sidecar);
    return done;
}

/* Of a bucket with versions, whose current one (if it has any) is older or newer. */
static bool put_object(struct rebuild *rebuild, const struct bucket_row *bucket, struct span key, struct row *row,
                       bool is_current)
{
    struct rebuilt_versions *versions = &rebuild->versions;
    if (bucket->info.versioning != VERSIONING_NEVER) {
        rebuilt_version_name(versions, &bucket->info, row);
        if (!is_current)
            return rebuilt_version_put(versions, bucket->number, key, row, rebuild->error);
        if (!rebuilt_version_supersede(versions, bucket->number, key, row, rebuild->error))
            return false;
    }
    struct buffer object;
    buffer_init(&object, 0);
    row_encode_object(row, &object);
    struct key_table keys = {rebuild->txn, rebuild->store->catalogue.objects, &rebuild->numbers.group,
                             &rebuild->scratch};
    bool done = key_put(&keys, bucket->number, key, buffer_span(&object), rebuild->error);
    buffer_free(&object);
    return done;
}

static bool put_row(struct rebuild *rebuild, const struct bucket_row *bucket, struct span key, struct row *row,
                    const struct rebuilt_body *body, bool is_current)
{
    const struct catalogue *catalogue = &rebuild->store->catalogue;
    if (row->place == BODY_LISTED) {
        row->body_number = rebuild->numbers.extents++;
        if (!put_numbered(rebuild, catalogue->extents, row->body_number, buffer_span(&body->extents)))
            return false;
    }
    if (row->place == BODY_PIECES) {
        row->body_number = rebuild->numbers.pieces++;
        if (!put_numbered(rebuild, catalogue->pieces, row->body_number, buffer_span(&body->pieces)) ||
            !put_numbered(rebuild, catalogue->part_maps, row->body_number, body->part_map))
            return false;
    }
    return put_sidecar(rebuild, row, body) && put_object(rebuild, bucket, key, row, is_current);
}

/* Of a key without an object in the copy: MISSING, if the body is newer than the delete marker that is current there.
 * Else the copy knows of it as a former version, or that it was removed. */
static enum lookup find_newer_marker(struct rebuild *rebuild, uint64_t bucket, struct span key, const struct row *found)
{
    const struct catalogue *catalogue = &rebuild->store->catalogue;
    struct version_group group;
    struct span object;
    struct row row;
    uint64_t order;
    enum lookup present = version_find_group(rebuild->txn, catalogue, bucket, key, &group, rebuild->error);
    if (present == LOOKUP_FOUND)
        present = version_newest(rebuild->txn, catalogue, group.number, &order, &object, rebuild->error);
    if (present != LOOKUP_FOUND || !row_decode_object(object, &row, rebuild->error))
        return present;
    return row.attributes.modified_ms < found->attributes.modified_ms ? LOOKUP_MISSING : LOOKUP_FOUND;
}

/* MISSING: nothing is there, or what the copy of the catalogue says is older. */
static enum lookup find_newer(struct rebuild *rebuild, uint64_t group, struct span key, const struct row *found)
{
    struct key_table keys = {.txn = rebuild->txn, .table = rebuild->store->catalogue.objects};
    struct span object;
    struct row row;
    enum lookup present = key_find(&keys, group, key, &object, rebuild->error);
    if (present == LOOKUP_MISSING && rebuild->copy != NULL)
        return find_newer_marker(rebuild, group, key, found);
    if (present != LOOKUP_FOUND || rebuild->copy == NULL || !row_decode_object(object, &row, rebuild->error))
        return present;
    int64_t difference = found->attributes.modified_ms - row.attributes.modified_ms;
    bool is_sealed = found->attributes.seal.size > 0;
    bool is_later = load_u64_le(found->token + 8) > load_u64_le(row.token + 8);
    if (is_sealed != (row.attributes.seal.size > 0)) /* as newest_first */
        is_later = is_sealed;
    bool is_older = difference > 0 || (difference == 0 && is_later);
    return is_older ? LOOKUP_MISSING : LOOKUP_FOUND;
}

static bool restore_body(struct rebuild *rebuild, const struct label *label, struct row *row,
                         const struct rebuilt_body *body)
{
    struct bucket_row bucket;
    struct span extents = buffer_span(&body->extents);
    if (!are_free(rebuild, extents))
        return true; /* what lies there now is of a newer body */
    enum lookup found = find_bucket(rebuild, label->bucket, &bucket);
    if (found != LOOKUP_FOUND)
        return found == LOOKUP_MISSING; /* its bucket is gone */
    bool is_current = find_newer(rebuild, bucket.number, label->key, row) == LOOKUP_MISSING;
    /* a copy has the former versions of its day, this one perhaps; without one they are what labels have */
    bool is_former = bucket.info.versioning != VERSIONING_NEVER && rebuild->copy == NULL;
    if (!is_current && !is_former)
        return true; /* overwritten */
    if (!is_whole(rebuild, row, body) ||
        (is_former && rebuilt_version_is_again(&rebuild->versions, bucket.number, label->key, row)))
        return true;
    take_extents(rebuild, extents);
    rebuild->report->repaired++;
    return put_row(rebuild, &bucket, label->key, row, body, is_current);
}

static bool restore(struct rebuild *rebuild, const struct place *place)
{
    struct volume *volume = volume_find(rebuild->store, place->volume);
    struct label label;
    struct row row;
    struct rebuilt_body body;
    size_t size;
    if (pread(volume->fd, rebuild->bytes, place->size, (off_t)place->at) != (ssize_t)place->size ||
        !label_decode(span_of(rebuild->bytes, place->size), rebuild->store->folder.uuid, place->volume, place->at,
                      &label, &size) ||
        !row_decode_object(label.object, &row, rebuild->error))
        return true;
    if (ledger_is_system_bucket(label.bucket))
        return true; /* of the journal's objects most were small and are gone: what is left of them would be a ruin */
    bool done = !find_body(place, &label, &row, &body) || restore_body(rebuild, &label, &row, &body);
    free_body(&body);
    return done;
}

static bool restore_all(struct rebuild *rebuild)
{
    struct place *places = (struct place *)(void *)rebuild->places.data;
    size_t count = rebuild->places.size / sizeof *places;
    if (count > 0)
        qsort(places, count, sizeof *places, newest_first);
    if (!begin(rebuild))
        return false;
    for (size_t i = 0; i < count; i++) {
        if (!restore(rebuild, &places[i])) {
            mdb_txn_abort(rebuild->txn);
            return false;
        }
        if (i % ROWS_PER_COMMIT == ROWS_PER_COMMIT - 1 && (!commit(rebuild) || !begin(rebuild)))
            return false;
    }
    for (uint32_t number = 0; number < VOLUMES_MAX; number++) {
        struct volume *volume = volume_find(rebuild->store, number);
        if (volume != NULL && rebuild->taken[number] != NULL &&
            !space_store(rebuild->txn, &rebuild->store->catalogue, number, volume->blocks, rebuild->taken[number],
                         rebuild->error)) {
            mdb_txn_abort(rebuild->txn);
            return false;
        }
    }
    return commit(rebuild);
}

/* ---- all of it ---- */

static bool empty_table(struct rebuild *rebuild, MDB_dbi table)
{
    int result = mdb_drop(rebuild->txn, table, 0);
    return result == 0 || catalogue_failed(result, rebuild->error, "empty a table");
}

/* Their rows belong to no bucket then, and go with the check. */
static bool forget_system_buckets(struct rebuild *rebuild)
{
    MDB_cursor *cursor;
    MDB_val name;
    int result = 0;
    if (!catalogue_open_cursor(rebuild->txn, rebuild->store->catalogue.buckets, &cursor, rebuild->error))
        return false;
    while (result == 0 && (result = mdb_cursor_get(cursor, &name, NULL, MDB_NEXT)) == 0) {
        if (ledger_is_system_bucket(span_of(name.mv_data, name.mv_size)))
            result = mdb_cursor_del(cursor, 0);
    }
    mdb_cursor_close(cursor);
    return result == MDB_NOTFOUND || catalogue_failed(result, rebuild->error, "remove a bucket");
}

/* What the copy cannot know: volumes and their blocks are what they are today, the journal has gone on without it. */
static bool forget_what_changed(struct rebuild *rebuild)
{
    const struct catalogue *catalogue = &rebuild->store->catalogue;
    return empty_table(rebuild, catalogue->volumes) && empty_table(rebuild, catalogue->space) &&
           empty_table(rebuild, catalogue->spools) && empty_table(rebuild, catalogue->spool_records) &&
           catalogue_delete(rebuild->txn, catalogue->meta, SPAN("ledger"), rebuild->error) &&
           forget_system_buckets(rebuild);
}

static bool fill_catalogue(struct rebuild *rebuild)
{
    unsigned volumes;
    if (!begin(rebuild))
        return false;
    if ((rebuild->copy != NULL && !forget_what_changed(rebuild)) ||
        !mend_volume_rows(rebuild->store, rebuild->txn, &volumes, rebuild->error)) {
        mdb_txn_abort(rebuild->txn);
        return false;
    }
    rebuild->has_bucket_log = bucket_log_read(rebuild->store->folder.fd, add_bucket, rebuild);
    return commit(rebuild) && volume_table_open(rebuild->store, rebuild->error);
}

static bool start_catalogue(struct rebuild *rebuild)
{
    struct embedded_store *store = rebuild->store;
    const char *path = store->folder.path;
    uint64_t max_bytes = store->options.catalogue_max_bytes;
    const uint8_t *uuid = store->folder.uuid;
    if (rebuild->copy == NULL ? !catalogue_open(path, max_bytes, uuid, true, &store->catalogue, rebuild->error)
                              : !catalogue_open_rebuilt(path, max_bytes, uuid, &store->catalogue, rebuild->error))
        return false;
    rebuild->numbers = (struct batch_numbers){1, 1, 1, 1, 1};
    bool done = (rebuild->copy == NULL || batch_read_numbers(store, &rebuild->numbers, rebuild->error)) &&
                fill_catalogue(rebuild);
    if (!done)
        catalogue_close(&store->catalogue);
    return done;
}

static bool scan_all(struct rebuild *rebuild)
{
    bool done = true;
    for (uint32_t number = 0; done && number < VOLUMES_MAX; number++) {
        struct volume *volume = volume_find(rebuild->store, number);
        done = volume == NULL || scan_volume(rebuild, volume);
    }
    return done;
}

bool rebuild_catalogue(struct embedded_store *store, const char *copy, struct embedded_report *report,
                       struct error *error)
{
    struct rebuild rebuild = {.store = store, .copy = copy, .report = report, .error = error};
    if (!set_aside(&rebuild) || !start_catalogue(&rebuild))
        return false;
    rebuild.versions = (struct rebuilt_versions){.catalogue = &store->catalogue,
                                                 .next_group = &rebuild.numbers.group,
                                                 .scratch = &rebuild.scratch,
                                                 .order_below = UINT64_MAX};
    rebuild.taken = calloc(VOLUMES_MAX, sizeof *rebuild.taken);
    rebuild.bytes = malloc(MANIFEST_BYTES_MAX);
    ASSERT(rebuild.taken != NULL && rebuild.bytes != NULL);
    bool done = scan_all(&rebuild) && restore_all(&rebuild);
    for (uint32_t number = 0; number < VOLUMES_MAX; number++)
        free(rebuild.taken[number]);
    free(rebuild.taken);
    free(rebuild.bytes);
    buffer_free(&rebuild.places);
    buffer_free(&rebuild.versions.noted);
    buffer_free(&rebuild.scratch);
    if (!done) {
        volume_table_close(store);
        catalogue_close(&store->catalogue);
    }
    return done;
}
