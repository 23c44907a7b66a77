/* store/embedded/catalogue/seek.c -- finding a place in a table among rows of which some are damaged.
 *
 * A row whose key was changed stands where its old key belongs, so LMDB's search may go by it to the wrong side. It
 * does not go far: every other row sends the search back to it, and it ends beside it. So whoever steps back over what
 * is damaged, and over sound rows that are not before the target, comes to where the target's place is, surely. That
 * is so as long as sound rows are in order, wherever LMDB's search goes; order.c keeps them so. */
#include "store/embedded/catalogue/seek.h"

static struct span span_of_value(const MDB_val *value)
{
    return span_of(value->mv_data, value->mv_size);
}

bool catalogue_ends(const MDB_val *key, const MDB_val *value, struct error *error)
{
    struct span ignored;
    return catalogue_check(key, value, &ignored, error);
}

/* From where LMDB's search ended back to the last sound row before the target; MDB_NOTFOUND: there is none. */
static int step_back(MDB_cursor *cursor, struct span target, MDB_val *ret_key, MDB_val *ret_value,
                     struct landing *landing)
{
    int result;
    while ((result = mdb_cursor_get(cursor, ret_key, ret_value, MDB_PREV)) == 0) {
        if (!catalogue_is_sound(ret_key, ret_value))
            landing->damaged++;
        else if (span_compare(span_of_value(ret_key), target) < 0)
            break;
        else
            landing->is_astray = true;
    }
    return result;
}

int seek_place(MDB_cursor *cursor, struct span target, MDB_val *ret_key, MDB_val *ret_value,
               struct landing *ret_landing)
{
    *ret_landing = (struct landing){0};
    *ret_key = (MDB_val){.mv_size = target.size, .mv_data = (void *)(uintptr_t)target.data};
    int result = mdb_cursor_get(cursor, ret_key, ret_value, MDB_SET_RANGE);
    if (result == MDB_NOTFOUND) { /* behind the last one; MDB_PREV would begin there, but not after a search */
        result = mdb_cursor_get(cursor, ret_key, ret_value, MDB_LAST);
        if (result == 0 && catalogue_is_sound(ret_key, ret_value)) {
            if (span_compare(span_of_value(ret_key), target) < 0)
                return MDB_NOTFOUND;
            ret_landing->is_astray = true;
        }
    }
    if (result != 0)
        return result;
    ret_landing->damaged += !catalogue_is_sound(ret_key, ret_value);
    result = step_back(cursor, target, ret_key, ret_value, ret_landing);
    if (result != 0 && result != MDB_NOTFOUND)
        return result;
    return mdb_cursor_get(cursor, ret_key, ret_value, result == 0 ? MDB_NEXT : MDB_FIRST);
}

int catalogue_seek(MDB_cursor *cursor, struct span target, MDB_val *ret_key, MDB_val *ret_value)
{
    struct landing landing;
    if (target.size == 0)
        return mdb_cursor_get(cursor, ret_key, ret_value, MDB_FIRST);
    int result = seek_place(cursor, target, ret_key, ret_value, &landing);
    while (result == 0 && span_compare(span_of_value(ret_key), target) < 0 && catalogue_is_sound(ret_key, ret_value))
        result = mdb_cursor_get(cursor, ret_key, ret_value, MDB_NEXT);
    return result;
}

int seek_sound(MDB_cursor *cursor, struct span key, MDB_val *ret_value, struct landing *ret_landing)
{
    MDB_val found_key;
    int result = seek_place(cursor, key, &found_key, ret_value, ret_landing);
    for (; result == 0; result = mdb_cursor_get(cursor, &found_key, ret_value, MDB_NEXT)) {
        if (!catalogue_is_sound(&found_key, ret_value))
            continue;
        if (span_compare(span_of_value(&found_key), key) >= 0)
            break;
        ret_landing->is_astray = true;
    }
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
    struct landing landing;
    result = seek_sound(cursor, key, ret_value, &landing);
    *ret_met_damage = landing.damaged > 0;
    mdb_cursor_close(cursor);
    return result;
}

enum lookup catalogue_stand_on(MDB_cursor *cursor, struct span key, struct error *error)
{
    MDB_val value;
    struct landing landing;
    int result = seek_sound(cursor, key, &value, &landing);
    if (result == 0)
        return LOOKUP_FOUND;
    if (result == MDB_NOTFOUND)
        return catalogue_missed(landing.damaged > 0, error);
    catalogue_failed(result, error, "look for a row");
    return LOOKUP_FAILED;
}
