/* store/remote/uploads/complete.c -- the end of an upload: chosen parts become one object, once.
 *
 * Whoever completes joins the parts into an upload of the backend, which nobody sees, and then claims the end by a
 * record that is made only once: it names that upload and what the object will be. From there on the backend's Complete
 * of just that upload decides, whoever sends it: a second Complete, or one after a crash, reads the record and goes on
 * with it. When the condition does not hold, the record is taken back. */
#include "runtime/base/assert.h"
#include "runtime/base/hex.h"
#include "runtime/fiber/loop.h"
#include "runtime/io/io.h"
#include "s3client/operations.h"
#include "s3client/wire/s3_error.h"
#include "store/remote/uploads/join.h"
#include "store/remote/write/pending.h"

#include <stdlib.h>

enum { CREATE_ARENA_BYTES = 64 << 10, CLAIM_PAUSE_MS_LEAST = 20, CLAIM_WAIT_MS = 5000 };

struct completion {
    struct upload_place place;
    const struct write_result *result;
    struct piece_list list;
    unsigned *chosen;
    unsigned count;
    struct object_part *parts;
    struct remote_writer *writer; /* of the object that it becomes */
    struct written_object object;
    bool is_followed; /* somebody else has completed the upload as the same */
};

/* ---- choosing ---- */

static bool invalid_part(unsigned number, struct error *error)
{
    return error_set(error, ERROR_INVALID, S3_InvalidPart,
                     "One or more of the specified parts could not be found. The part may not have been uploaded, or "
                     "its ETag may not match. (Part %u)",
                     number);
}

/* The newest piece of that number with that digest. Pieces and choices ascend. */
static bool choose(struct completion *completion, const struct part_choice *choices, struct error *error)
{
    unsigned at = 0;
    for (unsigned i = 0; i < completion->count; i++) {
        bool found = false;
        for (; at < piece_count(&completion->list); at++) {
            const struct part_attributes *part = &piece_at(&completion->list, at)->facts.part;
            if (part->number > choices[i].number)
                break;
            if (part->number == choices[i].number && memcmp(part->md5, choices[i].md5, MD5_BYTES) == 0) {
                completion->chosen[i] = at;
                found = true;
            }
        }
        if (!found)
            return invalid_part(choices[i].number, error);
    }
    return true;
}

SUSPENDS static bool load(struct completion *completion, const struct part_choice *choices, struct error *error)
{
    completion->chosen = calloc(completion->count, sizeof *completion->chosen);
    completion->parts = calloc(completion->count, sizeof *completion->parts);
    ASSERT(completion->chosen != NULL && completion->parts != NULL);
    if (!piece_list_load(&completion->list, &completion->place, choices[0].number - 1, 0, error) ||
        !choose(completion, choices, error))
        return false;
    for (unsigned i = 0; i < completion->count; i++) {
        const struct part_attributes *part = &piece_at(&completion->list, completion->chosen[i])->facts.part;
        completion->parts[i] = (struct object_part){part->number, part->original_size, part->checksum};
        completion->writer->sent += part->stored_size;
    }
    return true;
}

/* ---- the backend's upload ---- */

SUSPENDS static bool describe(struct completion *completion, struct error *error)
{
    struct write_result result = *completion->result;
    if (result.parts == NULL) {
        result.parts = completion->parts;
        result.parts_count = completion->count;
    }
    return written_object_make(completion->writer, &result, &completion->object, error);
}

struct create_request {
    struct request_headers headers;
    struct buffer tags;
    struct arena arena;
};

