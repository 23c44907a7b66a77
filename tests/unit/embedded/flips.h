/* tests/unit/embedded/flips.h -- bits of a catalogue's file that a test flips: which bytes are whose, and the flipping.
 */
#pragma once

#include "store/embedded/catalogue/catalogue.h"

/* A copy of a folder that nobody has open, in a folder of its own. */
void flips_copy_folder(const char *from, char ret_path[64]);
/* The catalogue of a folder that nobody has open, in a transaction to look at rows. */
struct flips_view {
    struct catalogue catalogue;
    MDB_txn *txn;
    const char *map;
};
void flips_view_open(struct flips_view *view, const char *path);
void flips_view_close(struct flips_view *view);
/* Where the file of an open catalogue is mapped. */
const char *flips_map(const char *path);
/* Where in the file a byte of a key or value lies. */
long flips_place(const struct flips_view *view, const void *byte);
/* Where the copies that branch pages have of keys of objects begin in the file, those included that transactions have
 * left behind. Returns how many, `max` at most. */
unsigned flips_branch_keys(const char *path, long *ret_places, unsigned max);
/* Also while a process has the catalogue open: it sees the change at once. */
void flips_flip(const char *path, long at, unsigned bit);
/* Two bits of one byte: more than the row's checksum can put right. */
void flips_damage(const char *path, long at);
