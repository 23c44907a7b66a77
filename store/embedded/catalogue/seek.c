/* store/embedded/catalogue/seek.c -- finding a place in a table among rows of which some are damaged.
 *
 * A row whose key was changed stands where its old key belongs, so LMDB's search may go by it to the wrong side. It
 * does not go far: every other row sends the search back to it, and it ends beside it. So whoever steps back over what
 * is damaged, and over sound rows that are not before the target, comes to where the target's place is, surely. */
#include "runtime/log/log.h"
#include "store/embedded/catalogue/catalogue.h"

#include <string.h>

enum { KEY_BYTES_MAX = 511, CHECKSUM_BYTES = 4 };

static struct span span_of_value(const MDB_val *value)
{
    return span_of(value->mv_data, value->mv_size);
}

bool catalogue_ends(const MDB_val *key, const MDB_val *value, struct error *error)
{
    struct span ignored;
    return catalogue_check(key, value, &ignored, error);
}

/* ---- reading ---- */

/* From where LMDB's search ended back to the last sound row before the target; MDB_NOTFOUND: there is none. */
static int step_back(MDB_cursor *cursor, struct span target, MDB_val *ret_key, MDB_val *ret_value, unsigned *damaged)
{
    int result;
    while ((result = mdb_cursor_get(cursor, ret_key, ret_value, MDB_PREV)) == 0) {
        if (!catalogue_is_sound(ret_key, ret_value))
            ++*damaged;
        else if (span_compare(span_of_value(ret_key), target) < 0)
            break;
    }
    return result;
}

/* *ret_damaged: how many damaged rows stand around the place. */
static int seek(MDB_cursor *cursor, struct span target, MDB_val *ret_key, MDB_val *ret_value, unsigned *ret_damaged)
{
    *ret_damaged = 0;
    *ret_key = (MDB_val){.mv_size = target.size, .mv_data = (void *)(uintptr_t)target.data};
    int result = mdb_cursor_get(cursor, ret_key, ret_value, MDB_SET_RANGE);
    if (result == MDB_NOTFOUND) { /* behind the last one; MDB_PREV would begin there, but not after a search */
        result = mdb_cursor_get(cursor, ret_key, ret_value, MDB_LAST);
        if (result == 0 && catalogue_is_sound(ret_key, ret_value) && span_compare(span_of_value(ret_key), target) < 0)
            return MDB_NOTFOUND;
    }
    if (result != 0)
        return result;
    *ret_damaged += !catalogue_is_sound(ret_key, ret_value);
    result = step_back(cursor, target, ret_key, ret_value, ret_damaged);
    if (result != 0 && result != MDB_NOTFOUND)
        return result;
    return mdb_cursor_get(cursor, ret_key, ret_value, result == 0 ? MDB_NEXT : MDB_FIRST);
}

int catalogue_seek(MDB_cursor *cursor, struct span target, MDB_val *ret_key, MDB_val *ret_value)
{
    unsigned damaged;
    return target.size == 0 ? mdb_cursor_get(cursor, ret_key, ret_value, MDB_FIRST)
                            : seek(cursor, target, ret_key, ret_value, &damaged);
}

/* To the sound row with this key, past what is damaged, which may hide it. */
static int find_sound(MDB_cursor *cursor, struct span key, MDB_val *ret_value, unsigned *ret_damaged)
{
    MDB_val found_key;
    int result = seek(cursor, key, &found_key, ret_value, ret_damaged);
    while (result == 0 &&
           (!catalogue_is_sound(&found_key, ret_value) || span_compare(span_of_value(&found_key), key) < 0))
        result = mdb_cursor_get(cursor, &found_key, ret_value, MDB_NEXT);
    return result == 0 && !span_equal(span_of_value(&found_key), key) ? MDB_NOTFOUND : result;
}