SUSPENDS static bool send_create(struct completion *completion, struct create_request *request, struct error *error)
{
    const struct remote_key *key = &completion->writer->key;
    struct span upload_id;
    struct s3_answer answer;
    if (!request_headers_add_list(&request->headers, buffer_span(&completion->object.fields)))
        return error_set(error, ERROR_INVALID, S3_MetadataTooLarge,
                         "There are too many header fields for the backend.");
    request_headers_add_tags(&request->headers, completion->result->tags, &request->tags);
    const struct s3_call call = {.bucket = key->backend.bucket,
                                 .key = key->backend.key,
                                 .headers = request->headers.fields,
                                 .headers_count = request->headers.count,
                                 .repeat = S3_REPEAT};
    bool done = s3_client_create_upload(key->shard->client, &call, &request->arena, &upload_id, &answer, error);
    if (!remote_answered(key->shard, S3_CREATE_UPLOAD, &answer, done, error))
        return false;
    struct large_body *large = calloc(1, sizeof *large);
    ASSERT(large != NULL);
    wait_queue_init(&large->sent);
    buffer_append(&large->upload_id, upload_id);
    completion->writer->large = large;
    pending_note(key->shard, &key->backend, upload_id, key->name.bucket, completion->place.id, large->noted);
    return true;
}

SUSPENDS static bool create(struct completion *completion, struct error *error)
{
    struct create_request *request = calloc(1, sizeof *request);
    ASSERT(request != NULL);
    arena_init(&request->arena, CREATE_ARENA_BYTES);
    bool done = send_create(completion, request, error);
    arena_free(&request->arena);
    buffer_free(&request->tags);
    free(request);
    return done;
}

SUSPENDS static bool join(struct completion *completion, struct error *error)
{
    struct large_body *large = completion->writer->large;
    const struct joining joining = {
        .place = &completion->place,
        .list = &completion->list,
        .chosen = completion->chosen,
        .count = completion->count,
        .trailer = buffer_span(&completion->object.trailer),
        .target = {.bucket = completion->writer->key.backend.bucket, .key = completion->writer->key.backend.key},
        .upload_id = buffer_span(&large->upload_id),
    };
    return join_pieces(&joining, &large->etags, &large->parts_count, error);
}

/* ---- the claim ---- */

SUSPENDS static bool claim(struct completion *completion, bool *ret_is_taken, struct error *error)
{
    struct upload_end end = {
        .key = completion->writer->key.name.key,
        .backend_upload = buffer_span(&completion->writer->large->upload_id),
        .checksum = completion->result->attributes->checksum,
    };
    struct buffer bytes = {0};
    memcpy(end.nonce, completion->writer->nonce, STAMP_NONCE_BYTES);
    memcpy(end.etag, completion->result->attributes->etag, sizeof end.etag);
    upload_end_encode(&end, &bytes);
    bool done = upload_put(&completion->place, SPAN("end"), buffer_span(&bytes), true, ret_is_taken, error);
    buffer_free(&bytes);
    return done;
}

/* Is the record that is there our own? (a lost answer looks like somebody else's claim) */
SUSPENDS static bool is_own_claim(struct completion *completion)
{
    struct buffer bytes;
    struct upload_end end;
    char etag[S3_ETAG_BYTES];
    struct error ignored;
    bool found;
    buffer_init(&bytes, RECORD_BYTES_MAX);
    bool is_own = upload_get(&completion->place, SPAN("end"), &bytes, etag, &found, &ignored) && found &&
                  upload_end_decode(buffer_span(&bytes), &end) && !end.is_given_up &&
                  memcmp(end.nonce, completion->writer->nonce, STAMP_NONCE_BYTES) == 0;
    buffer_free(&bytes);
    return is_own;
}

SUSPENDS static void unclaim(struct completion *completion)
{
    char text[UPLOAD_KEY_BYTES];
    struct s3_answer answer;
    struct error ignored;
    const struct s3_call call = {.kind = S3_DELETE_OBJECT,
                                 .bucket = completion->place.backend_bucket,
                                 .key = upload_backend_key(&completion->place, SPAN("end"), text),
                                 .repeat = S3_REPEAT};
    if (is_own_claim(completion) && remote_call(completion->place.shard, &call, &answer, &ignored))
        s3_answer_close(&answer);
}

