/* store/remote/delete/delete.c -- deleting one key, with its condition. */
#include "store/remote/delete/delete.h"

#include "runtime/base/assert.h"
#include "s3client/operations.h"
#include "s3client/wire/s3_error.h"
#include "store/remote/delete/grounds.h"
#include "store/remote/read/fetch.h"
#include "store/remote/read/s4_object.h"
#include "store/remote/write/tombstone.h"

#include <stdio.h>
#include <stdlib.h>

enum { DELETE_ROUNDS = 16, DELETE_HEADERS_MAX = 2 };

/* One deletion under way. */
struct deletion {
    struct remote_key key;
    struct delete_item *item;
    const struct write_condition *condition; /* NULL: none */
    bool may_be_applied;                     /* an answer was lost */
    const char *lost_etag;                   /* what was there before that, if it was among many; "": not known */
    struct counting counting;
    bool is_looked_at; /* what `departing` says is of before that */
    struct departing departing;
};

static const struct ledger_amounts nothing; /* what is there after a deletion */

static void find_target(struct deletion *deletion, const struct write_condition *condition,
                        struct write_target *ret_target)
{
    target_init(ret_target, &deletion->key, condition);
    if (deletion->lost_etag == NULL || deletion->lost_etag[0] == '\0')
        return;
    ret_target->state = TARGET_REVISION;
    (void)snprintf(ret_target->etag, sizeof ret_target->etag, "%s", deletion->lost_etag);
}

bool deletion_note_result(struct delete_item *item, bool is_marker, const char *version)
{
    item->is_marker = is_marker;
    if (is_marker)
        (void)snprintf(item->marker_version, sizeof item->marker_version, "%s", version[0] != '\0' ? version : "null");
    return true;
}

const char *deletion_left(const struct delete_item *item)
{
    return item->is_marker ? item->marker_version : NULL;
}

/* Some servers do not say of each marker that it is one, the null version's above all. */
static bool may_be_unsaid(const struct deletion *deletion)
{
    const struct remote *remote = deletion->key.shard->remote;
    return !deletion->key.is_internal && remote->base.capabilities.has_versions &&
           !verdict_holds(&remote->verdicts, VERDICT_VERSION_MARKERS);
}

/* What a deletion has left that named no version: a marker, or nothing where nothing was. What cannot be found out is
 * not said. */
SUSPENDS static void find_marker(struct deletion *deletion)
{
    struct remote_state state;
    struct bucket_info info;
    struct error ignored;
    struct remote_key *key = &deletion->key;
    if (!may_be_unsaid(deletion) || key->version[0] != '\0' ||
        !remote_find_bucket(&key->shard->remote->base, key->name.bucket, &info, &ignored) ||
        info.versioning == VERSIONING_NEVER || !remote_look(key, LOOK_FOR_ETAG, &state, &ignored))
        return;
    (void)deletion_note_result(deletion->item, state.is_marker, state.object.attributes.version);
    remote_state_free(key->shard, &state);
}

SUSPENDS static bool send_delete(struct deletion *deletion, const struct http_field *condition, enum s3_repeat repeat,
                                 struct s3_answer *ret_answer, struct error *error)
{
    struct http_field headers[DELETE_HEADERS_MAX];
    struct s3_call call = remote_key_call(&deletion->key, S3_DELETE_OBJECT, repeat);
    call.headers = headers;
    if (condition != NULL)
        headers[call.headers_count++] = *condition;
    if (deletion->item->may_bypass_governance && deletion->key.shard->remote->base.capabilities.has_lock)
        headers[call.headers_count++] = (struct http_field){SPAN("x-amz-bypass-governance-retention"), SPAN("true")};
    if (!remote_call(deletion->key.shard, &call, ret_answer, error))
        return remote_key_is_missing(&deletion->key, ret_answer, error);
    s3_answer_close(ret_answer);
    char version[VERSION_TEXT_BYTES];
    remote_answered_version(ret_answer, version);
    (void)deletion_note_result(deletion->item, ret_answer->is_delete_marker, version);
    if (!ret_answer->is_delete_marker)
        find_marker(deletion);
    return true;
}

/* What one attempt came to. */
enum deleted { DELETED, DELETE_AGAIN, DELETE_FAILED };

/* Where there is nothing any more, a bucket that keeps versions gets a marker all the same. */
static bool wants_marker(const struct deletion *deletion)
{
    return deletion->key.shard->remote->base.capabilities.has_versions && deletion->key.version[0] == '\0';
}

SUSPENDS static bool makes_marker(const struct deletion *deletion)
{
    struct bucket_info info;
    struct error ignored;
    return wants_marker(deletion) &&
           remote_find_bucket(&deletion->key.shard->remote->base, deletion->key.name.bucket, &info, &ignored) &&
           info.versioning != VERSIONING_NEVER;
}

