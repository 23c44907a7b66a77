/* store/remote/write/tombstone.h -- deletions that count once, whoever deletes at the same moment.
 *
 * A server answers 204 to the deletion of a revision that is gone (AWS does, and Bale): of two deletions that cross
 * each other nobody could say which one it was. So what the ledger counts is buried before it is deleted: a tombstone
 * takes its place, an object of a few bytes that is written under If-Match, which one of all who write, delete or copy
 * to the key wins; then the tombstone is deleted under its own ETag, which no other object ever has.
 *
 *   PUT tombstone, If-Match: E ──▶ it counts; for Bale there is nothing any more ──▶ DELETE, If-Match: the tombstone's
 *
 * To every reader of Bale a key with a tombstone holds nothing; who writes to it names the tombstone as what is
 * replaced, which counts nothing. Other tools see it for a moment. One that a killed process left is removed by its
 * next start (ledger/settle.h), by whoever deletes the key again, or by any look at it once it is five minutes old.
 *
 * Only where the backend heeds If-Match on PUT and on DELETE (VERDICT_DELETE_RACES), in buckets that were never
 * versioned (a marker says by itself who made it), and of objects that this process's ledger counts. docs/savings.md
 * weighs it. */
#pragma once

#include "store/remote/ledger/counting.h"
#include "store/remote/write/target.h"

/* Is what the ledger counts under this key buried before it is deleted? */
SUSPENDS bool tombstone_may_stand(const struct remote_key *key);
/* Is this revision? */
SUSPENDS bool tombstone_is_due(const struct write_target *target);

/* Where a tombstone stands. */
struct tombstone_place {
    char etag[STORED_ETAG_TEXT_BYTES];
    char version[VERSION_TEXT_BYTES]; /* not "null": the bucket has become versioned, a moment ago */
};

enum burial {
    BURIED,       /* the tombstone stands: it is to be removed, and then counting_done */
    BURIED_OTHER, /* the target was replaced or deleted: by now it is something that needs no tombstone */
    BURIED_NONE,  /* *error says why */
};
/* Puts a tombstone in the place of the target, which is due, and of what replaces it meanwhile, as far as the target's
 * condition holds for that. */
SUSPENDS enum burial tombstone_bury(struct write_target *target, struct counting *counting,
                                    struct tombstone_place *ret_place, struct error *error);

/* Removes the tombstone; true also where somebody else has, or has written over it. In a bucket that has become
 * versioned that makes a marker, of which *ret_answer tells, and no version of the tombstone is left. */
SUSPENDS bool tombstone_remove(struct remote_key *key, const struct tombstone_place *place,
                               struct s3_answer *ret_answer, struct error *error);
/* The same of one that was looked at, if it is so old that its deletion must have been cut off. */
SUSPENDS void tombstone_remove_old(struct remote_key *key, const struct object_attributes *tombstone);
