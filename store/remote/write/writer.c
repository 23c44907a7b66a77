/* store/remote/write/writer.c -- a write: bytes are held until they are a whole body, or a whole part; then sent. */
#include "codec/seal/sealed_frame.h"
#include "runtime/base/assert.h"
#include "runtime/base/clock.h"
#include "runtime/fiber/loop.h"
#include "s3client/wire/s3_error.h"
#include "store/remote/acl/acl_object.h"
#include "store/remote/read/fetch.h"
#include "store/remote/write/rewrite.h"

#include <stdlib.h>

enum {
    MEMORY_WAIT_MS = 30000,
    PARTS_MAX = 9990, /* of the backend's upload, the trailer's beside them */
    FRAME_HEADERS_BYTES = 16 << 10,
};

/* ---- beginning ---- */

static struct remote_writer *create(struct bucket_store *store, const struct write_intent *intent)
{
    size_t names_bytes = intent->name.bucket.size + intent->name.key.size;
    struct remote_writer *writer = malloc(sizeof *writer + names_bytes);
    ASSERT(writer != NULL);
    memset(writer, 0, sizeof *writer);
    writer->store = store;
    writer->intent = *intent;
    memcpy(writer->names, intent->name.bucket.data, intent->name.bucket.size);
    memcpy(writer->names + intent->name.bucket.size, intent->name.key.data, intent->name.key.size);
    writer->intent.name = (struct object_name){
        .bucket = span_of(writer->names, intent->name.bucket.size),
        .key = span_of(writer->names + intent->name.bucket.size, intent->name.key.size),
    };
    return writer;
}

void remote_writer_free(struct remote_writer *writer)
{
    struct remote_shard *shard = writer->key.shard;
    body_clear(shard, &writer->body);
    if (writer->reserved > 0)
        memory_budget_give(&shard->memory, writer->reserved);
    if (writer->part != NULL)
        buffer_free(&writer->part->texts);
    free(writer->part);
    rewriting_free(writer->rewriting);
    free(writer);
}

/* How many stored bytes there can be: frames that do not shrink cost their headers, and what seals them. */
static uint64_t most_stored(const struct write_intent *intent)
{
    uint64_t frames = intent->original_size / FRAME_ORIGINAL_BYTES + 1;
    return intent->original_size +
           frames * (FRAME_HEADER_BYTES + (intent->is_sealed ? (uint64_t)SEALED_PAYLOAD_BYTES : 0));
}

/* Objects of the store itself are parts that clients sent, often of just this size: with the frames' headers they are
 * one PUT still. */
static uint64_t choose_part_bytes(const struct remote *remote, const struct write_intent *intent, bool is_internal)
{
    uint64_t part_bytes = remote->settings.part_bytes + (is_internal ? FRAME_HEADERS_BYTES : 0);
    uint64_t least = intent->is_size_known ? most_stored(intent) / PARTS_MAX + 1 : 0;
    return least > part_bytes ? least : part_bytes;
}

/* Memory for all that may have to be held at once, before the first byte: nobody waits holding half a part. */
SUSPENDS static bool reserve(struct remote_writer *writer, struct error *error)
{
    const struct write_intent *intent = &writer->intent;
    uint64_t wanted = writer->part_bytes;
    if (intent->is_size_known && most_stored(intent) < wanted)
        wanted = most_stored(intent) + FRAME_HEADER_BYTES;
    if (intent->is_size_known && wanted < BODY_PIECE_BYTES)
        writer->body.expected = (size_t)wanted;
    if (!memory_budget_take(&writer->key.shard->memory, (size_t)wanted, deadline_after_ms(MEMORY_WAIT_MS), error))
        return error->kind == ERROR_CANCELLED
                   ? false
                   : error_set(error, ERROR_BUSY, S3_SlowDown, "There is no memory for a further upload.");
    writer->reserved = (size_t)wanted;
    return true;
}

/* A refusal at the end would cost the way of a whole body. */
static bool is_costly(const struct write_intent *intent)
{
    return !intent->is_size_known || intent->original_size > SMALL_BODY_BYTES;
}

