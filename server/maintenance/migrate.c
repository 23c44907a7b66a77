/* server/maintenance/migrate.c -- looks, tries the first frame, reads, packs, writes on a condition. */
#include "server/maintenance/migrate.h"

#include "server/maintenance/rewrite.h"
#include "server/object/unchanged.h"

#include <string.h>

/* One object on its way. */
struct work {
    struct migration *migration;
    const struct policy_rule *rule;
    struct trial *trial;
    const struct object_name *name;
    const struct list_entry *entry;
    struct bucket_object *object; /* what is there now, open */
    struct maintained *maintained;
};

/* ---- packing ---- */

static bool has_md5(const struct object_attributes *attributes)
{
    return strlen(attributes->etag) == 2 * (size_t)MD5_BYTES;
}

SUSPENDS static bool pack(const struct work *work, struct error *error)
{
    const struct rewrite rewrite = {.store = work->migration->store,
                                    .codecs = work->migration->codecs,
                                    .object = work->object,
                                    .name = work->name,
                                    .kept_ms = rewrite_time(&work->object->attributes, work->entry)};
    enum rewrite_outcome outcome;
    if (!rewrite_object(&rewrite, &outcome, &work->maintained->after, error))
        return false;
    work->maintained->outcome = outcome == REWRITE_DONE ? OUTCOME_PACKED : OUTCOME_OTHER_ETAG;
    return true;
}

/* ---- one object ---- */

SUSPENDS static bool migrate_open(const struct work *work, struct error *error)
{
    const struct object_attributes *attributes = &work->object->attributes;
    struct migration *migration = work->migration;
    struct maintained *maintained = work->maintained;
    struct first_frame frame;
    maintained->before = attributes->stored_size;
    maintained->outcome = OUTCOME_ALREADY;
    if (attributes->is_s4 || attributes->is_encrypted || !attributes->is_size_known)
        return true;
    maintained->outcome = OUTCOME_OTHER_ETAG;
    if (!has_md5(attributes))
        return true;
    maintained->outcome = OUTCOME_TOO_YOUNG;
    if (storage_class_binds(attributes->place, attributes->placed_s, migration->now_ms))
        return true;
    maintained->outcome = OUTCOME_NO_GAIN;
    if (attributes->original_size == 0)
        return true;
    if (!first_frame_try(migration->threads, migration->codecs, work->object, work->name, work->trial, &frame, error))
        return false;
    if (!first_frame_gains(&frame, work->rule->least_gain))
        return true;
    maintained->outcome = OUTCOME_NO_PAY;
    if (work->rule->pays_back > 0 &&
        !first_frame_pays(&frame, attributes, migration->prices, true, work->rule->pays_back))
        return true;
    maintained->outcome = OUTCOME_PACKED;
    maintained->after = (uint64_t)(frame.after * (double)attributes->original_size);
    return !migration->executes || pack(work, error);
}

SUSPENDS bool migrate_object(struct migration *migration, const struct policy_rule *rule, struct trial *trial,
                             const struct object_name *name, const struct list_entry *entry,
                             struct maintained *ret_maintained, struct error *error)
{
    struct work work = {.migration = migration,
                        .rule = rule,
                        .trial = trial,
                        .name = name,
                        .entry = entry,
                        .maintained = ret_maintained};
    if (!bucket_open(migration->store, name, NULL, &work.object, error))
        return outcome_settle(error, ret_maintained);
    bool done = migrate_open(&work, error);
    bucket_close(work.object);
    return done || outcome_settle(error, ret_maintained);
}