/* ---- what became of a claim ---- */

/* By the key itself: does it hold the object of that nonce? */
SUSPENDS static bool holds_object(const struct upload_place *place, const struct object_name *name,
                                  const uint8_t nonce[STAMP_NONCE_BYTES], bool *ret_holds, struct error *error)
{
    struct remote_key key;
    struct remote_state state;
    if (!remote_key_init(place->remote, name, &key, error) || !remote_look(&key, false, &state, error))
        return false;
    *ret_holds =
        state.is_there && state.object.is_stamped && memcmp(state.object.stamp.nonce, nonce, STAMP_NONCE_BYTES) == 0;
    remote_state_free(key.shard, &state);
    return true;
}

/* Is the upload of the backend still open? Then its Complete has not been applied. */
SUSPENDS static bool is_open(const struct upload_place *place, const struct object_name *name, struct span upload_id,
                             bool *ret_is_open, struct error *error)
{
    struct backend_name target;
    struct arena arena;
    struct s3_parts_page page;
    struct s3_answer answer;
    if (!remote_name(place->remote, name, &target, error))
        return false;
    const struct s3_call call = {.bucket = target.bucket, .key = target.key, .repeat = S3_REPEAT};
    arena_init(&arena, CREATE_ARENA_BYTES);
    bool done = s3_client_list_parts(place->shard->client, &call, upload_id, 0, 1, &arena, &page, &answer, error);
    arena_free(&arena);
    *ret_is_open = done;
    if (remote_answered(place->shard, S3_LIST_PARTS, &answer, done, error))
        return true;
    return error->code == S3_NoSuchUpload || error->code == S3_NoSuchKey;
}

/* A claim whose maker is gone, or too slow. First the record says that it is broken, then its upload of the backend is
 * given up, so that it cannot be completed any more, then the record goes: whoever meets it in between does not take an
 * upload that was given up for one that was completed. */
SUSPENDS static bool break_claim(const struct upload_place *place, const struct object_name *name,
                                 const struct upload_end *end, struct error *error)
{
    struct backend_name target;
    struct s3_answer answer;
    struct buffer bytes = {0};
    char text[UPLOAD_KEY_BYTES];
    bool ignored;
    struct upload_end broken = *end;
    broken.is_broken = true;
    upload_end_encode(&broken, &bytes);
    bool done = remote_name(place->remote, name, &target, error) &&
                upload_put(place, SPAN("end"), buffer_span(&bytes), false, &ignored, error);
    buffer_free(&bytes);
    if (!done)
        return false;
    const struct s3_call call = {.bucket = target.bucket, .key = target.key, .repeat = S3_REPEAT};
    done = s3_client_abort_upload(place->shard->client, &call, end->backend_upload, &answer, error);
    if (!remote_answered(place->shard, S3_ABORT_UPLOAD, &answer, done, error) && error->code != S3_NoSuchUpload)
        return false;
    const struct s3_call removal = {.kind = S3_DELETE_OBJECT,
                                    .bucket = place->backend_bucket,
                                    .key = upload_backend_key(place, SPAN("end"), text),
                                    .repeat = S3_REPEAT};
    if (!remote_call(place->shard, &removal, &answer, error))
        return false;
    s3_answer_close(&answer);
    return true;
}

static enum settled failed_if(bool failed, enum settled otherwise)
{
    return failed ? SETTLED_FAILED : otherwise;
}

