/* tools/bale/maintain/repair_folder.c -- looks at a version, and packs it anew for the sake of its index. */
#include "tools/bale/maintain/repair_folder.h"

#include "server/object/object_rewrite.h"

enum { ARENA_BYTES = 256 << 10 }; /* metadata, grants */

/* What is known of it before all of it is read: REPAIR_DONE, and at which level. */
SUSPENDS static bool judge(const struct folder_repair *repair, const struct object_name *name, int *ret_level,
                           enum repair_outcome *ret_outcome, struct error *error)
{
    struct object_attributes attributes;
    struct arena arena;
    arena_init(&arena, ARENA_BYTES);
    bool done = bucket_head(repair->check.store, name, &arena, &attributes, error);
    if (done) {
        bool is_sealed = attributes.seal.size > 0 || attributes.is_encrypted;
        *ret_outcome = is_sealed ? REPAIR_ENCRYPTED : attributes.is_size_known ? REPAIR_DONE : REPAIR_SIZE;
        *ret_level = attributes.level_tried > 0 ? attributes.level_tried : repair->level;
    }
    arena_free(&arena);
    return done;
}

SUSPENDS static bool pack_anew(const struct folder_repair *repair, const struct object_name *name, int level,
                               struct error *error)
{
    const struct object_rewrite_intent intent = {.name = *name, .level = level};
    struct object_rewrite *rewrite;
    return object_rewrite_begin(repair->check.codecs, repair->check.store, &intent, &rewrite, error) &&
           object_rewrite_commit(rewrite, error);
}

/* What says something of this version alone. */
static bool settle(const struct error *error, enum repair_outcome *ret_outcome)
{
    if (error->kind != ERROR_NOT_FOUND && error->kind != ERROR_CHANGED && error->kind != ERROR_DAMAGED)
        return false;
    *ret_outcome = error->kind == ERROR_DAMAGED ? REPAIR_UNREADABLE : REPAIR_CHANGED;
    return true;
}

SUSPENDS bool repair_folder_object(struct folder_repair *repair, const struct object_name *name,
                                   enum repair_outcome *ret_outcome, struct error *error)
{
    enum finding_kind kind;
    int level = 0;
    if (!stored_check_run(&repair->check, name, false, &kind, error))
        return settle(error, ret_outcome);
    bool is_index = kind == FINDING_INDEX_WRONG;
    *ret_outcome = kind == FINDING_NONE ? REPAIR_SOUND : REPAIR_UNREADABLE;
    if (!is_index)
        return true;
    bool done = judge(repair, name, &level, ret_outcome, error);
    if (done && *ret_outcome == REPAIR_DONE && repair->executes)
        done = pack_anew(repair, name, level, error);
    return done || settle(error, ret_outcome);
}
