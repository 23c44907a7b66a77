/* store/remote/delete.c -- deleting: one key with its condition, many by one request. */
#include "codec/format/crc.h"
#include "runtime/base/assert.h"
#include "s3client/operations.h"
#include "s3client/wire/s3_error.h"
#include "store/remote/fetch.h"
#include "store/remote/ledger/counting.h"
#include "store/remote/parallel.h"
#include "store/remote/s4_object.h"
#include "store/remote/write/target.h"
#include "store/remote/write/tombstone.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- one ---- */

enum { DELETE_ROUNDS = 16, DELETE_HEADERS_MAX = 2 };

/* One deletion under way. */
struct deletion {
    struct remote_key key;
    struct delete_item *item;
    bool may_be_applied; /* an answer was lost */
    struct counting counting;
};

static const struct ledger_amounts nothing; /* what is there after a deletion */

/* What is deleted now, or where a marker stands now: the null version, where the backend does not name it. */
static bool note_result(struct delete_item *item, bool is_marker, const char *version)
{
    item->is_marker = is_marker;
    if (is_marker)
        (void)snprintf(item->marker_version, sizeof item->marker_version, "%s", version[0] != '\0' ? version : "null");
    return true;
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
    (void)note_result(deletion->item, state.is_marker, state.object.attributes.version);
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
    (void)note_result(deletion->item, ret_answer->is_delete_marker, version);
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
            counting_done(&deletion->counting);
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
    enum bucket_versioning versioning;
    struct s3_answer answer;
    struct remote_key *key = &deletion->key;
    bool names_version = key->version[0] != '\0';
    if (names_version && !target->is_marked)
        return DELETED;
    if (!names_version && !remote_ask_versioning(key->shard, key->backend.bucket, &versioning, error))
        return DELETE_FAILED;
    if (!names_version && versioning == VERSIONING_NEVER)
        return DELETED;
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
    return is_marked ? write_condition_holds_of_marker(deletion->item->condition, error) : found;
}

/* A server may answer 204 to the deletion of nothing, whatever revision was named: for the ledger it is asked what is
 * there a moment before, and not what was there when the row was made. A tombstone is refused where that is wrong. */
SUSPENDS static bool find_revision(struct write_target *target, struct error *error)
{
    bool is_asked = target->key->shard->remote->is_counted && !tombstone_may_stand(target->key);
    return is_asked ? target_look(target, NULL, NULL, error) : target_prepare(target, true, error);
}

/* *ret_is_done: nothing is left to be deleted. In a bucket that has become versioned meanwhile a marker was made. */
SUSPENDS static bool bury(struct delete_item *item, struct write_target *target, struct counting *counting,
                          bool *ret_is_done, struct error *error)
{
    struct tombstone_place place;
    struct s3_answer answer;
    char version[VERSION_TEXT_BYTES];
    enum burial burial = tombstone_bury(target, counting, &place, error);
    *ret_is_done = burial == BURIED && tombstone_remove(target->key, &place, &answer, error);
    if (*ret_is_done) {
        counting_done(counting);
        remote_answered_version(&answer, version);
        (void)note_result(item, answer.is_delete_marker, version);
    }
    return *ret_is_done || burial == BURIED_OTHER;
}

/* Names the revision to the backend, so that a request that arrives late, or twice, deletes nothing that came after it.
 */
