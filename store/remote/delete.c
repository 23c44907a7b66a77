/* store/remote/delete.c -- deleting: one key with its condition, many by one request. */
#include "s3client/operations.h"
#include "s3client/wire/s3_error.h"
#include "store/remote/fetch.h"
#include "store/remote/parallel.h"
#include "store/remote/s4_object.h"
#include "store/remote/write/target.h"

#include <stdlib.h>

/* ---- one ---- */

SUSPENDS static bool send_delete(const struct remote_key *key, const struct http_field *condition,
                                 struct s3_answer *ret_answer, struct error *error)
{
    const struct s3_call call = {
        .kind = S3_DELETE_OBJECT,
        .bucket = key->backend.bucket,
        .key = key->backend.key,
        .headers = condition,
        .headers_count = condition == NULL ? 0 : 1,
        .repeat = condition == NULL ? S3_REPEAT : S3_ONCE,
    };
    bool done = remote_call(key->shard, &call, ret_answer, error);
    if (done)
        s3_answer_close(ret_answer);
    return done || error->code == S3_NoSuchKey;
}

enum { DELETE_ROUNDS = 16 };

/* What one attempt came to. */
enum deletion { DELETED, DELETE_AGAIN, DELETE_FAILED };

SUSPENDS static enum deletion delete_revision(struct write_target *target, bool *may_be_applied, struct error *error)
{
    char text[QUOTED_ETAG_BYTES];
    struct s3_answer answer;
    if (target->state == TARGET_ABSENT)
        return DELETED;
    const struct http_field header = {SPAN("if-match"), fetch_quote(span_from_string(target->etag), text)};
    if (send_delete(target->key, &header, &answer, error))
        return DELETED;
    bool is_unknown = answer.effect == S3_UNKNOWN;
    *may_be_applied = *may_be_applied || is_unknown;
    return is_unknown || answer.status == 412 ? DELETE_AGAIN : DELETE_FAILED;
}

/* Ours may have deleted what they then wrote anew: that is not to be deleted as well. */
static bool unclear(struct error *error)
{
    return error_set(error, ERROR_IO, S3_InternalError,
                     "The backend's answer was lost, and the object has been written anew since: the deletion may have "
                     "been applied before that.");
}

/* Names the revision to the backend, so that a request that arrives late, or twice, deletes nothing that came after it.
 */
SUSPENDS static bool delete_named(struct remote_key *key, const struct write_condition *condition, struct error *error)
{
    struct write_target target;
    bool may_be_applied = false;
    target_init(&target, key, condition);
    for (unsigned round = 0; round < DELETE_ROUNDS; round++) {
        char before[STORED_ETAG_TEXT_BYTES];
        memcpy(before, target.etag, sizeof before);
        bool may_go_on = round == 0 ? target_prepare(&target, true, error) : target_look(&target, NULL, NULL, error);
        bool is_gone = !may_go_on && error->code == S3_NoSuchKey;
        if (may_be_applied && target.state == TARGET_REVISION && strcmp(before, target.etag) != 0)
            return unclear(error);
        if (!may_go_on)
            return may_be_applied && is_gone; /* and that may be our doing */
        enum deletion deletion = delete_revision(&target, &may_be_applied, error);
        if (deletion != DELETE_AGAIN)
            return deletion == DELETED;
    }
    return error_set(error, ERROR_BUSY, S3_SlowDown, "The object is changed too often at the moment. Try again.");
}

SUSPENDS static bool delete_key(struct remote_key *key, const struct write_condition *condition, struct error *error)
{
    struct s3_answer answer;
    bool is_named = !key->is_internal && verdict_holds(&key->shard->remote->verdicts, VERDICT_DELETE_MATCH);
    return is_named || condition != NULL ? delete_named(key, condition, error) : send_delete(key, NULL, &answer, error);
}

SUSPENDS static bool delete_one(struct remote *remote, struct span bucket, struct delete_item *item)
{
    struct remote_key key;
    const struct object_name name = {.bucket = bucket, .key = item->key, .version = item->version};
    if (!remote_key_init(remote, &name, &key, &item->error))
        return false;
    if (!delete_key(&key, item->condition, &item->error))
        return false;
    if (key.is_internal)
        return true;
    rows_drop(key.shard->rows, key.row_key);
    if (s4_object_may_have_sidecar(&key)) /* by what was known of it, or was found out on the way */
        s4_object_remove_sidecar(&key);
    return true;
}

/* ---- many ---- */

struct batch {
    struct remote *remote;
    struct span bucket;
    struct delete_item *items;
    unsigned count;
    struct backend_name *names;
    char (*etags)[STORED_ETAG_TEXT_BYTES]; /* of each item; "": not known */
    struct s3_delete_item *sent;           /* those without a condition */
    bool *is_open;                         /* of each item: it is still to be deleted */
    bool *has_sidecar;                     /* of each item: S4's index lies beside it, perhaps */
    unsigned *places;                      /* of each of `sent`, in `items` */
    unsigned sent_count;
};

