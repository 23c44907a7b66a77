/* store/remote/write/large.c -- bodies of more than one stored part: the backend's own multipart upload.
 *
 * Parts are of one size, but for the last, which ends with the trailer. The object becomes visible by Complete, under
 * the same condition as a PUT would be sent with; until then nothing is there but an upload, which is given up when the
 * write fails. */
#include "runtime/base/assert.h"
#include "runtime/base/byteorder.h"
#include "runtime/fiber/loop.h"
#include "s3client/operations.h"
#include "s3client/wire/s3_error.h"
#include "store/remote/acl/acl_object.h"
#include "store/remote/read/fetch.h"
#include "store/remote/write/among_versions.h"
#include "store/remote/write/pending.h"
#include "store/remote/write/writer.h"

#include <stdlib.h>

enum { CREATE_ARENA_BYTES = 64 << 10, PART_HEAD_BYTES = 3 };

static struct s3_call call_of(const struct remote_writer *writer, enum s3_repeat repeat)
{
    return (struct s3_call){.bucket = writer->key.backend.bucket, .key = writer->key.backend.key, .repeat = repeat};
}

/* ---- Create ---- */

struct create_request {
    struct request_headers headers;
    struct buffer tags;
    struct written_object object;
    struct arena arena;
};

SUSPENDS static bool send_create(struct remote_writer *writer, struct create_request *request, struct error *error)
{
    struct span upload_id;
    struct s3_answer answer;
    if (!writer->key.is_internal && !written_object_make(writer, NULL, &request->object, error))
        return false;
    if (!request_headers_add_list(&request->headers, buffer_span(&request->object.fields)))
        return error_set(error, ERROR_INVALID, S3_MetadataTooLarge,
                         "There are too many header fields for the backend.");
    request_headers_add_tags(&request->headers, writer->intent.tags, &request->tags);
    struct s3_call call =
        call_of(writer, S3_REPEAT); /* what a lost answer leaves is an upload, which the sweep finds */
    call.headers = request->headers.fields;
    call.headers_count = request->headers.count;
    bool done = s3_client_create_upload(writer->key.shard->client, &call, &request->arena, &upload_id, &answer, error);
    if (!remote_answered(writer->key.shard, S3_CREATE_UPLOAD, &answer, done, error))
        return false;
    buffer_append(&writer->large->upload_id, upload_id);
    writer->large->is_metadata_in_trailer = request->object.stamp.is_metadata_in_trailer;
    pending_note(writer->key.shard, &writer->key.backend, upload_id, writer->key.name.bucket, writer->clients_upload,
                 writer->large->noted);
    return true;
}

SUSPENDS void large_forget(struct remote_writer *writer)
{
    struct large_body *large = writer->large;
    pending_drop(writer->key.shard, large->noted);
    buffer_free(&large->upload_id);
    buffer_free(&large->parts);
    free(large);
    writer->large = NULL;
}

static void make_body(struct remote_writer *writer)
{
    struct large_body *large = calloc(1, sizeof *large);
    ASSERT(large != NULL && writer->large == NULL);
    wait_queue_init(&large->sent);
    writer->large = large;
}

void large_adopt(struct remote_writer *writer, struct span upload_id, bool is_metadata_in_trailer)
{
    make_body(writer);
    writer->large->is_clients = true;
    writer->large->is_metadata_in_trailer = is_metadata_in_trailer;
    buffer_append(&writer->large->upload_id, upload_id);
}

SUSPENDS bool large_begin(struct remote_writer *writer, struct error *error)
{
    struct create_request *request = calloc(1, sizeof *request);
    ASSERT(request != NULL);
    arena_init(&request->arena, CREATE_ARENA_BYTES);
    make_body(writer);
    bool done = send_create(writer, request, error);
    arena_free(&request->arena);
    buffer_free(&request->tags);
    written_object_free(&request->object);
    free(request);
    if (!done)
        large_forget(writer);
    return done;
}

/* ---- parts ---- */

void large_add_part(struct large_body *large, unsigned number, struct span etag)
{
    uint8_t head[PART_HEAD_BYTES];
    store_u16_le(head, (uint16_t)number);
    head[2] = (uint8_t)etag.size;
    buffer_append(&large->parts, span_of(head, sizeof head));
    buffer_append(&large->parts, etag);
}