/* A server may say 204 when there is no revision that it could compare (420), also in a bucket that keeps versions. */
SUSPENDS static bool lacks_marker(const struct deletion *deletion, const struct s3_answer *answer)
{
    return !answer->is_delete_marker && makes_marker(deletion);
}

SUSPENDS static enum deleted delete_revision(struct deletion *deletion, const struct write_target *target,
                                             struct error *error)
{
    char text[QUOTED_ETAG_BYTES];
    struct s3_answer answer;
    const struct http_field header = {SPAN("if-match"), fetch_quote(span_from_string(target->etag), text)};
    counting_note(&deletion->counting, &deletion->key, target, NULL, &nothing);
    if (send_delete(deletion, &header, S3_ONCE, &answer, error)) {
        bool was_nothing = answer.status == 404 || lacks_marker(deletion, &answer);
        if (!was_nothing)
            counting_done(&deletion->counting, deletion_left(deletion->item));
        else if (!deletion->may_be_applied)
            counting_end(&deletion->counting, INTENT_NOT_DONE); /* somebody else has deleted it, and counted that */
        return was_nothing && wants_marker(deletion) ? DELETE_AGAIN : DELETED;
    }
    bool is_unknown = answer.effect == S3_UNKNOWN;
    deletion->may_be_applied = deletion->may_be_applied || is_unknown;
    if (!deletion->may_be_applied)
        counting_end(&deletion->counting, INTENT_NOT_DONE);
    return is_unknown || answer.status == 412 ? DELETE_AGAIN : DELETE_FAILED;
}

/* Nothing is there, or a marker: a bucket that keeps versions gets one more (410), which the backend alone can say of
 * this moment. A version that is gone was deleted. */
SUSPENDS static enum deleted delete_absent(struct deletion *deletion, const struct write_target *target,
                                           struct error *error)
{
    enum bucket_versioning versioning = VERSIONING_NEVER;
    struct s3_answer answer;
    struct remote_key *key = &deletion->key;
    bool names_version = key->version[0] != '\0';
    if (names_version && !target->is_marked)
        return DELETED;
    if (!names_version && !remote_ask_versioning(key->shard, key->backend.bucket, &versioning, error))
        return DELETE_FAILED;
    if (!names_version && versioning == VERSIONING_NEVER)
        return DELETED;
    if (versioning == VERSIONING_SUSPENDED && target->is_marked && strcmp(target->version, "null") != 0)
        counting_note_uncertain(key); /* a null version below that marker goes (409) */
    if (send_delete(deletion, NULL, S3_ONCE, &answer, error))
        return DELETED;
    deletion->may_be_applied = deletion->may_be_applied || answer.effect == S3_UNKNOWN;
    return answer.effect == S3_UNKNOWN ? DELETE_AGAIN : DELETE_FAILED;
}

/* Ours may have deleted what they then wrote anew: that is not to be deleted as well. */
static bool unclear(struct error *error)
{
    return error_set(error, ERROR_IO, S3_InternalError,
                     "The backend's answer was lost, and the object has been written anew since: the deletion may have "
                     "been applied before that.");
}

static bool is_newly_marked(const struct write_target *before, const struct write_target *now)
{
    bool was_it = before->is_marked && strcmp(before->version, now->version) == 0;
    return now->state == TARGET_ABSENT && now->is_marked && !was_it;
}

/* A marker has conditions of its own (420). */
static bool may_go_on(bool found, const struct deletion *deletion, const struct write_target *target,
                      struct error *error)
{
    bool is_marked = target->state == TARGET_ABSENT && target->is_marked;
    return is_marked ? write_condition_holds_of_marker(deletion->condition, error) : found;
}

SUSPENDS bool deletion_find_revision(struct write_target *target, struct error *error)
{
    bool is_asked = target->key->shard->remote->is_counted && !tombstone_may_stand(target->key);
    return is_asked ? target_look(target, NULL, NULL, error) : target_prepare(target, true, error);
}

SUSPENDS bool deletion_bury(struct delete_item *item, struct write_target *target, struct counting *counting,
                            bool *ret_is_done, struct error *error)
{
    struct tombstone_place place;
    struct s3_answer answer;
    char version[VERSION_TEXT_BYTES];
    enum burial burial = tombstone_bury(target, counting, &place, error);
    *ret_is_done = burial == BURIED && tombstone_remove(target->key, &place, &answer, error);
    if (*ret_is_done) {
        remote_answered_version(&answer, version);
        (void)deletion_note_result(item, answer.is_delete_marker, version);
        counting_done(counting, deletion_left(item));
    }
    return *ret_is_done || burial == BURIED_OTHER;
}

/* Names the revision to the backend, so that a request that arrives late, or twice, deletes nothing that came after it.
 */
