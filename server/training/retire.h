/* server/training/retire.h -- a dictionary that nothing shall need any more: what refers to it is written again, and
 * then it is removed.
 *
 * This is how a deleted object's words leave a dictionary. On shard 0, and long: every object of the bucket is looked
 * at twice, or more often where it is written to meanwhile. What is written again keeps its ETag, metadata, tags, owner
 * and lock, and gets a new modification time. Not in buckets that have or had versions: an old version cannot be
 * written again. */
#pragma once

#include "server/training/trainer.h"

struct retirement {
    uint64_t looked_at;
    uint64_t rewritten;
};

/* ERROR_NOT_FOUND: there is none of that id. ERROR_UNSUPPORTED: the bucket has versions. ERROR_CONFLICT: somebody still
 * writes with it, or has put it in force again. ERROR_BUSY: a training or another retirement is under way. Whatever was
 * written again stays so; what failed can be tried again. */
SUSPENDS bool dictionary_retire(struct dictionary_trainer *trainer, struct span bucket, struct span id,
                                struct retirement *ret_done, struct error *error);