SUSPENDS static bool upload_part(struct remote_writer *writer, struct error *error)
{
    struct large_body *large = writer->large;
    struct span *spans = calloc(large->sending.count, sizeof *spans);
    struct s3_answer answer;
    ASSERT(spans != NULL);
    body_spans(&large->sending, spans);
    struct s3_call call = call_of(writer, S3_REPEAT); /* the same bytes under the same number */
    call.body = spans;
    call.body_count = large->sending.count;
    bool done = s3_client_upload_part(writer->key.shard->client, &call, buffer_span(&large->upload_id),
                                      large->parts_count, &answer, error);
    done = remote_answered(writer->key.shard, S3_UPLOAD_PART, &answer, done, error);
    free(spans);
    if (!done)
        return false;
    large_add_part(large, large->parts_count, span_from_string(answer.etag));
    return true;
}

static void end_sending(struct remote_writer *writer)
{
    struct large_body *large = writer->large;
    body_clear(writer->key.shard, &large->sending);
    if (large->sending_reserved > 0)
        memory_budget_give(&writer->key.shard->memory, large->sending_reserved);
    large->sending_reserved = 0;
    large->sender = NULL;
}

static void run_sender(void *argument)
{
    struct remote_writer *writer = argument;
    struct large_body *large = writer->large;
    large->sender = fiber_current();
    if (!upload_part(writer, &large->error))
        large->is_failed = true;
    end_sending(writer);
    wait_wake_all(&large->sent);
}

/* Until no part is on its way. A fiber that is cancelled cancels its part, and waits until that has ended. */
SUSPENDS static void wait_sent(struct large_body *large)
{
    struct error ignored;
    while (large->sending.count > 0) {
        if (wait_for(&large->sent, DEADLINE_NONE, &ignored) || large->sending.count == 0)
            continue;
        if (large->sender != NULL)
            fiber_cancel(large->sender);
        fiber_yield();
    }
}

static bool has_failed(const struct large_body *large, struct error *error)
{
    if (large->is_failed)
        *error = large->error;
    return large->is_failed;
}

/* Memory for a part beside the one on its way: only while half of it is free. */
static bool take_second(struct remote_writer *writer)
{
    struct memory_budget *memory = &writer->key.shard->memory;
    bool is_free =
        !memory_budget_has_waiters(memory) && memory_budget_used(memory) + writer->part_bytes <= memory->bytes_max / 2;
    return is_free && memory_budget_take_at_once(memory, (size_t)writer->part_bytes);
}

/* What has come together becomes the next part, on its way while the one after it is filled. */
SUSPENDS static bool send_part(struct remote_writer *writer, struct error *error)
{
    struct large_body *large = writer->large;
    wait_sent(large);
    if (has_failed(large, error))
        return false;
    large->sending = writer->body;
    writer->body = (struct body){0};
    writer->sent += large->sending.size;
    large->parts_count++;
    bool has_second = take_second(writer);
    large->sending_reserved = has_second ? (size_t)writer->part_bytes : 0;
    if (!fiber_spawn("part", run_sender, writer, error))
        run_sender(writer); /* there is no further fiber: then it is sent here and now */
    if (!has_second)
        wait_sent(large);
    return !has_failed(large, error);
}

SUSPENDS bool large_write(struct remote_writer *writer, struct span bytes, struct error *error)
{
    if (writer->large == NULL && !large_begin(writer, error))
        return false;
    while (bytes.size > 0) {
        if (writer->body.size == writer->part_bytes && !send_part(writer, error))
            return false;
        struct span taken = span_take(bytes, (size_t)(writer->part_bytes - writer->body.size));
        if (!body_append(writer->key.shard, &writer->body, taken, error))
            return false;
        bytes = span_skip(bytes, taken.size);
    }
    return true;
}

/* ---- Complete ---- */

struct complete_request {
    struct s3_part *parts;
    unsigned count;
    char etag[QUOTED_ETAG_BYTES];
};

static void list_parts(const struct large_body *large, struct complete_request *request)
{
    struct span parts = buffer_span(&large->parts);
    request->parts = calloc(parts.size / PART_HEAD_BYTES + 1, sizeof *request->parts);
    ASSERT(request->parts != NULL);
    for (; parts.size > 0; request->count++) {
        size_t size = parts.data[2];
        ASSERT(parts.size >= PART_HEAD_BYTES + size);
        request->parts[request->count] = (struct s3_part){.number = load_u16_le(parts.data),
                                                          .etag = span_take(span_skip(parts, PART_HEAD_BYTES), size)};
        parts = span_skip(parts, PART_HEAD_BYTES + size);
    }
}

