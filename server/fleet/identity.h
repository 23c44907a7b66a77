/* server/fleet/identity.h -- who this process is among those before one bucket, kept in the file `replica` of --state.
 *
 * A state folder that was copied holds the same file, so two processes would be one. What tells them apart:
 *   start  is drawn by each start and stands in the replica's card (journal/fleet/card.h). Whoever finds another one
 *          there than this file remembers has a folder that somebody else has started from since.
 *   place  is a digest of the host's name and of the folder's inode and birth, so a copy has another one. With the same
 *          place, and the folder's lock in hand, the process that wrote the card has ended.
 *
 * It also remembers the journal's lineage, so that a bucket whose journal somebody has deleted is not taken for a new
 * one. Files are read and written by the calling thread: at start, or on the offload pool. */
#pragma once

#include "journal/format/name.h"
#include "runtime/base/error.h"
#include "runtime/base/random.h"

#include <stdbool.h>

enum { IDENTITY_PATH_BYTES = 1024 };

struct fleet_identity {
    char folder[IDENTITY_PATH_BYTES]; /* "": there is none, nothing is kept */
    struct journal_id id;
    struct journal_id start;   /* the last one that was drawn */
    struct journal_id known;   /* the last one that was seen in the card; `start` may not have got there */
    struct journal_id lineage; /* of the journal that this replica has known; zero: of none */
    struct journal_id place;
    bool is_new; /* drawn just now: nobody can have a copy */
};

/* `folder` NULL: a replica without one, new each time. Where there is no file, or none that can be understood, the
 * replica is a new one. */
bool fleet_identity_load(const char *folder, const struct random_source *random, struct fleet_identity *ret_identity,
                         struct error *error);
/* Durable when it returns. */
bool fleet_identity_save(const struct fleet_identity *identity, struct error *error);
/* Another replica from now on; it is not saved yet. */
void fleet_identity_renew(struct fleet_identity *identity, const struct random_source *random);
