/* store/embedded/catalogue/order.c -- keeping sound rows in order where damaged keys are out of it.
 *
 * A row that is out of order does harm beyond itself: LMDB goes by it where it puts other rows, and may copy its key
 * into a branch page, when it splits the page that it stands on. So a row that has one wrong bit in its key, as its
 * checksum tells, is put where it belongs: when a store is opened, and when something is written beside it. One of
 * which more is wrong makes way for what is written, where it is out of order. Nothing is written where LMDB's search
 * does not lead to its place. */
#include "codec/format/crc.h"
#include "runtime/base/byteorder.h"
#include "runtime/log/log.h"
#include "s3client/wire/s3_error.h"
#include "store/embedded/catalogue/seek.h"

#include <string.h>

enum { KEY_BYTES_MAX = 511, CHECKSUM_BYTES = 4, HELD_HEAD_BYTES = 8 };

static struct span span_of_value(const MDB_val *value)
{
    return span_of(value->mv_data, value->mv_size);
}

static MDB_val value_of_span(struct span span)
{
    return (MDB_val){.mv_size = span.size, .mv_data = (void *)(uintptr_t)span.data};
}

/* ---- which rows are out of order ---- */

struct bound {
    bool is_there;
    size_t size;
    uint8_t bytes[KEY_BYTES_MAX];
};

static void set_bound(struct bound *bound, const MDB_val *key)
{
    bound->is_there = true;
    bound->size = key->mv_size < sizeof bound->bytes ? key->mv_size : sizeof bound->bytes;
    memcpy(bound->bytes, key->mv_data, bound->size);
}

static bool is_behind(const struct bound *low, const MDB_val *key)
{
    return !low->is_there || span_compare(span_of(low->bytes, low->size), span_of_value(key)) < 0;
}

/* Is the row that the cursor stands on before the next sound one? It comes back to it. */
static bool is_before_next(MDB_cursor *cursor, const MDB_val *key)
{
    struct bound here = {0};
    MDB_val next_key;
    MDB_val value;
    unsigned steps = 0;
    int result;
    set_bound(&here, key);
    do {
        result = mdb_cursor_get(cursor, &next_key, &value, MDB_NEXT);
        steps += result == 0;
    } while (result == 0 && !catalogue_is_sound(&next_key, &value));
    bool is_before = result != 0 || is_behind(&here, &next_key);
    while (steps-- > 0)
        (void)mdb_cursor_get(cursor, &next_key, &value, MDB_PREV);
    return is_before;
}

/* Is one bit of the key all that is wrong with the row? *ret_key: the key as it was. */
static bool correct_key(const MDB_val *key, const MDB_val *value, uint8_t ret_key[KEY_BYTES_MAX])
{
    struct span name = span_of_value(key);
    struct span bytes = span_of_value(value);
    uint64_t bit;
    if (name.size > KEY_BYTES_MAX || bytes.size < CHECKSUM_BYTES)
        return false;
    struct span payload = span_skip(bytes, CHECKSUM_BYTES);
    uint32_t difference = crc32c_update(crc32c_update(0, name), payload) ^ load_u32_le(bytes.data);
    if (!crc32c_find_wrong_bit(difference, name.size + payload.size, &bit) || bit / 8 >= name.size)
        return false;
    memcpy(ret_key, name.data, name.size);
    ret_key[bit / 8] ^= (uint8_t)(1U << bit % 8);
    return true;
}

/* ---- damaged rows around a place ---- */

/* From where the cursor stands on, to the first damaged row that is out of order, or can be put right; looks at
 * `damaged` ones at most. `low`: the last sound row before. MDB_NOTFOUND: there is none. */
static int next_disorder(MDB_cursor *cursor, MDB_cursor_op first, struct bound *low, unsigned damaged)
{
    MDB_val key;
    MDB_val value;
    uint8_t right[KEY_BYTES_MAX];
    int result = mdb_cursor_get(cursor, &key, &value, first);
    for (; result == 0 && damaged > 0; result = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) {
        if (catalogue_is_sound(&key, &value))
            set_bound(low, &key);
        else if (!is_behind(low, &key) || !is_before_next(cursor, &key) || correct_key(&key, &value, right))
            return 0;
        else
            damaged--;
    }
    return result == 0 ? MDB_NOTFOUND : result;
}

/* Around the target's place. */
static int find_disorder(MDB_cursor *cursor, struct span target)
{
    MDB_val key;
    MDB_val value;
    struct landing landing;
    struct bound low = {0};
    int result = seek_place(cursor, target, &key, &value, &landing);
    if (result != 0 || landing.damaged == 0)
        return result != 0 ? result : MDB_NOTFOUND;
    if (mdb_cursor_get(cursor, &key, &value, MDB_PREV) == 0)
        set_bound(&low, &key);
    return next_disorder(cursor, low.is_there ? MDB_NEXT : MDB_FIRST, &low, landing.damaged);
}

