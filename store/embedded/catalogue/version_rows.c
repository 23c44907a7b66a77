/* store/embedded/catalogue/version_rows.c -- versions that are not current, and delete markers: their ids and rows. */
#include "store/embedded/catalogue/version_rows.h"

#include "runtime/base/byteorder.h"
#include "s3client/wire/s3_error.h"

/* ---- ids ---- */

static const char digits[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

enum { DIGIT_BITS = 5 };

/* 130 bits hold 128: the first digit is below 8. */
void version_id_format(uint64_t order, uint64_t opening, char ret_version[VERSION_TEXT_BYTES])
{
    for (unsigned i = VERSION_ID_BYTES; i-- > 0;) {
        ret_version[i] = digits[opening & 31];
        opening = opening >> DIGIT_BITS | order << (64 - DIGIT_BITS);
        order >>= DIGIT_BITS;
    }
    ret_version[VERSION_ID_BYTES] = '\0';
}

bool version_id_parse(struct span version, uint64_t *ret_order)
{
    uint64_t order = 0;
    uint64_t opening = 0;
    if (version.size != VERSION_ID_BYTES || version.data[0] > '7')
        return false;
    for (size_t i = 0; i < version.size; i++) {
        const char *digit = version.data[i] == 0 ? NULL : strchr(digits, version.data[i]);
        if (digit == NULL)
            return false;
        order = order << DIGIT_BITS | opening >> (64 - DIGIT_BITS);
        opening = opening << DIGIT_BITS | (uint64_t)(digit - digits);
    }
    *ret_order = order;
    return order > 0;
}

/* ---- rows ---- */

static bool damaged(struct error *error)
{
    return error_set(error, ERROR_DAMAGED, S3_InternalError, "A row of a version is damaged. Run `bale check`.");
}

bool version_group_decode(struct span value, struct version_group *ret_group)
{
    if (value.size != VERSIONED_ROW_BYTES)
        return false;
    *ret_group = (struct version_group){load_u64_le(value.data), load_u64_le(value.data + 8)};
    return true;
}

void version_group_encode(const struct version_group *group, uint8_t ret_value[VERSIONED_ROW_BYTES])
{
    store_u64_le(ret_value, group->number);
    store_u64_le(ret_value + 8, group->null_order);
}

enum lookup version_find_group(MDB_txn *txn, const struct catalogue *catalogue, uint64_t bucket, struct span key,
                               struct version_group *ret_group, struct error *error)
{
    const struct key_table keys = {.txn = txn, .table = catalogue->versioned};
    struct span value;
    *ret_group = (struct version_group){0};
    enum lookup found = key_find(&keys, bucket, key, &value, error);
    if (found != LOOKUP_FOUND || version_group_decode(value, ret_group))
        return found;
    damaged(error);
    return LOOKUP_FAILED;
}

void version_make_key(uint64_t group, uint64_t order, uint8_t ret_key[VERSION_KEY_BYTES])
{
    catalogue_number_key(group, ret_key);
    catalogue_number_key(~order, ret_key + 8);
}

enum lookup version_get(MDB_txn *txn, const struct catalogue *catalogue, uint64_t group, uint64_t order,
                        struct span *ret_object, struct error *error)
{
    uint8_t key[VERSION_KEY_BYTES];
    version_make_key(group, order, key);
    return catalogue_get(txn, catalogue->versions, span_of(key, sizeof key), ret_object, error);
}

/* ---- the walk ---- */

bool version_cursor_open(struct version_cursor *cursor, MDB_txn *txn, const struct catalogue *catalogue,
                         struct error *error)
{
    *cursor = (struct version_cursor){0};
    return catalogue_open_cursor(txn, catalogue->versions, &cursor->cursor, error);
}

void version_cursor_close(struct version_cursor *cursor)
{
    if (cursor->cursor != NULL)
        mdb_cursor_close(cursor->cursor);
}

/* Takes over the row that LMDB's cursor has found. */
static enum lookup take_over(struct version_cursor *cursor, int result, const MDB_val *key, const MDB_val *value,
                             struct error *error)
{
    if (result == MDB_NOTFOUND)
        return LOOKUP_MISSING;
    if (result != 0) {
        catalogue_failed(result, error, "walk");
        return LOOKUP_FAILED;
    }
    if (!catalogue_check(key, value, &cursor->object, error))
        return LOOKUP_FAILED; /* perhaps one of another group; but it may hide one of this */
    if (key->mv_size != VERSION_KEY_BYTES || load_u64_be(key->mv_data) != cursor->group)
        return LOOKUP_MISSING;
    cursor->order = ~load_u64_be((const uint8_t *)key->mv_data + 8);
    return LOOKUP_FOUND;
}

enum lookup version_cursor_seek(struct version_cursor *cursor, uint64_t group, uint64_t before, struct error *error)
{
    uint8_t target[VERSION_KEY_BYTES];
    MDB_val key;
    MDB_val value;
    if (before == 0)
        return LOOKUP_MISSING;
    cursor->group = group;
    version_make_key(group, before - 1, target);
    int result = catalogue_seek(cursor->cursor, span_of(target, sizeof target), &key, &value);
    return take_over(cursor, result, &key, &value, error);
}

enum lookup version_cursor_next(struct version_cursor *cursor, struct error *error)
{
    MDB_val key;
    MDB_val value;
    int result = mdb_cursor_get(cursor->cursor, &key, &value, MDB_NEXT);
    return take_over(cursor, result, &key, &value, error);
}

enum lookup version_newest(MDB_txn *txn, const struct catalogue *catalogue, uint64_t group, uint64_t *ret_order,
                           struct span *ret_object, struct error *error)
{
    struct version_cursor cursor;
    if (!version_cursor_open(&cursor, txn, catalogue, error))
        return LOOKUP_FAILED;
    enum lookup found = version_cursor_seek(&cursor, group, UINT64_MAX, error);
    version_cursor_close(&cursor);
    *ret_order = cursor.order;
    *ret_object = cursor.object;
    return found;
}

/* ---- one version by its name ---- */

static bool is_version(const struct row *row, struct span version)
{
    return span_equal(span_from_string(row->attributes.version), version);
}

/* Of those in `versions`. */
static enum lookup find_former(MDB_txn *txn, const struct catalogue *catalogue, struct span version, uint64_t order,
                               struct version_place *place, struct error *error)
{
    if (order == 0)
        return LOOKUP_MISSING;
    enum lookup found = version_get(txn, catalogue, place->group.number, order, &place->object, error);
    if (found == LOOKUP_FOUND && !row_decode_object(place->object, &place->row, error))
        return LOOKUP_FAILED;
    place->row.order = order;
    return found == LOOKUP_FOUND && !is_version(&place->row, version) ? LOOKUP_MISSING : found;
}

enum lookup version_find(MDB_txn *txn, const struct catalogue *catalogue, uint64_t bucket, struct span key,
                         struct span version, struct version_place *ret_place, struct error *error)
{
    const struct key_table keys = {.txn = txn, .table = catalogue->objects};
    bool is_null = span_equal(version, SPAN("null"));
    uint64_t order = 0;
    *ret_place = (struct version_place){0};
    if (!is_null && !version_id_parse(version, &order))
        return LOOKUP_MISSING;
    enum lookup found = key_find(&keys, bucket, key, &ret_place->object, error);
    if (found == LOOKUP_FOUND && !row_decode_object(ret_place->object, &ret_place->row, error))
        return LOOKUP_FAILED;
    if (found == LOOKUP_FAILED)
        return found;
    enum lookup grouped = version_find_group(txn, catalogue, bucket, key, &ret_place->group, error);
    ret_place->is_current_row = found == LOOKUP_FOUND && is_version(&ret_place->row, version);
    if (grouped == LOOKUP_FAILED || ret_place->is_current_row)
        return grouped == LOOKUP_FAILED ? LOOKUP_FAILED : LOOKUP_FOUND;
    if (grouped == LOOKUP_MISSING)
        return LOOKUP_MISSING;
    return find_former(txn, catalogue, version, is_null ? ret_place->group.null_order : order, ret_place, error);
}