SUSPENDS static bool delete_named(struct deletion *deletion, struct error *error)
{
    struct write_target target;
    find_target(deletion, deletion->condition, &target);
    for (unsigned round = 0; round < DELETE_ROUNDS; round++) {
        const struct write_target before = target;
        bool is_first = round == 0 && !deletion->may_be_applied;
        bool found = is_first ? deletion_find_revision(&target, error) : target_look(&target, NULL, NULL, error);
        if (deletion->may_be_applied && target.state == TARGET_REVISION && strcmp(before.etag, target.etag) != 0)
            return unclear(error);
        if (deletion->may_be_applied && is_newly_marked(&before, &target))
            return deletion_note_result(deletion->item, true, target.version); /* by us, or by another one since */
        if (!may_go_on(found, deletion, &target, error))
            return deletion->may_be_applied && error->code == S3_NoSuchKey; /* and that may be our doing */
        bool is_done = false;
        if (tombstone_is_due(&target) &&
            (!deletion_bury(deletion->item, &target, &deletion->counting, &is_done, error) || is_done))
            return is_done;
        enum deleted deleted = target.state == TARGET_ABSENT ? delete_absent(deletion, &target, error)
                                                             : delete_revision(deletion, &target, error);
        if (deleted != DELETE_AGAIN)
            return deleted == DELETED;
    }
    return error_set(error, ERROR_BUSY, S3_SlowDown, "The object is changed too often at the moment. Try again.");
}

/* A version that is made once and never replaced: there is nothing that a request that comes late could delete instead.
 */
SUSPENDS static bool delete_version(struct deletion *deletion, struct error *error)
{
    struct remote_state state;
    struct s3_answer answer;
    const struct write_condition *condition = deletion->condition;
    bool done = true;
    if (condition != NULL) {
        done = remote_look(&deletion->key, LOOK_FOR_WHOLE, &state, error);
        if (done && !state.is_there && !state.is_marker) {
            remote_state_free(deletion->key.shard, &state);
            return true; /* what is gone was deleted, whatever the condition (419) */
        }
        if (done)
            state.object.attributes.modified_ms = backend_object_shown_ms(&state.object);
        done = done && (state.is_marker ? write_condition_holds_of_marker(condition, error)
                                        : write_condition_holds(condition, &state.object.attributes, error));
        remote_state_free(deletion->key.shard, &state);
    }
    return done && send_delete(deletion, NULL, S3_REPEAT, &answer, error);
}

/* What the key says of a deletion whose answer was lost. */
SUSPENDS static enum deleted find_out(struct deletion *deletion, const struct write_target *before,
                                      const struct write_target *now, struct error *error)
{
    bool names_version = deletion->key.version[0] != '\0';
    if (now->state == TARGET_REVISION) {
        bool is_same = before->state == TARGET_REVISION && strcmp(before->etag, now->etag) == 0;
        return is_same || unclear(error) ? DELETE_AGAIN : DELETE_FAILED;
    }
    if (!names_version && is_newly_marked(before, now)) {
        (void)deletion_note_result(deletion->item, true, now->version);
        return DELETED;
    }
    return now->is_marked || (!names_version && makes_marker(deletion)) ? DELETE_AGAIN : DELETED;
}

/* One request, of which *target says what it meets. */
SUSPENDS static enum deleted delete_whatever(struct deletion *deletion, const struct write_target *target,
                                             struct error *error)
{
    struct s3_answer answer;
    struct counting *counting = &deletion->counting;
    bool is_internal = deletion->key.is_internal; /* a name that is used once: it may be deleted twice */
    if (deletion->key.shard->remote->is_counted)
        counting_note(counting, &deletion->key, target, NULL, &nothing);
    if (!send_delete(deletion, NULL, is_internal ? S3_REPEAT : S3_ONCE, &answer, error)) {
        bool is_unknown = answer.effect == S3_UNKNOWN && !is_internal;
        deletion->may_be_applied = deletion->may_be_applied || is_unknown;
        if (!is_unknown && !deletion->may_be_applied)
            counting_failed(counting, target, &answer);
        return is_unknown ? DELETE_AGAIN : DELETE_FAILED;
    }
    if (answer.status == 404 && answer.attempts == 1 && !deletion->may_be_applied)
        counting_end(counting, INTENT_NOT_DONE);
    counting_done(counting, deletion_left(deletion->item));
    if (deletion->key.version[0] != '\0' && target->is_marked)
        (void)deletion_note_result(deletion->item, true, deletion->key.version);
    return DELETED;
}

/* Without a condition. The ledger asks what it is; that another process changes it before the deletion arrives, nobody
 * notices. It is sent again only where it has not been applied: else it would take what was written since. */