/* ---- rows that are taken out, to be put back under their right keys ---- */

/* Appends what the row should be: sizes of key and value u32 each, key, value. False: that is not known. */
static bool hold_row(const MDB_val *key, const MDB_val *value, struct buffer *held)
{
    uint8_t right[KEY_BYTES_MAX];
    uint8_t sizes[HELD_HEAD_BYTES];
    if (!correct_key(key, value, right))
        return false;
    store_u32_le(sizes, (uint32_t)key->mv_size);
    store_u32_le(sizes + 4, (uint32_t)value->mv_size);
    buffer_append(held, span_of(sizes, sizeof sizes));
    buffer_append(held, span_of(right, key->mv_size));
    buffer_append(held, span_of_value(value));
    return true;
}

static struct span take_held(struct span *rest, size_t size)
{
    struct span taken = span_take(*rest, size);
    *rest = span_skip(*rest, size);
    return taken;
}

/* *ret_lost: so many have no place, since another row has their key, or more is wrong beside it. */
static int put_back(MDB_txn *txn, MDB_dbi table, struct span held, unsigned *ret_lost)
{
    *ret_lost = 0;
    while (held.size > 0) {
        struct span sizes = take_held(&held, HELD_HEAD_BYTES);
        struct span key = take_held(&held, load_u32_le(sizes.data));
        MDB_val value = value_of_span(take_held(&held, load_u32_le(sizes.data + 4)));
        MDB_val key_value = value_of_span(key);
        if (!catalogue_has_place(txn, table, key)) {
            ++*ret_lost;
            continue;
        }
        int result = mdb_put(txn, table, &key_value, &value, 0);
        if (result != 0)
            return result;
    }
    return 0;
}

/* ---- before a write ---- */

static void tell(unsigned corrected, unsigned dropped)
{
    if (corrected > 0)
        log_message(LOG_ERROR,
                    "%u rows of the catalogue had one wrong bit in their keys and were put right: find out what the "
                    "disk does",
                    corrected);
    if (dropped > 0)
        log_message(LOG_ERROR, "%u rows of the catalogue had damaged keys and were dropped: run `bale check`", dropped);
}

static bool put_in_order(MDB_txn *txn, MDB_dbi table, struct span target, struct error *error)
{
    MDB_cursor *cursor;
    MDB_val key;
    MDB_val value;
    unsigned held_count = 0;
    unsigned removed = 0;
    unsigned lost = 0;
    int result;
    struct buffer held;
    if (!catalogue_open_cursor(txn, table, &cursor, error))
        return false;
    buffer_init(&held, 0);
    while ((result = find_disorder(cursor, target)) == 0) {
        if ((result = mdb_cursor_get(cursor, &key, &value, MDB_GET_CURRENT)) != 0)
            break;
        held_count += hold_row(&key, &value, &held);
        removed++;
        if ((result = mdb_cursor_del(cursor, 0)) != 0)
            break;
    }
    mdb_cursor_close(cursor);
    if (result == MDB_NOTFOUND)
        result = put_back(txn, table, buffer_span(&held), &lost);
    buffer_free(&held);
    if (result == 0)
        tell(held_count - lost, removed - held_count + lost);
    return result == 0 || catalogue_failed(result, error, "put rows in order");
}

/* Has one wrong bit made another key into this one? */
static bool is_of_another(const MDB_val *key, const MDB_val *value)
{
    uint8_t right[KEY_BYTES_MAX];
    return !catalogue_is_sound(key, value) && correct_key(key, value, right);
}

/* As LMDB itself finds it, since it is LMDB that will write. A second search with the same cursor begins on the page to
 * which the first one came. */
static int look_with(MDB_cursor *cursor, struct span key, MDB_val *ret_value, struct landing *ret_landing)
{
    MDB_val key_value = value_of_span(key);
    *ret_landing = (struct landing){0};
    int result = mdb_cursor_get(cursor, &key_value, ret_value, MDB_SET);
    if (result == 0 && is_of_another(&key_value, ret_value)) {
        ret_landing->damaged = 1;
        return MDB_NOTFOUND;
    }
    if (result != MDB_NOTFOUND)
        return result;
    result = seek_sound(cursor, key, ret_value, ret_landing);
    ret_landing->is_astray |= result == 0;
    return result == 0 ? MDB_NOTFOUND : result;
}

static int look(MDB_txn *txn, MDB_dbi table, struct span key, MDB_val *ret_value, struct landing *ret_landing)
{
    MDB_cursor *cursor;
    int result = mdb_cursor_open(txn, table, &cursor);
    if (result != 0)
        return result;
    result = look_with(cursor, key, ret_value, ret_landing);
    mdb_cursor_close(cursor);
    return result;
}

