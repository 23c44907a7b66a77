/* store/embedded/repair/settle_versions.c -- `bale check`: keys whose versions do not say any more which of them is the
 * current one, or where the null version is, because a row that said so was damaged and is dropped.
 *
 * Repair makes the newest that is left the current one, as its removal by a client would have (413). It happens after
 * all that is damaged has been dropped, so a key may be found by the pass after the one that dropped its row. */
#include "runtime/base/assert.h"
#include "runtime/base/byteorder.h"
#include "store/embedded/catalogue/version_rows.h"
#include "store/embedded/repair/checker.h"

#include <stdlib.h>

enum { UNSETTLED_HEAD_BYTES = 10 }; /* bucket u64, size of the key u16 */

/* ---- finding ---- */

static void note_key(struct checker *checker, uint64_t bucket, struct span key, const char *what)
{
    uint8_t head[UNSETTLED_HEAD_BYTES];
    char shown[SHOWN_BYTES_MAX + 1];
    report_finding(checker->report, "Of the versions of %s %s.", checker_show(key, shown), what);
    store_u64_le(head, bucket);
    store_u16_le(head + 8, (uint16_t)key.size);
    buffer_append(&checker->unsettled, span_of(head, sizeof head));
    buffer_append(&checker->unsettled, key);
}

/* A row that cannot be read is none that says anything; but only what is certainly missing is a finding of its own. */
static bool has_current(struct checker *checker, uint64_t bucket, struct span key, const struct version_group *group)
{
    const struct key_table keys = {.txn = checker->txn, .table = checker->store->catalogue.objects};
    struct span object;
    struct row row;
    uint64_t order;
    struct error ignored;
    if (key_find(&keys, bucket, key, &object, &ignored) != LOOKUP_MISSING)
        return true;
    return version_newest(checker->txn, &checker->store->catalogue, group->number, &order, &object, &ignored) !=
               LOOKUP_FOUND ||
           !row_decode_object(object, &row, &ignored) ||
           (row.attributes.is_delete_marker && row.attributes.superseded_ms == 0);
}

static bool has_null(struct checker *checker, const struct version_group *group)
{
    struct span object;
    struct error ignored;
    return group->null_order == 0 || version_get(checker->txn, &checker->store->catalogue, group->number,
                                                 group->null_order, &object, &ignored) == LOOKUP_FOUND;
}

static void check_bucket_keys(struct checker *checker, uint64_t bucket)
{
    const struct key_table keys = {.txn = checker->txn, .table = checker->store->catalogue.versioned};
    struct key_cursor *cursor = malloc(sizeof *cursor);
    struct version_group group;
    struct error ignored;
    ASSERT(cursor != NULL);
    key_cursor_open(cursor, &keys, bucket);
    cursor->tolerates_damage = true;
    enum lookup found = key_cursor_seek(cursor, SPAN_EMPTY, false, &ignored);
    for (; found == LOOKUP_FOUND; found = key_cursor_next(cursor, &ignored)) {
        struct span key = key_cursor_key(cursor);
        if (cursor->is_damaged || key.size > OBJECT_KEY_BYTES_MAX || !version_group_decode(cursor->object, &group))
            continue;
        if (!has_null(checker, &group))
            note_key(checker, bucket, key, "the null version is lost");
        else if (!has_current(checker, bucket, key, &group))
            note_key(checker, bucket, key, "the current one is lost");
    }
    key_cursor_close(cursor);
    free(cursor);
}

static void check_bucket_row(struct checker *checker, struct span key, struct span value)
{
    const MDB_val lmdb_key = {key.size, (void *)(uintptr_t)key.data};
    const MDB_val lmdb_value = {value.size, (void *)(uintptr_t)value.data};
    struct bucket_row row;
    struct span bytes;
    struct error ignored;
    if (catalogue_check(&lmdb_key, &lmdb_value, &bytes, &ignored) && catalogue_decode_bucket(key, bytes, &row))
        check_bucket_keys(checker, row.number);
}

bool check_settled_versions(struct checker *checker)
{
    return checker_walk(checker, checker->store->catalogue.buckets, check_bucket_row);
}