SUSPENDS static bool send_complete(struct remote_writer *writer, struct complete_request *request,
                                   struct s3_answer *ret_answer, struct error *error)
{
    struct http_field condition;
    struct s3_call call = call_of(writer, S3_ONCE);
    call.headers = &condition;
    call.headers_count = target_header(&writer->target, true, request->etag, &condition) ? 1 : 0;
    bool done = s3_client_complete_upload(writer->key.shard->client, &call, buffer_span(&writer->large->upload_id),
                                          request->parts, request->count, ret_answer, error);
    return remote_answered(writer->key.shard, S3_COMPLETE_UPLOAD, ret_answer, done, error);
}

/* Is the object that was completed the key's, or one of its versions? *ret_is_known: the backend says so or not. */
SUSPENDS static bool is_object_there(struct remote_writer *writer, bool *ret_is_known, struct error *error)
{
    bool is_own = false;
    const struct write_target before = writer->target;
    writer->target.condition = NULL;
    *ret_is_known = target_look(&writer->target, writer->nonce, &is_own, error) &&
                    (is_own || among_versions_find(&writer->target, &before, writer->nonce, &is_own, error));
    return *ret_is_known && is_own;
}

/* It has succeeded. Where an earlier attempt was refused, that one may have done it: something on the way sent it
 * twice, the refusal was what the second one met, and servers say yes once more to who completes what they have
 * completed. When the object is not there any more, nobody knows which revision it took the place of. */
SUSPENDS static void count_done(struct remote_writer *writer, const char *version, bool was_refused)
{
    bool is_known;
    struct error ignored;
    if (was_refused && writer->counting.open != NULL && !is_object_there(writer, &is_known, &ignored))
        counting_end(&writer->counting, INTENT_UNCERTAIN);
    else
        counting_done(&writer->counting, version);
}

/* The upload is gone: completed by an attempt whose answer was lost, or given up by somebody. */
static bool is_upload_gone(const struct error *error)
{
    return error->code == S3_NoSuchUpload;
}

SUSPENDS static enum attempt resolve_gone(struct remote_writer *writer, struct error *error)
{
    bool is_known;
    if (is_object_there(writer, &is_known, error))
        return ATTEMPT_DONE;
    counting_end(&writer->counting, INTENT_UNCERTAIN); /* what came of it may have been replaced, and counted */
    if (!is_known)
        return ATTEMPT_FAILED;
    if (writer->large->is_clients) {
        (void)error_set(error, ERROR_NOT_FOUND, S3_NoSuchUpload, "The upload has been completed or aborted.");
        return ATTEMPT_FAILED;
    }
    (void)error_set(
        error, ERROR_IO, S3_InternalError,
        "The backend has lost the parts of this object, or the object was replaced as soon as it was written.");
    return ATTEMPT_FAILED;
}

SUSPENDS static bool complete(struct remote_writer *writer, struct complete_request *request,
                              struct written_revision *ret_revision, struct error *error)
{
    for (unsigned round = 0;; round++) {
        struct s3_answer answer;
        counting_note(&writer->counting, &writer->key, &writer->target, writer->nonce, &writer->made);
        bool is_answered = send_complete(writer, request, &answer, error);
        if (is_answered && !writer->target.may_be_applied) {
            written_revision_answered(&answer, ret_revision);
            count_done(writer, ret_revision->version, round > 0);
            return true;
        }
        enum attempt attempt = is_answered ? target_confirm(&writer->target, writer->nonce, round, error)
                               : is_upload_gone(error)
                                   ? resolve_gone(writer, error)
                                   : target_resolve(&writer->target, writer->nonce, &answer, round, error);
        if (attempt == ATTEMPT_AGAIN)
            continue;
        if (attempt == ATTEMPT_FAILED) {
            counting_failed(&writer->counting, &writer->target, &answer);
            return false;
        }
        written_revision_found(&writer->target, ret_revision);
        counting_done(&writer->counting, ret_revision->version);
        return true;
    }
}

SUSPENDS bool large_complete(struct remote_writer *writer, struct written_revision *ret_revision, struct error *error)
{
    struct complete_request *request = calloc(1, sizeof *request);
    ASSERT(request != NULL);
    list_parts(writer->large, request);
    writer->target.can_repeat = true;
    bool done = (writer->target.state != TARGET_UNKNOWN || target_prepare(&writer->target, false, error)) &&
                complete(writer, request, ret_revision, error);
    free(request->parts);
    free(request);
    return done;
}