/* A record that is there and whole. */
SUSPENDS static enum settled look_at_claim(const struct upload_place *place, const struct object_name *name,
                                           const struct upload_end *end, bool *ret_is_under_way, struct error *error)
{
    bool holds;
    if (end->is_given_up)
        return SETTLED_GIVEN_UP;
    if (!is_open(place, name, end->backend_upload, ret_is_under_way, error))
        return SETTLED_FAILED;
    if (!*ret_is_under_way && !end->is_broken)
        return SETTLED_COMPLETED; /* and perhaps overwritten since */
    /* some backends list the parts of what has been completed */
    if (!holds_object(place, name, end->nonce, &holds, error))
        return SETTLED_FAILED;
    if (holds) {
        *ret_is_under_way = false;
        return SETTLED_COMPLETED;
    }
    if (end->is_broken) {
        *ret_is_under_way = false;
        return failed_if(!break_claim(place, name, end, error), SETTLED_OPEN);
    }
    return SETTLED_COMPLETED;
}

SUSPENDS static enum settled look_at_end(const struct upload_place *place, const struct object_name *name,
                                         struct buffer *bytes, struct upload_end *ret_end, bool *ret_is_under_way,
                                         struct error *error)
{
    char etag[S3_ETAG_BYTES];
    bool found;
    *ret_is_under_way = false;
    buffer_clear(bytes);
    bytes->limit = RECORD_BYTES_MAX;
    if (!upload_get(place, SPAN("end"), bytes, etag, &found, error))
        return SETTLED_FAILED;
    if (!found)
        return SETTLED_OPEN;
    if (upload_end_decode(buffer_span(bytes), ret_end))
        return look_at_claim(place, name, ret_end, ret_is_under_way, error);
    (void)error_set(error, ERROR_DAMAGED, S3_InternalError, "The record of the upload's end is damaged.");
    return SETTLED_FAILED;
}

SUSPENDS enum settled upload_settle(const struct upload_place *place, const struct object_name *name,
                                    struct buffer *bytes, struct upload_end *ret_end, struct error *error)
{
    uint64_t pause_ms = CLAIM_PAUSE_MS_LEAST;
    for (uint64_t waited_ms = 0;; waited_ms += pause_ms, pause_ms *= 2) {
        bool is_under_way;
        enum settled settled = look_at_end(place, name, bytes, ret_end, &is_under_way, error);
        if (!is_under_way)
            return settled;
        if (waited_ms >= CLAIM_WAIT_MS)
            return break_claim(place, name, ret_end, error) ? SETTLED_OPEN : SETTLED_FAILED;
        if (io_sleep_until(deadline_after_ms(pause_ms)) != 0) {
            (void)error_set(error, ERROR_CANCELLED, NULL, "The server stops.");
            return SETTLED_FAILED;
        }
    }
}

/* ---- completing ---- */

/* Somebody else was first: what it became is the answer, if that is the same. */
static bool follow(struct completion *completion, const struct upload_end *end,
                   struct object_attributes *ret_attributes, struct error *error)
{
    if (strcmp(end->etag, completion->result->attributes->etag) != 0)
        return upload_no_such(error);
    *ret_attributes = *completion->result->attributes;
    ret_attributes->metadata = SPAN_EMPTY;
    completion->is_followed = true;
    return true;
}

/* True: the claim is ours, or the upload was completed by somebody else (is_followed). */
SUSPENDS static bool claim_or_follow(struct completion *completion, const struct object_name *name,
                                     struct object_attributes *ret_attributes, struct error *error)
{
    for (unsigned i = 0; i < WRITE_ROUNDS; i++) {
        struct buffer bytes = {0};
        struct upload_end end;
        bool is_taken;
        if (!claim(completion, &is_taken, error))
            return false;
        if (!is_taken || is_own_claim(completion))
            return true;
        enum settled settled = upload_settle(&completion->place, name, &bytes, &end, error);
        bool done = settled == SETTLED_COMPLETED && follow(completion, &end, ret_attributes, error);
        if (settled == SETTLED_GIVEN_UP)
            (void)upload_no_such(error);
        buffer_free(&bytes);
        if (settled != SETTLED_OPEN)
            return done;
    }
    return error_set(error, ERROR_BUSY, S3_SlowDown, "The upload is being completed at the moment. Try again.");
}