SUSPENDS static bool delete_named(struct deletion *deletion, struct error *error)
{
    struct write_target target;
    target_init(&target, &deletion->key, deletion->item->condition);
    for (unsigned round = 0; round < DELETE_ROUNDS; round++) {
        const struct write_target before = target;
        bool found = round == 0 ? find_revision(&target, error) : target_look(&target, NULL, NULL, error);
        if (deletion->may_be_applied && target.state == TARGET_REVISION && strcmp(before.etag, target.etag) != 0)
            return unclear(error);
        if (deletion->may_be_applied && is_newly_marked(&before, &target))
            return note_result(deletion->item, true, target.version); /* by us, or by another one since */
        if (!may_go_on(found, deletion, &target, error))
            return deletion->may_be_applied && error->code == S3_NoSuchKey; /* and that may be our doing */
        bool is_done = false;
        if (tombstone_is_due(&target) &&
            (!bury(deletion->item, &target, &deletion->counting, &is_done, error) || is_done))
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
    const struct write_condition *condition = deletion->item->condition;
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
        (void)note_result(deletion->item, true, now->version);
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
    counting_done(counting);
    if (deletion->key.version[0] != '\0' && target->is_marked)
        (void)note_result(deletion->item, true, deletion->key.version);
    return DELETED;
}

/* Without a condition. The ledger asks what it is; that another process changes it before the deletion arrives, nobody
 * notices. It is sent again only where it has not been applied: else it would take what was written since. */
SUSPENDS static bool delete_blind(struct deletion *deletion, struct error *error)
{
    struct write_target target;
    target_init(&target, &deletion->key, NULL);
    bool is_counted = deletion->key.shard->remote->is_counted && !deletion->key.is_internal;
    bool is_asked = is_counted || (deletion->key.version[0] != '\0' && may_be_unsaid(deletion));
    for (unsigned round = 0; round < DELETE_ROUNDS; round++) {
        const struct write_target before = target;
        if ((is_asked || round > 0) && !target_look(&target, NULL, NULL, error))
            return false;
        enum deleted deleted = round > 0 ? find_out(deletion, &before, &target, error) : DELETE_AGAIN;
        if (round > 0 && deleted == DELETED)
            counting_done(&deletion->counting);
        if (deleted == DELETE_AGAIN)
            deleted = delete_whatever(deletion, &target, error);
        if (deleted != DELETE_AGAIN)
            return deleted == DELETED;
    }
    return error_set(error, ERROR_BUSY, S3_SlowDown, "The backend's answers are lost all the time. Try again.");
}

SUSPENDS static bool delete_key(struct deletion *deletion, struct error *error)
{
    const struct remote_key *key = &deletion->key;
    bool names_null = strcmp(key->version, "null") == 0;
    if (key->version[0] != '\0')
        counting_note_version(&deletion->key);
    if (key->version[0] != '\0' && !names_null)
        return delete_version(deletion, error);
    const struct verdicts *verdicts = &key->shard->remote->verdicts;
    bool is_named = !key->is_internal && verdict_holds(verdicts, VERDICT_DELETE_MATCH);
    deletion->counting.is_blind = !verdict_holds(verdicts, VERDICT_DELETE_RACES);
    return is_named || deletion->item->condition != NULL ? delete_named(deletion, error)
                                                         : delete_blind(deletion, error);
}

/* Also of the key itself, when it was a version of it. */
static void drop_rows(struct remote *remote, struct remote_shard *shard, const struct object_name *name)
{
    uint8_t key[ROW_KEY_BYTES];
    row_key(name->bucket, name->key, key);
    rows_drop(shard->rows, key);
    if (name->version.size == 0 || !remote->base.capabilities.has_versions)
        return;
    row_key_of_version(key, name->version, key);
    rows_drop(shard->rows, key);
}

SUSPENDS static bool delete_one(struct remote *remote, struct span bucket, struct delete_item *item)
{
    struct deletion *deletion = calloc(1, sizeof *deletion);
    const struct object_name name = {.bucket = bucket, .key = item->key, .version = item->version};
    ASSERT(deletion != NULL);
    deletion->item = item;
    bool is_known = remote_key_init(remote, &name, &deletion->key, &item->error);
    bool done = is_known && delete_key(deletion, &item->error);
    counting_leave(&deletion->counting); /* an attempt of which we do not know */
    if (done && !deletion->key.is_internal) {
        drop_rows(remote, deletion->key.shard, &name);
        if (item->version.size == 0 && s4_object_may_have_sidecar(&deletion->key)) /* as it was found on the way */
            s4_object_remove_sidecar(&deletion->key);
    }
    free(deletion);
    return done;
}

/* ---- many ---- */

/* What becomes of an item. */
struct batch_state {
    struct backend_name name;
    char etag[STORED_ETAG_TEXT_BYTES]; /* "": not known */
    struct counting counting;
    bool is_twin;     /* its key came before */
    bool is_unknown;  /* it could not be looked at, which its error says */
    bool is_absent;   /* nothing was there */
    bool is_buried;   /* a tombstone took its place, and has gone */
    bool is_open;     /* it is still to be deleted */
    bool has_sidecar; /* S4's index lies beside it, perhaps */
};

struct batch {
    struct remote *remote;
    struct span bucket;
    struct delete_item *items;
    struct batch_state *states; /* of each item */
    unsigned count;
    struct s3_delete_item *sent; /* those without a condition */
    unsigned *places;            /* of each of `sent`, in `items` */
    unsigned sent_count;
    enum bucket_versioning versioning;
    bool has_lock; /* the bucket */
};

static bool make_batch(struct remote *remote, struct span bucket, struct delete_item *items, unsigned count,
                       struct batch *batch)
{
    *batch = (struct batch){.remote = remote, .bucket = bucket, .items = items, .count = count};
    batch->states = calloc(count, sizeof *batch->states);
    batch->sent = calloc(count, sizeof *batch->sent);
    batch->places = calloc(count, sizeof *batch->places);
    return batch->states != NULL && batch->sent != NULL && batch->places != NULL;
}

static void free_batch(struct batch *batch)
{
    free(batch->states);
    free(batch->sent);
    free(batch->places);
}

/* Keys that come twice: the second time when the first has been dealt with. */
static bool mark_twins(struct batch *batch)
{
    unsigned places = 4;
    while (places < 2 * batch->count)
        places *= 2;
    unsigned *table = calloc(places, sizeof *table); /* of each place, the item that has it, from 1 */
    for (unsigned i = 0; table != NULL && i < batch->count; i++) {
        struct span key = batch->items[i].key;
        unsigned place = crc32c_update(0, key) % places;
        while (table[place] != 0 && !batch->states[i].is_twin) {
            batch->states[i].is_twin = span_equal(batch->items[table[place] - 1].key, key);
            place = (place + 1) % places;
        }
        if (!batch->states[i].is_twin)
            table[place] = i + 1;
    }
    free(table);
    return table != NULL;
}

/* What has a condition, and what is locked perhaps: each has its own answer, and a lost one can be told from a refusal.
 * So has the null version, which may be replaced, and where each deletion makes a marker. And a server may decide of
 * one deletion in the step that deletes, and of many before it (MinIO): a hold in between would be passed over. A key
 * that comes twice is deleted once more when all is done. */
static bool goes_alone(const struct batch *batch, unsigned index)
{
    const struct delete_item *item = &batch->items[index];
    bool makes_marker = batch->versioning != VERSIONING_NEVER && item->version.size == 0;
    bool is_null = item->version.size > 0 && span_equal(item->version, SPAN("null"));
    bool may_be_locked = item->may_bypass_governance || (batch->has_lock && item->version.size > 0);
    bool is_twin = batch->states[index].is_twin && item->version.size == 0;
    return item->condition != NULL || may_be_locked || makes_marker || is_null || is_twin;
}

/* What each key is, from its row, or by asking: so that a request that comes late, or twice, deletes nothing that came
 * after it. */
static void look_at(void *context, unsigned index)
{
    struct batch *batch = context;
    struct delete_item *item = &batch->items[index];
    struct batch_state *state = &batch->states[index];
    struct remote_key key;
    struct write_target target;
    const struct object_name name = {.bucket = batch->bucket, .key = item->key};
    if (goes_alone(batch, index) || item->version.size > 0 || name_is_internal(item->key) ||
        !remote_key_init(batch->remote, &name, &key, &item->error))
        return;
    target_init(&target, &key, NULL);
    bool is_heeded = verdict_holds(&batch->remote->verdicts, VERDICT_DELETE_MATCH);
    bool is_asked = key.has_row || is_heeded || batch->remote->is_counted;
    bool looked = is_asked && find_revision(&target, &item->error);
    if (looked && tombstone_is_due(&target))
        looked = bury(item, &target, &state->counting, &state->is_buried, &item->error);
    if (state->is_buried)
        drop_rows(batch->remote, key.shard, &name);
    state->is_unknown = is_asked && !looked && batch->remote->is_counted;
    state->is_absent = looked && target.state == TARGET_ABSENT;
    state->counting.is_blind = !verdict_holds(&batch->remote->verdicts, VERDICT_DELETE_RACES);
    if (looked)
        memcpy(state->etag, target.etag, STORED_ETAG_TEXT_BYTES);
    if (looked && !state->is_absent && !state->is_buried)
        counting_note(&state->counting, &key, &target, NULL, &nothing);
    state->has_sidecar = s4_object_may_have_sidecar(&key);
}

static void gather(struct batch *batch)
{
    for (unsigned i = 0; i < batch->count; i++) {
        struct delete_item *item = &batch->items[i];
        struct batch_state *state = &batch->states[i];
        const struct object_name name = {.bucket = batch->bucket, .key = item->key};
        state->is_open = goes_alone(batch, i);
        if (state->is_open || state->is_absent || state->is_unknown || state->is_buried)
            continue;
        if (!remote_name(batch->remote, &name, &state->name, &item->error))
            continue;
        batch->places[batch->sent_count] = i;
        batch->sent[batch->sent_count++] = (struct s3_delete_item){
            .key = state->name.key, .version = item->version, .etag = span_from_string(state->etag)};
    }
}

/* A key may come twice, and some backends answer it once. */
static void note_twins(struct batch *batch)
{
    for (unsigned i = 0; i < batch->sent_count; i++) {
        struct s3_delete_item *sent = &batch->sent[i];
        for (unsigned j = 0; !sent->is_deleted && sent->error.kind == ERROR_DAMAGED && j < batch->sent_count; j++)
            sent->is_deleted = batch->sent[j].is_deleted && span_equal(batch->sent[j].key, sent->key) &&
                               span_equal(batch->sent[j].version, sent->version);
    }
}

static void note_version(const struct batch *batch, const struct delete_item *item)
{
    struct remote_key key;
    struct error ignored;
    const struct object_name name = {.bucket = batch->bucket, .key = item->key, .version = item->version};
    if (remote_key_init(batch->remote, &name, &key, &ignored))
        counting_note_version(&key);
}

static void count_result(struct counting *counting, const struct s3_delete_item *sent, bool is_first_answer)
{
    bool is_refused = sent->error.code == S3_NoSuchKey || sent->error.code == S3_PreconditionFailed;
    if (sent->is_deleted)
        counting_done(counting);
    else if (is_refused && is_first_answer)
        counting_end(counting, INTENT_NOT_DONE);
    else
        counting_leave(counting);
}

/* What was not deleted because its row is old goes on one by one. */
static void note_results(struct batch *batch, struct remote_shard *shard, bool is_first_answer)
{
    for (unsigned i = 0; i < batch->sent_count; i++) {
        struct delete_item *item = &batch->items[batch->places[i]];
        struct batch_state *state = &batch->states[batch->places[i]];
        const struct s3_delete_item *sent = &batch->sent[i];
        bool is_no_id =
            item->version.size > 0 && sent->error.code == S3_InvalidArgument; /* what is none is not there */
        bool is_gone = is_no_id || sent->error.code == S3_NoSuchKey || sent->error.code == S3_NoSuchVersion;
        const struct object_name name = {.bucket = batch->bucket, .key = item->key, .version = item->version};
        bool wants_look = is_gone && item->version.size == 0 && batch->remote->base.capabilities.has_versions;
        item->is_deleted = sent->is_deleted || (is_gone && !wants_look); /* else a marker may be wanted there */
        count_result(&state->counting, sent, is_first_answer);
        if (item->version.size > 0 && sent->is_deleted)
            note_version(batch, item);
        (void)note_result(item, sent->is_marker, sent->marker_version);
        bool is_old = sent->etag.size > 0 && sent->error.code == S3_PreconditionFailed;
        state->is_open = !item->is_deleted && (is_old || wants_look);
        if (!item->is_deleted)
            item->error = sent->error;
        if (item->version.size > 0 && sent->error.code == S3_InvalidRequest)
            (void)remote_refuse_locked(&item->error); /* it was locked a moment ago (request.c) */
        if (item->is_deleted && !name_is_internal(item->key))
            drop_rows(batch->remote, shard, &name);
    }
}

SUSPENDS static bool send_batch(struct batch *batch, struct error *error)
{
    struct remote_shard *shard = remote_shard_here(batch->remote);
    struct s3_answer answer;
    struct s3_call call = {.repeat = S3_REPEAT};
    if (batch->sent_count == 0)
        return true;
    if (!remote_bucket(batch->remote, batch->bucket, &call.bucket, error))
        return false;
    bool done = s3_client_delete_objects(shard->client, &call, batch->sent, batch->sent_count, &answer, error);
    if (!remote_answered(shard, S3_DELETE_OBJECTS, &answer, done, error))
        return false;
    note_twins(batch);
    note_results(batch, shard, answer.attempts == 1);
    return true;
}

static void remove_sidecar(const struct batch *batch, const struct delete_item *item)
{
    struct remote_key key;
    struct error ignored;
    const struct object_name name = {.bucket = batch->bucket, .key = item->key};
    if (remote_key_init(batch->remote, &name, &key, &ignored))
        s4_object_remove_sidecar(&key);
}

/* What was absent a moment ago may want a marker: what it wants the backend's bucket says now. */
static void delete_rest(void *context, unsigned index)
{
    struct batch *batch = context;
    struct delete_item *item = &batch->items[index];
    const struct batch_state *state = &batch->states[index];
    bool wants_marker = state->is_absent && batch->versioning != VERSIONING_NEVER;
    if (state->is_buried || (state->is_absent && !wants_marker))
        item->is_deleted = true;
    else if (state->is_open || wants_marker) {
        item->is_deleted = delete_one(batch->remote, batch->bucket, item);
        return;
    }
    if (item->is_deleted && state->has_sidecar)
        remove_sidecar(batch, item);
}

/* As it was a moment ago. */
SUSPENDS static bool find_versioning(struct batch *batch, struct error *error)
{
    struct bucket_info info;
    bool found = remote_find_bucket(&batch->remote->base, batch->bucket, &info, error);
    batch->versioning = found ? info.versioning : VERSIONING_NEVER;
    batch->has_lock = found && info.has_lock;
    return found;
}

SUSPENDS static bool ask_versioning(struct batch *batch, struct error *error)
{
    struct span backend;
    return remote_bucket(batch->remote, batch->bucket, &backend, error) &&
           remote_ask_versioning(remote_shard_here(batch->remote), backend, &batch->versioning, error);
}

static bool has_absent(const struct batch *batch)
{
    for (unsigned i = 0; i < batch->count; i++) {
        if (batch->states[i].is_absent)
            return true;
    }
    return false;
}

SUSPENDS static bool delete_many(struct remote *remote, struct span bucket, struct delete_item *items, unsigned count,
                                 struct error *error)
{
    struct batch batch;
    bool done = (make_batch(remote, bucket, items, count, &batch) && mark_twins(&batch)) ||
                error_set(error, ERROR_BUSY, S3_SlowDown, "There is no memory to delete so many objects.");
    if (done && remote->base.capabilities.has_versions)
        done = find_versioning(&batch, error);
    if (done) {
        parallel_run(count, HEADS_AT_ONCE, look_at, &batch);
        gather(&batch);
        done = send_batch(&batch, error) && (!has_absent(&batch) || ask_versioning(&batch, error));
    }
    for (unsigned i = 0; batch.states != NULL && i < count; i++)
        counting_leave(&batch.states[i].counting); /* of what was not answered */
    if (done)
        parallel_run(count, HEADS_AT_ONCE, delete_rest, &batch);
    free_batch(&batch);
    return done;
}

SUSPENDS bool remote_delete_objects(struct bucket_store *store, struct span bucket, struct delete_item *items,
                                    unsigned count, struct error *error)
{
    struct remote *remote = remote_of(store);
    struct span backend;
    if (!remote_bucket(remote, bucket, &backend, error))
        return false;
    if (count > 1)
        return delete_many(remote, bucket, items, count, error);
    if (count == 1) {
        items->is_deleted = delete_one(remote, bucket, items);
        if (!items->is_deleted && items->error.code == S3_NoSuchBucket) {
            *error = items->error;
            return false;
        }
    }
    return true;
}