/* The trailer goes where the body ends; what is left becomes the last part. */
SUSPENDS static bool send_end(struct remote_writer *writer, struct span trailer, struct error *error)
{
    if (!large_write(writer, trailer, error) || !send_part(writer, error))
        return false;
    wait_sent(writer->large);
    return !has_failed(writer->large, error);
}

/* Nobody else completes it: once its name is there, it is ours. */
SUSPENDS static bool complete_plain(struct remote_writer *writer, struct complete_request *request, struct error *error)
{
    struct remote_state state;
    for (unsigned round = 0;; round++) {
        struct s3_answer answer;
        struct error reason;
        bool is_answered = send_complete(writer, request, &answer, &reason);
        if (is_answered && round == 0)
            return true;
        if (is_answered) /* of the attempt before, and perhaps not true */
            (void)target_is_unclear(writer->key.shard, &reason);
        bool is_unclear = is_answered || answer.effect == S3_UNKNOWN || is_upload_gone(&reason);
        *error = reason;
        if (!is_unclear || !remote_look(&writer->key, LOOK_FOR_ETAG, &state, error))
            return false;
        bool is_there = state.is_there;
        remote_state_free(writer->key.shard, &state);
        if (is_there)
            return true;
        *error = reason;
        if (round + 1 == WRITE_ROUNDS || is_answered || is_upload_gone(error))
            return false;
    }
}

SUSPENDS bool large_commit_plain(struct remote_writer *writer, struct error *error)
{
    struct complete_request *request = calloc(1, sizeof *request);
    ASSERT(request != NULL);
    writer->target.state = TARGET_ABSENT;
    bool done = send_end(writer, SPAN_EMPTY, error);
    if (done)
        list_parts(writer->large, request);
    done = done && complete_plain(writer, request, error);
    free(request->parts);
    free(request);
    if (done)
        large_forget(writer);
    return done;
}

/* Owner and list went with Create: what they are at commit must be the same, and be there when the object is. */
SUSPENDS static bool settle_owner(struct remote_writer *writer, const struct object_attributes *attributes,
                                  struct error *error)
{
    if (!span_equal(attributes->owner, writer->intent.owner) || !span_equal(attributes->acl, writer->intent.acl))
        return error_set(error, ERROR_CONFLICT, S3_ConditionalRequestConflict,
                         "The bucket's ownership was changed while the object was being sent. Send it again.");
    return acl_put_first(&writer->key, writer->nonce, attributes->acl, error);
}

SUSPENDS bool large_commit(struct remote_writer *writer, const struct write_result *result,
                           struct object_attributes *ret_attributes, struct error *error)
{
    struct written_object object;
    struct written_revision revision;
    writer->target.condition = result->condition;
    bool done = written_object_make(writer, result, &object, error) &&
                send_end(writer, buffer_span(&object.trailer), error) &&
                settle_owner(writer, result->attributes, error) && large_complete(writer, &revision, error);
    if (done)
        written_object_settle(&writer->key, &object, &revision, result->frames, ret_attributes);
    written_object_free(&object);
    if (!done) {
        large_abort(writer);
        return false;
    }
    large_forget(writer);
    remote_writer_free(writer);
    return true;
}

/* ---- giving up ---- */

static void run_abort(void *argument)
{
    struct remote_writer *writer = argument;
    struct remote_shard *shard = writer->key.shard;
    struct s3_answer answer;
    struct error ignored;
    wait_sent(writer->large);
    struct s3_call call = call_of(writer, S3_REPEAT);
    bool done = s3_client_abort_upload(shard->client, &call, buffer_span(&writer->large->upload_id), &answer, &ignored);
    (void)remote_answered(shard, S3_ABORT_UPLOAD, &answer, done, &ignored); /* else the sweep finds it */
    large_forget(writer);
    remote_writer_free(writer);
    shard->background--;
    wait_wake_all(&shard->background_ended);
}

SUSPENDS void large_abort(struct remote_writer *writer)
{
    struct error ignored;
    ASSERT(writer->large != NULL);
    if (writer->large->sender != NULL)
        fiber_cancel(writer->large->sender);
    body_clear(writer->key.shard, &writer->body);
    writer->key.shard->background++;
    if (!fiber_spawn("abort upload", run_abort, writer, &ignored))
        run_abort(writer);
}