SUSPENDS static bool finish(struct completion *completion, const struct object_name *name,
                            struct object_attributes *ret_attributes, struct error *error)
{
    struct remote_writer *writer = completion->writer;
    char etag[S3_ETAG_BYTES];
    if (!claim_or_follow(completion, name, ret_attributes, error))
        return false;
    if (completion->is_followed)
        return true;
    if (large_complete(writer, etag, error)) {
        written_object_settle(&completion->writer->key, &completion->object, span_from_string(etag),
                              completion->result->frames, ret_attributes);
        return true;
    }
    unclaim(completion);
    return false;
}

SUSPENDS static bool complete(struct completion *completion, const struct object_name *name,
                              const struct part_choice *parts, struct object_attributes *ret_attributes,
                              struct error *error)
{
    const struct write_condition *condition = completion->result->condition;
    return (condition == NULL || target_prepare(&completion->writer->target, true, error)) &&
           load(completion, parts, error) && describe(completion, error) && create(completion, error) &&
           join(completion, error) && finish(completion, name, ret_attributes, error);
}

SUSPENDS static void end(struct completion *completion, bool done)
{
    struct remote_writer *writer = completion->writer;
    if (writer != NULL && writer->large != NULL && (!done || completion->is_followed)) {
        large_abort(writer);
    } else if (writer != NULL) {
        if (writer->large != NULL)
            large_forget(writer);
        remote_writer_free(writer);
    }
    written_object_free(&completion->object);
    piece_list_free(&completion->list);
    free(completion->chosen);
    free(completion->parts);
    free(completion);
}

SUSPENDS bool remote_complete_upload(struct bucket_store *store, const struct object_name *name, struct span upload_id,
                                     const struct part_choice *parts, unsigned count, const struct write_result *result,
                                     struct object_attributes *ret_attributes, struct error *error)
{
    struct upload_info upload;
    struct buffer record = {0};
    struct completion *completion = calloc(1, sizeof *completion);
    ASSERT(completion != NULL);
    completion->result = result;
    completion->count = count;
    piece_list_init(&completion->list);
    const struct write_intent intent = {
        .name = *name,
        .condition = result->condition,
        .metadata = result->attributes->metadata,
        .tags = result->tags,
        .is_size_known = true,
        .original_size = result->attributes->original_size,
        .codec = result->attributes->codec,
        .is_uncounted = result->is_uncounted,
    };
    bool done = upload_place_init(store, name->bucket, upload_id, &completion->place, error) &&
                upload_load(&completion->place, name->key, &record, &upload, error);
    completion->writer = done ? remote_writer_create(store, &intent, error) : NULL;
    done = completion->writer != NULL && complete(completion, name, parts, ret_attributes, error);
    struct upload_place place = completion->place;
    end(completion, done);
    if (done)
        upload_clean(&place);
    buffer_free(&record);
    return done;
}

SUSPENDS bool remote_find_completed(struct bucket_store *store, const struct object_name *name, struct span upload_id,
                                    struct object_attributes *ret_attributes, struct error *error)
{
    struct upload_place place;
    struct upload_end record;
    struct buffer bytes = {0};
    char etag[S3_ETAG_BYTES];
    uint8_t ignored[16];
    bool found = false;
    bool done = hex_decode(upload_id, ignored, sizeof ignored) || upload_no_such(error);
    done = done && upload_place_init(store, name->bucket, upload_id, &place, error) &&
           upload_get(&place, SPAN("end"), &bytes, etag, &found, error);
    if (done && (!found || !upload_end_decode(buffer_span(&bytes), &record) || record.is_given_up || record.is_broken ||
                 !span_equal(record.key, name->key)))
        done = upload_no_such(error);
    if (done) {
        *ret_attributes = (struct object_attributes){.checksum = record.checksum};
        memcpy(ret_attributes->etag, record.etag, sizeof ret_attributes->etag);
    }
    buffer_free(&bytes);
    return done;
}
