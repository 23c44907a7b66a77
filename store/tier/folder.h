/* store/tier/folder.h -- the folder of a tier: one process has it, and it belongs to one backend.
 *
 *     lock              flock(2), with the owner's pid (store/folder_lock.h)
 *     FORMAT            "bale tier 1", the secret key in hex, and the backend's name: three lines
 *     <16 hex>.slab     store/tier/slabs.h
 *
 * A folder that is empty becomes a tier. One that another backend's tier lies in is emptied, not believed; one that
 * holds anything else is refused. Everything in it may be lost at any time. Main thread, before the shards start. */
#pragma once

#include "runtime/base/error.h"
#include "runtime/base/random.h"
#include "store/tier/block.h"

struct tier_folder {
    const char *path; /* the caller's */
    int fd;
    int lock_fd;
    uint8_t key[TIER_KEY_BYTES]; /* by which revisions are named */
};

/* `backend`: which store it is a tier of, one line of text. ERROR_BUSY: another process has the folder. ERROR_INVALID:
 * it is no tier, one of a newer Bale, or on a file system of a network. */
bool tier_folder_open(const char *path, const char *backend, const struct random_source *random,
                      struct tier_folder *ret_folder, struct error *error);
void tier_folder_close(struct tier_folder *folder);

/* "0123456789abcdef.slab" */
enum { SLAB_NAME_BYTES = 22 };
void slab_name_format(uint64_t sequence, char ret_name[SLAB_NAME_BYTES]);
bool slab_name_parse(const char *name, uint64_t *ret_sequence);