/* ---- repair ---- */

struct settling {
    struct checker *checker;
    struct key_table objects;
    struct key_table versioned;
    uint64_t bucket;
    struct span key;
};

static bool put_group(struct settling *settling, const struct version_group *group)
{
    uint8_t value[VERSIONED_ROW_BYTES];
    version_group_encode(group, value);
    return key_put(&settling->versioned, settling->bucket, settling->key, span_of(value, sizeof value),
                   settling->checker->error);
}

static bool put_current(struct settling *settling, struct version_group *group, const struct row *row,
                        struct span encoded)
{
    const struct catalogue *catalogue = &settling->checker->store->catalogue;
    uint8_t place[VERSION_KEY_BYTES];
    struct error *error = settling->checker->error;
    version_make_key(group->number, row->order, place);
    if (row->attributes.is_delete_marker)
        return catalogue_put(settling->objects.txn, catalogue->versions, span_of(place, sizeof place), encoded, 0,
                             error);
    if (group->null_order == row->order)
        group->null_order = 0;
    return key_put(&settling->objects, settling->bucket, settling->key, encoded, error) &&
           catalogue_delete(settling->objects.txn, catalogue->versions, span_of(place, sizeof place), error) &&
           put_group(settling, group); /* that it is empty now, if it is, the next pass finds */
}

static bool promote_newest(struct settling *settling, struct version_group *group)
{
    struct span object;
    struct row row;
    struct error ignored;
    uint64_t order;
    if (version_newest(settling->objects.txn, &settling->checker->store->catalogue, group->number, &order, &object,
                       &ignored) != LOOKUP_FOUND ||
        !row_decode_object(object, &row, &ignored))
        return true; /* has another finding */
    row.order = order;
    row.attributes.superseded_ms = 0;
    struct buffer encoded;
    buffer_init(&encoded, 0);
    row_encode_object(&row, &encoded);
    bool done = put_current(settling, group, &row, buffer_span(&encoded));
    buffer_free(&encoded);
    return done;
}

static bool settle_key(struct settling *settling)
{
    const struct catalogue *catalogue = &settling->checker->store->catalogue;
    struct version_group group;
    struct span object;
    struct error ignored;
    if (version_find_group(settling->objects.txn, catalogue, settling->bucket, settling->key, &group, &ignored) !=
        LOOKUP_FOUND)
        return true;
    if (group.null_order != 0 && version_get(settling->objects.txn, catalogue, group.number, group.null_order, &object,
                                             &ignored) == LOOKUP_MISSING) {
        group.null_order = 0;
        if (!put_group(settling, &group))
            return false;
    }
    return key_find(&settling->objects, settling->bucket, settling->key, &object, &ignored) != LOOKUP_MISSING ||
           promote_newest(settling, &group);
}

bool settle_versions(struct checker *checker, MDB_txn *txn)
{
    const struct catalogue *catalogue = &checker->store->catalogue;
    struct buffer scratch;
    uint64_t next_group;
    struct span rest = buffer_span(&checker->unsettled);
    if (rest.size == 0 || checker->has_lost_numbers) /* numbers come first: the next pass has them */
        return true;
    if (!catalogue_get_counter(txn, catalogue, "next_group", 1, &next_group, checker->error))
        return false;
    buffer_init(&scratch, 0);
    struct settling settling = {.checker = checker,
                                .objects = {txn, catalogue->objects, &next_group, &scratch},
                                .versioned = {txn, catalogue->versioned, &next_group, &scratch}};
    bool done = true;
    while (done && rest.size > 0) {
        settling.bucket = load_u64_le(rest.data);
        settling.key = span_take(span_skip(rest, UNSETTLED_HEAD_BYTES), load_u16_le(rest.data + 8));
        rest = span_skip(rest, UNSETTLED_HEAD_BYTES + settling.key.size);
        done = settle_key(&settling);
        checker->report->repaired++;
    }
    buffer_free(&scratch);
    return done && catalogue_put_counter(txn, catalogue, "next_group", next_group, checker->error);
}
