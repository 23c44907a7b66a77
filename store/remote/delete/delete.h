/* store/remote/delete/delete.h -- what deletions of one key (delete.c) and of many at once (delete_many.c) have in
 * common. On fibers of an attached shard. */
#pragma once

#include "store/remote/ledger/counting.h"
#include "store/remote/ledger/departing.h"
#include "store/remote/store.h"
#include "store/remote/write/target.h"

/* A deletion among many whose answer was lost. */
struct lost_deletion {
    const char *etag;          /* of what was there before; "": not known */
    struct counting *counting; /* what is noted there goes over to who finds out */
    const struct departing *departing;
};

/* With its condition, whatever it is. `lost`, not NULL: it was sent before, and may have been applied. What is there as
 * it was is deleted, what was written since stays. False: item->error says why. */
SUSPENDS bool deletion_of_one(struct remote *remote, struct span bucket, struct delete_item *item,
                              const struct lost_deletion *lost);

/* What is there, a moment before it is deleted. A server may answer 204 to the deletion of nothing, whatever revision
 * was named: for the ledger it is asked, and the row is not believed. A tombstone is refused where that is wrong. */
SUSPENDS bool deletion_find_revision(struct write_target *target, struct error *error);
/* By a tombstone (write/tombstone.h), which is due. *ret_is_done: nothing is left to be deleted. In a bucket that has
 * become versioned meanwhile a marker was made. */
SUSPENDS bool deletion_bury(struct delete_item *item, struct write_target *target, struct counting *counting,
                            bool *ret_is_done, struct error *error);
/* True. What is deleted now, or where a marker stands now: the null version, where the backend does not name it. */
bool deletion_note_result(struct delete_item *item, bool is_marker, const char *version);
/* The version of the marker that stands now; NULL: none does. */
const char *deletion_left(const struct delete_item *item);
/* Of what was deleted; also of the key itself, when it was a version of it. */
void deletion_drop_rows(struct remote *remote, struct remote_shard *shard, const struct object_name *name);
