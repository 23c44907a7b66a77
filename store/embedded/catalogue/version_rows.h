/* store/embedded/catalogue/version_rows.h -- versions that are not current, and delete markers: their ids and rows.
 *
 *     objects    bucket, key                      ->  the current version, if it is an object (row.h)
 *     versioned  bucket, key (as in `objects`)    ->  a group number, and the order of the null version in it
 *     versions   group u64, inverted order u64    ->  an object part (row.h): a former version, or a delete marker
 *
 * So `versions` has the versions of a key from the newest to the oldest, and the rows of `objects` are what plain lists
 * show: a key whose current version is a marker has none, and costs them nothing. Where a key has no row in `objects`,
 * the newest of its group is a delete marker, and it is the current version. A group that becomes empty goes. A key has
 * one null version at most, in one of the two tables.
 *
 * An order is the place of a version among all of the store: ms since 1970 u48, then a count u16, always more than the
 * one before. An id is its order and 64 bits that tell the openings of the store apart (statement 403: no id comes
 * again, also where a catalogue was restored that knows less than was given out), as 26 digits of Crockford's base 32;
 * so ids sort as versions do. A null version that was written while versions were kept has its order in its row, and
 * one from before gets one when it is superseded. Keys are big endian. */
#pragma once

#include "store/embedded/catalogue/key_path.h"

enum { VERSION_KEY_BYTES = 16, VERSION_ID_BYTES = 26, VERSIONED_ROW_BYTES = 16 };

/* ---- ids ---- */

void version_id_format(uint64_t order, uint64_t opening, char ret_version[VERSION_TEXT_BYTES]);
/* False: it is none of this store's. */
bool version_id_parse(struct span version, uint64_t *ret_order);

/* ---- rows ---- */

struct version_group {
    uint64_t number;
    uint64_t null_order; /* 0: the null version is not in the group */
};

/* `bucket` is the group of its keys, everywhere below. */
enum lookup version_find_group(MDB_txn *txn, const struct catalogue *catalogue, uint64_t bucket, struct span key,
                               struct version_group *ret_group, struct error *error);
bool version_group_decode(struct span value, struct version_group *ret_group);
void version_group_encode(const struct version_group *group, uint8_t ret_value[VERSIONED_ROW_BYTES]);

void version_make_key(uint64_t group, uint64_t order, uint8_t ret_key[VERSION_KEY_BYTES]);
/* The object part is in the map. */
enum lookup version_get(MDB_txn *txn, const struct catalogue *catalogue, uint64_t group, uint64_t order,
                        struct span *ret_object, struct error *error);

/* A walk over the versions of a group, from the newest to the oldest. */
struct version_cursor {
    MDB_cursor *cursor;
    uint64_t group;
    uint64_t order;     /* of the one that it stands on */
    struct span object; /* its object part, in the map */
};
bool version_cursor_open(struct version_cursor *cursor, MDB_txn *txn, const struct catalogue *catalogue,
                         struct error *error);
void version_cursor_close(struct version_cursor *cursor);
/* To the newest whose order is less than `before`; UINT64_MAX: to the newest. LOOKUP_MISSING: there is none. */
enum lookup version_cursor_seek(struct version_cursor *cursor, uint64_t group, uint64_t before, struct error *error);
enum lookup version_cursor_next(struct version_cursor *cursor, struct error *error);
/* The same as one step. */
enum lookup version_newest(MDB_txn *txn, const struct catalogue *catalogue, uint64_t group, uint64_t *ret_order,
                           struct span *ret_object, struct error *error);

/* ---- one version by its name ---- */

struct version_place {
    bool is_current_row; /* it lies in `objects`; else in `versions`, under: */
    struct version_group group;
    struct row row; /* points into the map */
    struct span object;
};

/* `version` is "null" or an id. A marker is found like an object. */
enum lookup version_find(MDB_txn *txn, const struct catalogue *catalogue, uint64_t bucket, struct span key,
                         struct span version, struct version_place *ret_place, struct error *error);
