/* store/embedded/catalogue/catalogue.h -- the LMDB environment: its tables, checked values, and what its errors mean.
 *
 * Tables (docs/store-format.md has keys and values): meta, buckets, objects, bodies, sidecars, extents, volumes, space,
 * those of uploads (upload_rows.h), of versions (version_rows.h) and of the ledger (ledger.h).
 * LMDB has no checksums of its own, so every value carries the CRC-32C of its key and its bytes, which every read
 * checks.
 *
 * A fault inside the map (a file that was cut behind our back) ends the process with a sentence that names the file. */
#pragma once

#include "runtime/base/buffer.h"
#include "runtime/base/error.h"
#include "runtime/base/span.h"
#include "store/bucket.h"
#include "store/embedded/catalogue/folder.h"
#include "store/embedded/catalogue/inspect.h"

#include <lmdb.h>
#include <stdbool.h>
#include <stdint.h>

struct catalogue {
    MDB_env *env;
    MDB_dbi meta;
    MDB_dbi buckets;
    MDB_dbi objects;
    MDB_dbi bodies;   /* number -> a small body */
    MDB_dbi sidecars; /* number -> a sidecar */
    MDB_dbi extents;  /* number -> extents of a body that has many */
    MDB_dbi volumes;  /* volume -> what it is */
    MDB_dbi space;    /* volume, part -> bitmap of taken blocks */
    MDB_dbi uploads;  /* these six: upload_rows.h */
    MDB_dbi upload_ids;
    MDB_dbi parts;
    MDB_dbi completed;
    MDB_dbi pieces;
    MDB_dbi part_maps;
    MDB_dbi spools; /* these two: ledger.h */
    MDB_dbi spool_records;
    MDB_dbi versioned; /* these two: version_rows.h */
    MDB_dbi versions;
    uint64_t map_bytes;
    struct inspection inspection; /* of before it was opened; of 30 s at most */
    bool is_as_left;              /* its stop mark held (stop_mark.h): no page was looked at before */
    const void *map;              /* guarded; NULL: it is not */
    char path[STORE_PATH_BYTES_MAX + 32];
};

#define CATALOGUE_BYTES_DEFAULT (UINT64_C(256) << 30) /* of address space */
enum {
    CATALOGUE_PAGE_BYTES = 4096,
    CATALOGUE_NUMBER_BYTES = 8,  /* a key of bodies, sidecars, extents: big endian */
    INLINE_BODY_BYTES_MAX = 2000 /* a longer value would take pages of its own */
};

/* Opens the environment in `folder`/catalogue, having looked at all of its pages (inspect.h). ERROR_NOT_FOUND: the file
 * is missing and `create` is not set; ERROR_DAMAGED: LMDB must not be let loose on it, it is of another store
 * (`uuid`), or a rebuild of it has not ended. */
bool catalogue_open(const char *folder, uint64_t max_bytes, const uint8_t uuid[16], bool create,
                    struct catalogue *ret_catalogue, struct error *error);
/* The same of one that is there, whose pages were looked at by an earlier process, if its stop mark holds and the disk
 * has room for what is replaced during a look: now only its metas are, and the caller looks at the rest while it goes
 * on (later_look.h). Takes the mark away. */
bool catalogue_open_as_left(const char *folder, uint64_t max_bytes, const uint8_t uuid[16],
                            struct catalogue *ret_catalogue, struct error *error);
/* The same as catalogue_open of one that is there. Where it is damaged just where it says whose it is, that is written
 * anew: for repair, which then looks at everything that the catalogue says of the folder. */
bool catalogue_open_mended(const char *folder, uint64_t max_bytes, const uint8_t uuid[16],
                           struct catalogue *ret_catalogue, struct error *error);
/* The same of a copy that a rebuild has put in its place, whose mark is set (rebuild_mark.h): the others refuse that.
 */
bool catalogue_open_rebuilt(const char *folder, uint64_t max_bytes, const uint8_t uuid[16],
                            struct catalogue *ret_catalogue, struct error *error);
/* For walks over all rows, where nothing is wrong but that keys are out of order: searches would go astray.
 * ERROR_DAMAGED: more is wrong. */
bool catalogue_open_disordered(const char *folder, uint64_t max_bytes, const uint8_t uuid[16],
                               struct catalogue *ret_catalogue, struct error *error);
/* The same as catalogue_open for reading alone: makes and changes nothing but LMDB's own entry in lock.mdb, which keeps
 * a writer in another process from using pages again that are read here. Beside such a writer pages are not looked at
 * before. Tables of a format before this one are ERROR_UNSUPPORTED.
 */
bool catalogue_open_readonly(const char *folder, uint64_t max_bytes, const uint8_t uuid[16],
                             struct catalogue *ret_catalogue, struct error *error);
void catalogue_close(struct catalogue *catalogue);

/* Opens all of them; `flags` as mdb_dbi_open has them. */
bool catalogue_open_tables(struct catalogue *catalogue, MDB_txn *txn, unsigned flags, struct error *error);
enum { CATALOGUE_TABLES_MAX = 24 };
/* Returns how many there are. */
unsigned catalogue_list_tables(const struct catalogue *catalogue, MDB_dbi ret_tables[CATALOGUE_TABLES_MAX]);
/* Is there a table of this name in some format? */
bool catalogue_has_table(const char *name);

/* Readers of processes that were killed keep pages from being used again: forgets them. */
void catalogue_check_readers(const struct catalogue *catalogue);

/* Bytes of the file that are in use up to the last page. */
uint64_t catalogue_used_bytes(const struct catalogue *catalogue);

