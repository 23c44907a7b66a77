/* store/remote/delete/delete_many.c -- deleting many keys: those without a condition by one request, the others one by
 * one. */
#include "store/remote/delete/delete.h"

#include "codec/format/crc.h"
#include "runtime/fiber/parallel.h"
#include "s3client/operations.h"
#include "s3client/wire/s3_error.h"
#include "store/remote/read/s4_object.h"
#include "store/remote/write/tombstone.h"

#include <stdlib.h>

static const struct ledger_amounts nothing; /* what is there after a deletion */

/* What becomes of an item. */
struct batch_state {
    struct backend_name name;
    char etag[STORED_ETAG_TEXT_BYTES]; /* "": not known */
    struct counting counting;
    struct departing departing;
    bool is_twin;     /* its key came before */
    bool is_unknown;  /* it could not be looked at, which its error says */
    bool is_absent;   /* nothing was there */
    bool is_buried;   /* a tombstone took its place, and has gone */
    bool is_open;     /* it is still to be deleted */
    bool is_lost;     /* ... and may have been: the answer was lost */
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
    return item->condition != NULL || item->grounds != NULL || may_be_locked || makes_marker || is_null || is_twin;
}

/* It stands twice, and the first one counts. */
static bool is_repeated_version(const struct batch *batch, unsigned index)
{
    const struct delete_item *item = &batch->items[index];
    bool is_repeated = false;
    for (unsigned i = 0; batch->states[index].is_twin && !is_repeated && i < index; i++)
        is_repeated = span_equal(batch->items[i].version, item->version) && span_equal(batch->items[i].key, item->key);
    return is_repeated;
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
    const struct object_name name = {.bucket = batch->bucket, .key = item->key, .version = item->version};
    if (goes_alone(batch, index) || name_is_internal(item->key) ||
        !remote_key_init(batch->remote, &name, &key, &item->error))
        return;
    if (item->version.size > 0) {
        if (!is_repeated_version(batch, index))
            departing_look(&key, &state->departing);
        return;
    }
    target_init(&target, &key, NULL);
    bool is_heeded = verdict_holds(&batch->remote->verdicts, VERDICT_DELETE_MATCH);
    bool is_asked = key.has_row || is_heeded || batch->remote->is_counted;
    bool looked = is_asked && deletion_find_revision(&target, &item->error);
    if (looked && tombstone_is_due(&target))
        looked = deletion_bury(item, &target, &state->counting, &state->is_buried, &item->error);
    if (state->is_buried)
        deletion_drop_rows(batch->remote, key.shard, &name);
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

static void count_result(struct counting *counting, const struct s3_delete_item *sent, const char *left)
{
    bool is_refused = sent->error.code == S3_NoSuchKey || sent->error.code == S3_PreconditionFailed;
    if (sent->is_deleted)
        counting_done(counting, left);
    else if (is_refused)
        counting_end(counting, INTENT_NOT_DONE);
    else
        counting_leave(counting);
}

/* What was not deleted because its row is old goes on one by one. */
static void note_results(struct batch *batch, struct remote_shard *shard)
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
        (void)deletion_note_result(item, sent->is_marker, sent->marker_version);
        count_result(&state->counting, sent, deletion_left(item));
        bool is_old = sent->etag.size > 0 && sent->error.code == S3_PreconditionFailed;
        state->is_open = !item->is_deleted && (is_old || wants_look);
        if (!item->is_deleted)
            item->error = sent->error;
        if (item->version.size > 0 && sent->error.code == S3_InvalidRequest)
            (void)remote_refuse_locked(&item->error); /* it was locked a moment ago (request.c) */
        if (item->is_deleted && !name_is_internal(item->key))
            deletion_drop_rows(batch->remote, shard, &name);
    }
}

/* All of it may be applied, some, or nothing: of each key is found out by itself. */
static void note_lost(struct batch *batch)
{
    for (unsigned i = 0; i < batch->sent_count; i++) {
        struct batch_state *state = &batch->states[batch->places[i]];
        state->is_open = state->is_lost = true;
    }
}

/* Once: a server that heeds no ETags would take what was written since. */
SUSPENDS static bool send_batch(struct batch *batch, struct error *error)
{
    struct remote_shard *shard = remote_shard_here(batch->remote);
    struct s3_answer answer;
    struct s3_call call = {.repeat = S3_ONCE};
    if (batch->sent_count == 0)
        return true;
    if (!remote_bucket(batch->remote, batch->bucket, &call.bucket, error))
        return false;
    bool done = s3_client_delete_objects(shard->client, &call, batch->sent, batch->sent_count, &answer, error);
    done = remote_answered(shard, S3_DELETE_OBJECTS, &answer, done, error);
    if (!done && answer.effect == S3_UNKNOWN) {
        note_lost(batch);
        return true;
    }
    if (done) {
        note_twins(batch);
        note_results(batch, shard);
    }
    return done;
}

static void remove_sidecar(const struct batch *batch, const struct delete_item *item)
{
    struct remote_key key;
    struct error ignored;
    const struct object_name name = {.bucket = batch->bucket, .key = item->key};
    if (remote_key_init(batch->remote, &name, &key, &ignored))
        s4_object_remove_sidecar(&key);
}

/* A version that was sent away: what it counted comes off. */
SUSPENDS static void count_departed(const struct batch *batch, const struct delete_item *item,
                                    const struct batch_state *state)
{
    struct remote_key key;
    struct error ignored;
    const struct object_name name = {.bucket = batch->bucket, .key = item->key, .version = item->version};
    if (item->is_deleted && state->departing.is_there && remote_key_init(batch->remote, &name, &key, &ignored))
        departing_gone(&key, &state->departing);
}

/* What was absent a moment ago may want a marker: what it wants the backend's bucket says now. */
static void delete_rest(void *context, unsigned index)
{
    struct batch *batch = context;
    struct delete_item *item = &batch->items[index];
    struct batch_state *state = &batch->states[index];
    const struct lost_deletion lost = {
        .etag = state->etag, .counting = &state->counting, .departing = &state->departing};
    bool wants_marker = state->is_absent && batch->versioning != VERSIONING_NEVER;
    if (state->is_buried || (state->is_absent && !wants_marker))
        item->is_deleted = true;
    else if (state->is_open || wants_marker) {
        item->is_deleted = deletion_of_one(batch->remote, batch->bucket, item, state->is_lost ? &lost : NULL);
        return;
    }
    count_departed(batch, item, state);
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
    if (done)
        parallel_run(count, HEADS_AT_ONCE, delete_rest, &batch);
    for (unsigned i = 0; batch.states != NULL && i < count; i++)
        counting_leave(&batch.states[i].counting); /* of what was not answered */
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
        items->is_deleted = deletion_of_one(remote, bucket, items, NULL);
        if (!items->is_deleted && items->error.code == S3_NoSuchBucket) {
            *error = items->error;
            return false;
        }
    }
    return true;
}