bool catalogue_has_place(MDB_txn *txn, MDB_dbi table, struct span key)
{
    MDB_val value;
    MDB_cursor *cursor;
    struct landing landing;
    if (look(txn, table, key, &value, &landing) != MDB_NOTFOUND || landing.is_astray)
        return false;
    if (landing.damaged == 0)
        return true;
    if (mdb_cursor_open(txn, table, &cursor) != 0)
        return false;
    bool is_in_order = find_disorder(cursor, key) == MDB_NOTFOUND;
    mdb_cursor_close(cursor);
    return is_in_order;
}

bool catalogue_find_for_write(MDB_txn *txn, MDB_dbi table, struct span key, MDB_val *ret_value, struct error *error)
{
    MDB_val value;
    MDB_val *found = ret_value != NULL ? ret_value : &value;
    struct landing landing;
    int result = look(txn, table, key, found, &landing);
    if (result == MDB_NOTFOUND && landing.damaged > 0) {
        if (!put_in_order(txn, table, key, error))
            return false;
        result = look(txn, table, key, found, &landing);
    }
    if (result == MDB_NOTFOUND && landing.is_astray)
        return error_set(error, ERROR_DAMAGED, S3_InternalError,
                         "The catalogue's keys are out of order, so that nothing may be written here. Run `bale check "
                         "--repair`.");
    if (result == MDB_NOTFOUND)
        *found = (MDB_val){0};
    return result == 0 || result == MDB_NOTFOUND || catalogue_failed(result, error, "look for a row");
}

/* ---- in all tables ---- */

/* Over the row that the cursor stands on, if one bit of its value or of its checksum is all that is wrong. */
static int correct_value(MDB_cursor *cursor, MDB_val *key, const MDB_val *value, unsigned *count)
{
    struct span name = span_of_value(key);
    struct span bytes = span_of_value(value);
    uint64_t bit;
    if (bytes.size < CHECKSUM_BYTES)
        return 0;
    struct span payload = span_skip(bytes, CHECKSUM_BYTES);
    uint32_t found = crc32c_update(crc32c_update(0, name), payload);
    uint32_t difference = found ^ load_u32_le(bytes.data);
    bool is_of_checksum = (difference & (difference - 1)) == 0;
    if (!is_of_checksum && (!crc32c_find_wrong_bit(difference, name.size + payload.size, &bit) || bit / 8 < name.size))
        return 0;
    struct buffer right;
    buffer_init(&right, 0);
    buffer_append(&right, bytes);
    if (is_of_checksum)
        store_u32_le(right.data, found);
    else
        right.data[CHECKSUM_BYTES + bit / 8 - name.size] ^= (uint8_t)(1U << bit % 8);
    MDB_val right_value = value_of_span(buffer_span(&right));
    int result = mdb_cursor_put(cursor, key, &right_value, MDB_CURRENT);
    buffer_free(&right);
    ++*count;
    return result;
}

/* *ret_lost as put_back has it. */
static int correct_table(MDB_txn *txn, MDB_dbi table, bool values_too, unsigned *count, unsigned *ret_lost)
{
    MDB_cursor *cursor;
    MDB_val key;
    MDB_val value;
    struct buffer held;
    int result = mdb_cursor_open(txn, table, &cursor);
    *ret_lost = 0;
    if (result != 0)
        return result;
    buffer_init(&held, 0);
    while (result == 0 && (result = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) == 0) {
        if (catalogue_is_sound(&key, &value))
            continue;
        if (hold_row(&key, &value, &held)) {
            ++*count;
            result = mdb_cursor_del(cursor, 0);
        } else if (values_too) {
            result = correct_value(cursor, &key, &value, count);
        }
    }
    mdb_cursor_close(cursor);
    if (result == MDB_NOTFOUND)
        result = put_back(txn, table, buffer_span(&held), ret_lost);
    buffer_free(&held);
    return result;
}

bool catalogue_correct(struct catalogue *catalogue, bool values_too, unsigned *ret_count, struct error *error)
{
    MDB_dbi tables[CATALOGUE_TABLES_MAX];
    unsigned tables_count = catalogue_list_tables(catalogue, tables);
    unsigned lost = 0;
    MDB_txn *txn;
    *ret_count = 0;
    int result = mdb_txn_begin(catalogue->env, NULL, 0, &txn);
    if (result != 0)
        return catalogue_failed(result, error, "begin");
    for (unsigned i = 0; result == 0 && lost == 0 && i < tables_count; i++)
        result = correct_table(txn, tables[i], values_too, ret_count, &lost);
    if (result == 0 && lost == 0 && *ret_count > 0) {
        result = mdb_txn_commit(txn);
    } else {
        mdb_txn_abort(txn);
        *ret_count = 0;
    }
    if (result == 0 && catalogue->inspection.damaged_rows >= *ret_count)
        catalogue->inspection.damaged_rows -= *ret_count;
    return result == 0 || catalogue_failed(result, error, "put rows in order");
}