/* Turns an LMDB result into an error: ERROR_FULL with InsufficientStorage for a full map or disk, ERROR_DAMAGED for
 * what LMDB finds wrong, else ERROR_IO. Returns false. */
bool catalogue_failed(int result, struct error *error, const char *what);
/* To be closed by the caller. */
bool catalogue_open_cursor(MDB_txn *txn, MDB_dbi table, MDB_cursor **ret_cursor, struct error *error);

/* ---- values with a checksum ---- */

enum lookup { LOOKUP_FOUND, LOOKUP_MISSING, LOOKUP_FAILED };

/* ret_value points into the map: valid while the transaction is. */
enum lookup catalogue_get(MDB_txn *txn, MDB_dbi table, struct span key, struct span *ret_value, struct error *error);
bool catalogue_put(MDB_txn *txn, MDB_dbi table, struct span key, struct span value, unsigned flags,
                   struct error *error);
/* True also when there was nothing. */
bool catalogue_delete(MDB_txn *txn, MDB_dbi table, struct span key, struct error *error);
/* The same in tables of which no row may get lost, since a missing one means something (space, volumes, buckets, meta):
 * a row is written over or deleted where it stands, and damaged ones beside it stay for a repair to find.
 * ERROR_DAMAGED: it is missing, and a damaged row beside its place may be the one that is missed. */
bool catalogue_put_beside(MDB_txn *txn, MDB_dbi table, struct span key, struct span value, struct error *error);
bool catalogue_delete_beside(MDB_txn *txn, MDB_dbi table, struct span key, struct error *error);
/* Strips and checks the checksum of a value that a cursor found. */
bool catalogue_check(const MDB_val *key, const MDB_val *value, struct span *ret_value, struct error *error);

/* ---- among damaged rows (seek.c, order.c) ---- */

/* Does the value match its checksum? So has every row of every table, those of the table of objects too. */
bool catalogue_is_sound(const MDB_val *key, const MDB_val *value);
/* As mdb_get, also where a row with a damaged key leads LMDB's search astray. *ret_met_damage: when it is MDB_NOTFOUND,
 * that may be because a damaged row beside its place is the one that is missed. */
int catalogue_find(MDB_txn *txn, MDB_dbi table, struct span key, MDB_val *ret_value, bool *ret_met_damage);
/* As MDB_SET_RANGE, likewise; an empty target: MDB_FIRST. When it ends at a damaged row, sound ones before the target
 * may follow. */
int catalogue_seek(MDB_cursor *cursor, struct span target, MDB_val *ret_key, MDB_val *ret_value);
/* What MDB_NOTFOUND of catalogue_find means to a reader: LOOKUP_MISSING, or LOOKUP_FAILED with ERROR_DAMAGED. */
enum lookup catalogue_missed(bool met_damage, struct error *error);
/* Of a walk that came to a row of another kind, and ends: false when it is a damaged one of its own, perhaps. */
bool catalogue_ends(const MDB_val *key, const MDB_val *value, struct error *error);
/* Puts the cursor on the sound row with this key, if it is there. LOOKUP_FAILED: as catalogue_missed has it. */
enum lookup catalogue_stand_on(MDB_cursor *cursor, struct span key, struct error *error);
/* May a row be put that is not there? Not where a damaged one is out of order or has its key. */
bool catalogue_has_place(MDB_txn *txn, MDB_dbi table, struct span key);
/* Before a write: LMDB's search will find the key's place, for which damaged rows that are out of order beside it are
 * put where they belong, or removed where that is not known. *ret_value, unless it is NULL: what is there, unchecked;
 * mv_data NULL: nothing. ERROR_DAMAGED: LMDB's search does not find the place all the same. */
bool catalogue_find_for_write(MDB_txn *txn, MDB_dbi table, struct span key, MDB_val *ret_value, struct error *error);
/* Rows that have one wrong bit, as their checksums tell, are put right, in all tables: in their keys, so that they
 * stand where they belong; and with `values_too` anywhere. Others stay. *ret_count: so many. */
bool catalogue_correct(struct catalogue *catalogue, bool values_too, unsigned *ret_count, struct error *error);

/* ---- numbers ---- */

/* Behind what is damaged: numbers that may have been in use. */
#define CATALOGUE_NUMBERS_LEFT_OUT (UINT64_C(1) << 32)
void catalogue_number_key(uint64_t number, uint8_t ret_key[CATALOGUE_NUMBER_BYTES]);
/* More than the greatest number in use in a table with number keys, also where the last rows are damaged. */
bool catalogue_next_number(MDB_txn *txn, MDB_dbi table, uint64_t *ret_number, struct error *error);

/* ---- meta ---- */

bool catalogue_get_counter(MDB_txn *txn, const struct catalogue *catalogue, const char *name, uint64_t missing,
                           uint64_t *ret_value, struct error *error);
bool catalogue_put_counter(MDB_txn *txn, const struct catalogue *catalogue, const char *name, uint64_t value,
                           struct error *error);

/* ---- buckets ---- */

struct bucket_row {
    struct bucket_info info;
    uint64_t number; /* the group of its keys; never used again */
};
enum lookup catalogue_find_bucket(MDB_txn *txn, const struct catalogue *catalogue, struct span name,
                                  struct bucket_row *ret_row, struct error *error);
bool catalogue_put_bucket(MDB_txn *txn, const struct catalogue *catalogue, const struct bucket_row *row,
                          struct error *error);
bool catalogue_decode_bucket(struct span name, struct span value, struct bucket_row *ret_row);
/* The same with NoSuchBucket as an error. */
bool catalogue_need_bucket(MDB_txn *txn, const struct catalogue *catalogue, struct span name,
                           struct bucket_row *ret_row, struct error *error);