struct remote_writer *remote_writer_create(struct bucket_store *store, const struct write_intent *intent,
                                           struct error *error)
{
    struct remote *remote = remote_of(store);
    struct remote_writer *writer = create(store, intent);
    if (!remote_key_init(remote, &writer->intent.name, &writer->key, error)) {
        free(writer);
        return NULL;
    }
    random_fill(&writer->key.shard->random, writer->nonce, sizeof writer->nonce);
    writer->part_bytes = choose_part_bytes(remote, intent, writer->key.is_internal);
    target_init(&writer->target, &writer->key, intent->condition);
    return writer;
}

SUSPENDS bool remote_writer_begin(struct bucket_store *store, const struct write_intent *intent,
                                  struct remote_writer **ret_writer, struct error *error)
{
    struct remote_writer *writer = remote_writer_create(store, intent, error);
    if (writer == NULL)
        return false;
    bool may_go_on = writer->key.is_internal || intent->condition == NULL ||
                     target_prepare(&writer->target, is_costly(intent), error);
    if (!may_go_on || !reserve(writer, error)) {
        remote_writer_free(writer);
        return false;
    }
    *ret_writer = writer;
    return true;
}

SUSPENDS bool remote_begin_write(struct bucket_store *store, const struct write_intent *intent,
                                 struct bucket_writer **ret_writer, struct error *error)
{
    struct remote_writer *writer;
    if (intent->rewrite != NULL)
        return rewrite_begin(store, intent, ret_writer, error);
    if (!remote_writer_begin(store, intent, &writer, error))
        return false;
    *ret_writer = (struct bucket_writer *)writer;
    return true;
}

SUSPENDS bool remote_write(struct bucket_writer *base, struct span bytes, struct error *error)
{
    struct remote_writer *writer = (struct remote_writer *)base;
    if (writer->large == NULL && bytes.size <= writer->part_bytes - writer->body.size)
        return body_append(writer->key.shard, &writer->body, bytes, error);
    return large_write(writer, bytes, error);
}

SUSPENDS void remote_abort(struct bucket_writer *base)
{
    struct remote_writer *writer = (struct remote_writer *)base;
    if (writer->large != NULL)
        large_abort(writer);
    else
        remote_writer_free(writer);
}

/* ---- one PUT ---- */

/* Of one attempt; on the heap, for a fiber's stack is small. */
struct put_request {
    struct request_headers headers;
    struct buffer tags;
    char etag[QUOTED_ETAG_BYTES];
    unsigned spans_count;
    struct span spans[];
};

static void free_request(struct put_request *request)
{
    buffer_free(&request->tags);
    free(request);
}

static struct put_request *make_request(struct remote_writer *writer, const struct write_result *result,
                                        const struct written_object *object, struct error *error)
{
    size_t spans_max = (size_t)writer->body.count + 2;
    struct put_request *request = malloc(sizeof *request + spans_max * sizeof *request->spans);
    ASSERT(request != NULL);
    request->headers.count = 0; /* the rest is room for two kilobytes of fields, which nobody needs cleared */
    request->tags = (struct buffer){0};
    request->spans_count = 0;
    if (object->head.size > 0)
        request->spans[request->spans_count++] = buffer_span(&object->head);
    body_spans(&writer->body, request->spans + request->spans_count);
    request->spans_count += writer->body.count;
    if (object->trailer.size > 0)
        request->spans[request->spans_count++] = buffer_span(&object->trailer);
    if (!request_headers_add_list(&request->headers, buffer_span(&object->fields))) {
        free_request(request);
        (void)error_set(error, ERROR_INVALID, S3_MetadataTooLarge, "There are too many header fields for the backend.");
        return NULL;
    }
    request_headers_add_tags(&request->headers, result->tags, &request->tags);
    return request;
}

SUSPENDS static bool send_put(struct remote_writer *writer, const struct put_request *request,
                              const struct http_field *condition, struct s3_answer *ret_answer, struct error *error)
{
    struct request_headers headers = request->headers;
    if (condition != NULL)
        request_headers_add(&headers, condition->name, condition->value);
    const struct s3_call call = {
        .kind = S3_PUT_OBJECT,
        .bucket = writer->key.backend.bucket,
        .key = writer->key.backend.key,
        .headers = headers.fields,
        .headers_count = headers.count,
        .body = request->spans,
        .body_count = request->spans_count,
        .repeat = S3_ONCE,
    };
    if (!remote_call(writer->key.shard, &call, ret_answer, error))
        return false;
    s3_answer_close(ret_answer);
    return true;
}

