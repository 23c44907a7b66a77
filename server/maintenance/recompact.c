/* server/maintenance/recompact.c -- looks, tries the first frame, and packs anew or moves in one step. */
#include "server/maintenance/recompact.h"

#include "server/lifecycle/transition.h"
#include "server/maintenance/replaced_version.h"
#include "server/object/repack.h"

#include <string.h>

/* What is to become of a version. */
struct plan {
    const struct recompaction *recompaction;
    const struct policy_rule *rule;
    const struct object_name *name;
    const struct deletion_grounds *grounds; /* of a bucket: as it was listed; NULL: what is read says all */
    int level;                              /* 0: its body stays */
    struct span storage_class;              /* empty: it stays in its own */
    char judged[STORED_ETAG_TEXT_BYTES];
};

static const enum outcome BARS[] = {
    [REPACK_MAY] = OUTCOME_PACKED,      [REPACK_ENCRYPTED] = OUTCOME_ENCRYPTED,   [REPACK_FOREIGN] = OUTCOME_FOREIGN,
    [REPACK_SMALL] = OUTCOME_TOO_SMALL, [REPACK_DICTIONARY] = OUTCOME_DICTIONARY, [REPACK_TRIED] = OUTCOME_ALREADY,
};

/* By its first MiB: PACKED, and what it would come to, or why not. */
SUSPENDS static bool try_body(const struct plan *plan, struct bucket_object *object, struct trial *trial,
                              struct maintained *maintained, struct error *error)
{
    const struct recompaction *recompaction = plan->recompaction;
    const struct policy_rule *rule = plan->rule;
    struct first_frame frame;
    if (!first_frame_try(recompaction->threads, recompaction->codecs, object, plan->name, trial, &frame, error))
        return false;
    if (!first_frame_gains(&frame, rule->least_gain))
        maintained->outcome = OUTCOME_NO_GAIN;
    else if (rule->pays_back > 0 && !first_frame_pays(&frame, &object->attributes, recompaction->prices,
                                                      recompaction->costs_requests, rule->pays_back))
        maintained->outcome = OUTCOME_NO_PAY;
    else
        maintained->after = (uint64_t)((double)maintained->before * frame.after / frame.before);
    return true;
}

/* Everything but the doing. */
SUSPENDS static bool judge(struct plan *plan, struct bucket_object *object, struct trial *trial,
                           struct maintained *maintained, struct error *error)
{
    const struct object_attributes *attributes = &object->attributes;
    const struct policy_rule *rule = plan->rule;
    memcpy(plan->judged, attributes->stored_etag, sizeof plan->judged);
    maintained->before = maintained->after = attributes->stored_size;
    if (plan->recompaction->costs_requests && !attributes->is_s4) {
        maintained->outcome = OUTCOME_FOREIGN;
        return true;
    }
    if (storage_class_binds(attributes->place, attributes->placed_s, plan->recompaction->now_ms)) {
        maintained->outcome = OUTCOME_TOO_YOUNG;
        return true;
    }
    if (rule->action == POLICY_TRANSITION) {
        plan->storage_class = span_from_string(rule->storage_class);
        if (!transition_may_move(metadata_storage_class(attributes->metadata), plan->storage_class)) {
            maintained->outcome = OUTCOME_ALREADY;
            return true;
        }
    }
    maintained->outcome = rule->level > 0 ? BARS[repack_find_bar(attributes, (int)rule->level)] : OUTCOME_ALREADY;
    if (maintained->outcome == OUTCOME_PACKED && !try_body(plan, object, trial, maintained, error))
        return false;
    plan->level = maintained->outcome == OUTCOME_PACKED ? (int)rule->level : 0;
    if (rule->action == POLICY_TRANSITION)
        maintained->outcome = OUTCOME_MOVED;
    return true;
}

SUSPENDS static bool execute(const struct plan *plan, struct maintained *maintained, struct error *error)
{
    const struct repack repack = {.codecs = plan->recompaction->codecs,
                                  .store = plan->recompaction->store,
                                  .name = *plan->name,
                                  .judged = plan->judged,
                                  .level = plan->level,
                                  .least_gain = (unsigned)plan->rule->least_gain,
                                  .storage_class = plan->storage_class,
                                  .grounds = plan->grounds,
                                  .makes_version = plan->recompaction->replaces_version};
    struct repacked repacked;
    if (!repack_object(&repack, &repacked, error))
        return false;
    maintained->after = repacked.stored_size;
    if (maintained->outcome == OUTCOME_PACKED && !repacked.is_packed)
        maintained->outcome = OUTCOME_NO_GAIN;
    return true;
}

/* A body that a bucket cannot be made to hold anew says so when it is tried; in a folder it is one in a codec that
 * nobody here reads. */
static bool settle(const struct recompaction *recompaction, const struct error *error, struct maintained *maintained)
{
    if (error->kind != ERROR_UNSUPPORTED)
        return outcome_settle(error, maintained);
    outcome_set_failed(recompaction->costs_requests ? OUTCOME_UNFIT : OUTCOME_UNREADABLE, error, maintained);
    return true;
}

/* The version that the current one was made of. Of one that cannot go, both stay; of one that somebody has removed, or
 * that has another one above it by now, nothing is left to do. */
SUSPENDS static bool remove_replaced(const struct recompaction *recompaction, const struct object_name *name,
                                     struct maintained *maintained, struct error *error)
{
    struct maintained settled = {.outcome = OUTCOME_KEPT_BOTH};
    if (replaced_version_remove(recompaction->store, name, error))
        return true;
    if (error->kind != ERROR_UNSUPPORTED && !outcome_settle(error, &settled))
        return false;
    if (settled.outcome != OUTCOME_CHANGED)
        outcome_set_failed(OUTCOME_KEPT_BOTH, error, maintained);
    return true;
}

/* By an earlier run, perhaps, which was killed before it had removed what it was made of. */
static bool is_written_anew(const struct object_attributes *attributes)
{
    return attributes->level_tried > 0 || !span_equal(metadata_storage_class(attributes->metadata), SPAN("STANDARD"));
}

SUSPENDS bool recompact_object(const struct recompaction *recompaction, const struct policy_rule *rule,
                               struct trial *trial, const struct object_name *name, const struct list_entry *entry,
                               struct maintained *ret_maintained, struct error *error)
{
    struct deletion_grounds grounds = {.creation_id = recompaction->creation_id,
                                       .version = entry->version,
                                       .modified_ms = entry->modified_ms,
                                       .original_size = entry->original_size,
                                       .etag = entry->etag,
                                       .ignores_tags = true};
    struct plan plan = {.recompaction = recompaction,
                        .rule = rule,
                        .name = name,
                        .grounds = recompaction->costs_requests ? &grounds : NULL};
    struct bucket_object *object;
    if (!bucket_open(recompaction->store, name, NULL, &object, error))
        return outcome_settle(error, ret_maintained);
    char version[VERSION_TEXT_BYTES];
    memcpy(version, object->attributes.version, sizeof version);
    if (recompaction->replaces_version) /* a list of current objects does not tell it */
        grounds.version = version;
    bool done = judge(&plan, object, trial, ret_maintained, error);
    bool may_be_pair = recompaction->replaces_version && is_written_anew(&object->attributes);
    bucket_close(object);
    bool acts = done && recompaction->executes && outcome_is_act(ret_maintained->outcome);
    if (acts)
        done = execute(&plan, ret_maintained, error);
    if (done && recompaction->executes && recompaction->replaces_version && (acts || may_be_pair))
        return remove_replaced(recompaction, name, ret_maintained, error);
    return done || settle(recompaction, error, ret_maintained);
}