int catalogue_find(MDB_txn *txn, MDB_dbi table, struct span key, MDB_val *ret_value, bool *ret_met_damage)
{
    MDB_val found_key = {.mv_size = key.size, .mv_data = (void *)(uintptr_t)key.data};
    *ret_met_damage = false;
    int result = mdb_get(txn, table, &found_key, ret_value);
    if (result != MDB_NOTFOUND)
        return result;
    MDB_cursor *cursor;
    result = mdb_cursor_open(txn, table, &cursor);
    if (result != 0)
        return result;
    unsigned damaged;
    result = find_sound(cursor, key, ret_value, &damaged);
    *ret_met_damage = damaged > 0;
    mdb_cursor_close(cursor);
    return result;
}

enum lookup catalogue_stand_on(MDB_cursor *cursor, struct span key, struct error *error)
{
    MDB_val value;
    unsigned damaged;
    int result = find_sound(cursor, key, &value, &damaged);
    if (result == 0)
        return LOOKUP_FOUND;
    if (result == MDB_NOTFOUND)
        return catalogue_missed(damaged > 0, error);
    catalogue_failed(result, error, "look for a row");
    return LOOKUP_FAILED;
}

/* ---- writing ---- */

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

/* To the first damaged row around the target's place that is out of order. MDB_NOTFOUND: there is none. */
static int find_disorder(MDB_cursor *cursor, struct span target)
{
    MDB_val key;
    MDB_val value;
    unsigned damaged;
    struct bound low = {0};
    int result = seek(cursor, target, &key, &value, &damaged);
    if (result != 0 || damaged == 0)
        return result != 0 ? result : MDB_NOTFOUND;
    if (mdb_cursor_get(cursor, &key, &value, MDB_PREV) == 0)
        set_bound(&low, &key);
    result = mdb_cursor_get(cursor, &key, &value, low.is_there ? MDB_NEXT : MDB_FIRST);
    for (; result == 0; result = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) {
        bool is_sound = catalogue_is_sound(&key, &value);
        if (!is_sound && (!is_behind(&low, &key) || !is_before_next(cursor, &key)))
            return 0;
        if (!is_sound && --damaged == 0)
            break;
        if (is_sound)
            set_bound(&low, &key);
    }
    return result == 0 ? MDB_NOTFOUND : result;
}

static bool put_in_order(MDB_txn *txn, MDB_dbi table, struct span target, struct error *error)
{
    MDB_cursor *cursor;
    unsigned removed = 0;
    int result;
    if (!catalogue_open_cursor(txn, table, &cursor, error))
        return false;
    while ((result = find_disorder(cursor, target)) == 0 && (result = mdb_cursor_del(cursor, 0)) == 0)
        removed++;
    mdb_cursor_close(cursor);
    if (removed > 0)
        log_message(LOG_ERROR, "%u rows of the catalogue had damaged keys and were dropped: run `bale check`", removed);
    return result == MDB_NOTFOUND || catalogue_failed(result, error, "remove a damaged row");
}

bool catalogue_has_place(MDB_txn *txn, MDB_dbi table, struct span key)
{
    MDB_val key_value = {.mv_size = key.size, .mv_data = (void *)(uintptr_t)key.data};
    MDB_val value;
    MDB_cursor *cursor;
    if (mdb_get(txn, table, &key_value, &value) != MDB_NOTFOUND || mdb_cursor_open(txn, table, &cursor) != 0)
        return false;
    bool is_in_order = find_disorder(cursor, key) == MDB_NOTFOUND;
    mdb_cursor_close(cursor);
    return is_in_order;
}

bool catalogue_find_for_write(MDB_txn *txn, MDB_dbi table, struct span key, MDB_val *ret_value, struct error *error)
{
    MDB_val value;
    MDB_val *found = ret_value != NULL ? ret_value : &value;
    bool met_damage;
    int result = catalogue_find(txn, table, key, found, &met_damage);
    if (met_damage) {
        if (!put_in_order(txn, table, key, error))
            return false;
        result = catalogue_find(txn, table, key, found, &met_damage); /* what was found may have moved */
    }
    if (result == MDB_NOTFOUND)
        *found = (MDB_val){0};
    return result == 0 || result == MDB_NOTFOUND || catalogue_failed(result, error, "look for a row");
}
