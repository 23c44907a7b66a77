/* store/embedded/repair/check.h -- what `bale check` is made of: looking at everything, and rebuilding a lost
 * catalogue. */
#pragma once

#include "store/embedded/state.h"

/* Counts a finding and reports its sentence. */
__attribute__((format(printf, 2, 3))) void report_finding(struct embedded_report *report, const char *format, ...);

/* CRC-32C of the first `size` bytes of the extents; false when they cannot be read. Blocks. */
bool check_read_body(const struct embedded_store *store, struct span extents, uint64_t size, uint32_t *ret_crc32c);

/* What is damaged of the tables `volumes` and `space` is dropped and reported; the first gets a row for every file that
 * has none, in the second everything that was dropped counts as taken, until the check has found out what is. The
 * catalogue is open, volumes are not. */
bool mend_volumes(struct embedded_store *store, struct embedded_report *report, struct error *error);
/* A row for each file that has none: so many. */
bool mend_volume_rows(struct embedded_store *store, MDB_txn *txn, unsigned *ret_count, struct error *error);

/* A new catalogue with all rows of the one that is there, in place of it, where nothing is wrong but the order of its
 * keys; the old one is kept under another name. The store's folder is open, its catalogue is not. ERROR_DAMAGED: more
 * is wrong, and nothing was changed. */
bool reorder_catalogue(struct embedded_store *store, struct embedded_report *report, struct error *error);
/* For a damaged catalogue that is kept; inside the folder. */
void repair_name_damaged(int folder, char ret_name[64]);

/* A new catalogue from the labels in the volumes, in place of what is there (which is kept under another name). With
 * `copy`, a catalogue of an earlier moment is the beginning. The store's folder is open, its catalogue is not;
 * afterwards it is, and nobody else opens it before it was checked and rebuild_mark_clear() called. */
bool rebuild_catalogue(struct embedded_store *store, const char *copy, struct embedded_report *report,
                       struct error *error);

/* Is this a copy of the folder's catalogue? */
bool backup_is_ours(const struct folder *folder, const char *file, struct error *error);
/* Makes `file` the folder's catalogue; there is none. */
bool backup_put_back(const struct folder *folder, const char *file, struct error *error);