static bool make_batch(struct remote *remote, struct span bucket, struct delete_item *items, unsigned count,
                       struct batch *batch)
{
    *batch = (struct batch){.remote = remote, .bucket = bucket, .items = items, .count = count};
    batch->names = malloc(count * sizeof *batch->names);
    batch->sent = calloc(count, sizeof *batch->sent);
    batch->places = calloc(count, sizeof *batch->places);
    batch->etags = calloc(count, sizeof *batch->etags);
    batch->is_open = calloc(count, sizeof *batch->is_open);
    batch->has_sidecar = calloc(count, sizeof *batch->has_sidecar);
    return batch->is_open != NULL && batch->has_sidecar != NULL && batch->etags != NULL && batch->names != NULL &&
           batch->sent != NULL && batch->places != NULL;
}

static void free_batch(struct batch *batch)
{
    free(batch->names);
    free(batch->sent);
    free(batch->places);
    free(batch->etags);
    free(batch->is_open);
    free(batch->has_sidecar);
}

/* What each key is, from its row, or by asking: so that a request that comes late, or twice, deletes nothing that came
 * after it. */
static void look_at(void *context, unsigned index)
{
    struct batch *batch = context;
    struct delete_item *item = &batch->items[index];
    struct remote_key key;
    struct remote_state state;
    const struct object_name name = {.bucket = batch->bucket, .key = item->key};
    if (item->condition != NULL || name_is_internal(item->key) ||
        !remote_key_init(batch->remote, &name, &key, &item->error))
        return;
    if (!key.has_row && verdict_holds(&batch->remote->verdicts, VERDICT_DELETE_MATCH)) {
        bool looked = remote_look(&key, false, &state, &item->error);
        if (looked && state.is_there)
            memcpy(batch->etags[index], state.object.attributes.stored_etag, STORED_ETAG_TEXT_BYTES);
        item->is_deleted = looked && !state.is_there;
        remote_state_free(key.shard, &state);
    } else if (key.has_row) {
        memcpy(batch->etags[index], key.row.attributes.stored_etag, STORED_ETAG_TEXT_BYTES);
    }
    batch->has_sidecar[index] = s4_object_may_have_sidecar(&key);
}

static void gather(struct batch *batch)
{
    for (unsigned i = 0; i < batch->count; i++) {
        struct delete_item *item = &batch->items[i];
        const struct object_name name = {.bucket = batch->bucket, .key = item->key};
        if (item->condition != NULL || item->is_deleted)
            continue;
        if (!remote_name(batch->remote, &name, &batch->names[i], &item->error))
            continue;
        batch->places[batch->sent_count] = i;
        batch->sent[batch->sent_count++] =
            (struct s3_delete_item){.key = batch->names[i].key, .etag = span_from_string(batch->etags[i])};
    }
}

/* A key may come twice, and some backends answer it once. */
static void note_twins(struct batch *batch)
{
    for (unsigned i = 0; i < batch->sent_count; i++) {
        struct s3_delete_item *sent = &batch->sent[i];
        for (unsigned j = 0; !sent->is_deleted && sent->error.kind == ERROR_DAMAGED && j < batch->sent_count; j++)
            sent->is_deleted = batch->sent[j].is_deleted && span_equal(batch->sent[j].key, sent->key);
    }
}

/* What was not deleted because its row is old goes on one by one. */
static void note_results(struct batch *batch, struct remote_shard *shard)
{
    for (unsigned i = 0; i < batch->sent_count; i++) {
        uint8_t key[ROW_KEY_BYTES];
        struct delete_item *item = &batch->items[batch->places[i]];
        const struct s3_delete_item *sent = &batch->sent[i];
        item->is_deleted = sent->is_deleted || sent->error.code == S3_NoSuchKey;
        batch->is_open[batch->places[i]] =
            !item->is_deleted && sent->etag.size > 0 && sent->error.code == S3_PreconditionFailed;
        if (!item->is_deleted)
            item->error = sent->error;
        row_key(batch->bucket, item->key, key);
        if (item->is_deleted && !name_is_internal(item->key))
            rows_drop(shard->rows, key);
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
    note_results(batch, shard);
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

/* Those with a condition go one by one: each has its own answer, and a lost one can be told from a refusal. */
static void delete_rest(void *context, unsigned index)
{
    struct batch *batch = context;
    struct delete_item *item = &batch->items[index];
    if (item->condition != NULL || batch->is_open[index])
        item->is_deleted = delete_one(batch->remote, batch->bucket, item);
    else if (item->is_deleted && batch->has_sidecar[index])
        remove_sidecar(batch, item);
}

SUSPENDS static bool delete_many(struct remote *remote, struct span bucket, struct delete_item *items, unsigned count,
                                 struct error *error)
{
    struct batch batch;
    bool done = make_batch(remote, bucket, items, count, &batch) ||
                error_set(error, ERROR_BUSY, S3_SlowDown, "There is no memory to delete so many objects.");
    if (done) {
        parallel_run(count, HEADS_AT_ONCE, look_at, &batch);
        gather(&batch);
        done = send_batch(&batch, error);
    }
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