SUSPENDS static bool delete_blind(struct deletion *deletion, struct error *error)
{
    struct write_target target;
    find_target(deletion, NULL, &target);
    bool is_counted = deletion->key.shard->remote->is_counted && !deletion->key.is_internal;
    bool is_asked = is_counted || (deletion->key.version[0] != '\0' && may_be_unsaid(deletion));
    for (unsigned round = 0; round < DELETE_ROUNDS; round++) {
        const struct write_target before = target;
        bool was_lost = deletion->may_be_applied;
        if ((is_asked || was_lost) && !target_look(&target, NULL, NULL, error))
            return false;
        enum deleted deleted = was_lost ? find_out(deletion, &before, &target, error) : DELETE_AGAIN;
        if (was_lost && deleted == DELETED)
            counting_done(&deletion->counting, deletion_left(deletion->item));
        if (deleted == DELETE_AGAIN)
            deleted = delete_whatever(deletion, &target, error);
        if (deleted != DELETE_AGAIN)
            return deleted == DELETED;
    }
    return error_set(error, ERROR_BUSY, S3_SlowDown, "The backend's answers are lost all the time. Try again.");
}

SUSPENDS static bool send_away(struct deletion *deletion, struct error *error)
{
    const struct remote_key *key = &deletion->key;
    bool names_null = strcmp(key->version, "null") == 0;
    if (key->version[0] != '\0' && !names_null)
        return delete_version(deletion, error);
    const struct verdicts *verdicts = &key->shard->remote->verdicts;
    bool is_named = !key->is_internal && verdict_holds(verdicts, VERDICT_DELETE_MATCH);
    deletion->counting.is_blind = !verdict_holds(verdicts, VERDICT_DELETE_RACES);
    return is_named || deletion->condition != NULL ? delete_named(deletion, error) : delete_blind(deletion, error);
}

SUSPENDS static bool delete_key(struct deletion *deletion, struct error *error)
{
    if (!deletion->is_looked_at)
        departing_look(&deletion->key, &deletion->departing);
    bool done = send_away(deletion, error);
    if (done)
        departing_gone(&deletion->key, &deletion->departing);
    return done;
}

/* By somebody who judged it a while ago: what he saw is compared now, and is the condition of all that follows. */
SUSPENDS static bool delete_judged(struct deletion *deletion, struct error *error)
{
    const struct delete_item *item = deletion->item;
    const struct write_condition condition = {.if_match = span_from_string(item->grounds->etag),
                                              .has_size = true,
                                              .size = item->grounds->original_size,
                                              .has_modified = true,
                                              .modified_ms = item->grounds->modified_ms};
    ASSERT(item->condition == NULL);
    deletion->condition = remote_names_fixed_version(item) ? NULL : &condition;
    bool done = remote_grounds_hold(&deletion->key, item, error) && delete_key(deletion, error);
    deletion->condition = NULL;
    if (!done && (error->code == S3_PreconditionFailed || error->kind == ERROR_NOT_FOUND))
        error->kind = ERROR_CHANGED;
    return done;
}

void deletion_drop_rows(struct remote *remote, struct remote_shard *shard, const struct object_name *name)
{
    uint8_t key[ROW_KEY_BYTES];
    row_key(name->bucket, name->key, key);
    rows_drop(shard->rows, key);
    if (name->version.size == 0 || !remote->base.capabilities.has_versions)
        return;
    row_key_of_version(key, name->version, key);
    rows_drop(shard->rows, key);
}

SUSPENDS bool deletion_of_one(struct remote *remote, struct span bucket, struct delete_item *item,
                              const struct lost_deletion *lost)
{
    struct deletion *deletion = calloc(1, sizeof *deletion);
    const struct object_name name = {.bucket = bucket, .key = item->key, .version = item->version};
    ASSERT(deletion != NULL);
    deletion->item = item;
    deletion->condition = item->condition;
    if (lost != NULL) {
        deletion->may_be_applied = !name_is_internal(item->key); /* a name that is used once: it may be deleted twice */
        deletion->lost_etag = lost->etag;
        deletion->counting = *lost->counting;
        *lost->counting = (struct counting){0};
        deletion->departing = *lost->departing;
        deletion->is_looked_at = true;
    }
    bool is_known = remote_key_init(remote, &name, &deletion->key, &item->error);
    bool done = is_known &&
                (item->grounds != NULL ? delete_judged(deletion, &item->error) : delete_key(deletion, &item->error));
    counting_leave(&deletion->counting); /* an attempt of which we do not know */
    if (done && !deletion->key.is_internal) {
        deletion_drop_rows(remote, deletion->key.shard, &name);
        if (item->version.size == 0 && s4_object_may_have_sidecar(&deletion->key)) /* as it was found on the way */
            s4_object_remove_sidecar(&deletion->key);
    }
    free(deletion);
    return done;
}