SUSPENDS static bool put(struct remote_writer *writer, struct put_request *request,
                         struct written_revision *ret_revision, struct error *error)
{
    for (unsigned round = 0;; round++) {
        struct http_field condition;
        struct s3_answer answer;
        bool is_conditional = target_header(&writer->target, false, request->etag, &condition);
        counting_note(&writer->counting, &writer->key, &writer->target, writer->nonce, &writer->made);
        if (send_put(writer, request, is_conditional ? &condition : NULL, &answer, error)) {
            written_revision_answered(&answer, ret_revision);
            counting_done(&writer->counting, ret_revision->version);
            return true;
        }
        enum attempt attempt = target_resolve(&writer->target, writer->nonce, &answer, round, error);
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

SUSPENDS static bool commit_one(struct remote_writer *writer, const struct write_result *result,
                                struct object_attributes *ret_attributes, struct error *error)
{
    struct written_object object;
    struct written_revision revision;
    bool done = written_object_make(writer, result, &object, error);
    struct put_request *request = done ? make_request(writer, result, &object, error) : NULL;
    bool is_prepared = writer->target.state != TARGET_UNKNOWN;
    done = request != NULL && (is_prepared || target_prepare(&writer->target, is_costly(&writer->intent), error)) &&
           acl_put_first(&writer->key, writer->nonce, result->attributes->acl, error) &&
           put(writer, request, &revision, error);
    if (done)
        written_object_settle(&writer->key, &object, &revision, result->frames, ret_attributes);
    if (request != NULL)
        free_request(request);
    written_object_free(&object);
    return done;
}

/* ---- objects of the store itself ---- */

/* The condition is of the backend's own ETags, and what becomes of it is the caller's affair: one attempt. */
static bool internal_condition(const struct write_condition *condition, char *ret_text, struct http_field *ret_field)
{
    if (condition == NULL)
        return false;
    bool is_weak;
    struct span if_match = fields_plain_etag(condition->if_match, &is_weak);
    if (if_match.size > 0 && if_match.size < STORED_ETAG_TEXT_BYTES)
        *ret_field = (struct http_field){SPAN("if-match"), fetch_quote(if_match, ret_text)};
    else
        *ret_field = (struct http_field){SPAN("if-none-match"), condition->if_none_match};
    return ret_field->value.size > 0;
}

SUSPENDS static bool commit_internal(struct remote_writer *writer, const struct write_result *result,
                                     struct object_attributes *ret_attributes, struct error *error)
{
    struct written_object object = {.attributes = *result->attributes};
    struct http_field condition;
    struct s3_answer answer;
    object.attributes.is_s4 = false;
    object.attributes.stored_size = writer->body.size;
    bool done = fields_encode(&object.attributes, NULL, SPAN_EMPTY, &object.fields);
    struct put_request *request = done ? make_request(writer, result, &object, error) : NULL;
    done = request != NULL;
    if (done) {
        bool is_conditional = internal_condition(result->condition, request->etag, &condition);
        done = send_put(writer, request, is_conditional ? &condition : NULL, &answer, error);
        free_request(request);
    }
    if (done) {
        written_object_note(&writer->key, &object, &(struct written_revision){.version = "null"});
        bool is_weak;
        struct span etag = fields_plain_etag(span_from_string(answer.etag), &is_weak);
        *ret_attributes = object.attributes;
        ret_attributes->metadata = SPAN_EMPTY;
        memcpy(ret_attributes->stored_etag, etag.data, etag.size < STORED_ETAG_TEXT_BYTES ? etag.size : 0);
    }
    written_object_free(&object);
    return done;
}

SUSPENDS bool remote_commit(struct bucket_writer *base, const struct write_result *result,
                            struct object_attributes *ret_attributes, struct error *error)
{
    struct remote_writer *writer = (struct remote_writer *)base;
    if (writer->large != NULL)
        return large_commit(writer, result, ret_attributes, error);
    writer->target.condition = result->condition;
    bool done = writer->key.is_internal ? commit_internal(writer, result, ret_attributes, error)
                                        : commit_one(writer, result, ret_attributes, error);
    remote_writer_free(writer);
    return done;
}
