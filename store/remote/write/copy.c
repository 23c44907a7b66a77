/* store/remote/write/copy.c -- an object under another name: by the backend's own hands, else through ours.
 *
 * The stored bytes are the same, and so is the trailer that ends them; fields are written anew. Where the backend
 * cannot decide the condition on its target, or metadata must move into a trailer, the stored bytes are read and
 * written. */
#include "runtime/base/assert.h"
#include "s3client/operations.h"
#include "s3client/wire/s3_error.h"
#include "store/frames.h"
#include "store/remote/acl/acl_object.h"
#include "store/remote/read/fetch.h"
#include "store/remote/read/object.h"
#include "store/remote/write/place.h"
#include "store/remote/write/writer.h"

#include <stdlib.h>

enum { COPIED_BYTES_AT_ONCE = 256 << 10 };
#define COPY_OBJECT_BYTES_MAX (UINT64_C(5) << 30)

struct copying {
    struct remote_object *source;
    struct remote_key key; /* of the target */
    struct write_target target;
    struct counting counting;
    struct ledger_amounts made;
    const struct write_result *result;
    struct written_object object;
    uint8_t nonce[STAMP_NONCE_BYTES];
    struct request_headers headers;
    struct buffer tags;
    char target_etag[QUOTED_ETAG_BYTES];
    char source_etag[QUOTED_ETAG_BYTES];
};

/* ---- by the backend ---- */

static void make_stamp(struct copying *copying)
{
    const struct remote *remote = copying->key.shard->remote;
    const struct backend_object *source = &copying->source->state.object;
    struct object_stamp *stamp = &copying->object.stamp;
    *stamp = (struct object_stamp){.checksum = copying->result->attributes->checksum};
    memcpy(stamp->nonce, copying->nonce, STAMP_NONCE_BYTES);
    if (source->is_stamped) {
        stamp->trailer = source->stamp.trailer;
        stamp->trailer_bytes = source->stamp.trailer_bytes;
        memcpy(stamp->body_nonce, source->stamp.body_nonce, STAMP_NONCE_BYTES);
        stamp->is_metadata_in_trailer = source->stamp.is_metadata_in_trailer && source->attributes.is_s4;
    }
    memcpy(stamp->name, copying->key.row_key, STAMP_NAME_BYTES);
    stamp->is_counted = remote->is_counted && !copying->result->is_uncounted;
    if (stamp->is_counted)
        memcpy(stamp->ledger, remote->ledger, STAMP_LEDGER_BYTES);
}

/* Can the fields of the copy be written beside the bytes as they are? */
static bool can_travel(struct copying *copying)
{
    struct object_attributes *attributes = &copying->object.attributes;
    struct object_stamp *stamp = &copying->object.stamp;
    *attributes = *copying->result->attributes;
    attributes->stored_size = copying->source->base.attributes.stored_size;
    make_stamp(copying);
    struct span shown = metadata_storage_class(attributes->metadata);
    copying->object.place = place_choose(copying->key.shard->remote, shown, attributes->stored_size);
    place_note(copying->object.place, shown, stamp->storage_class);
    copying->made = counting_amounts(attributes, stamp->is_counted);
    if (stamp->is_metadata_in_trailer && span_equal(attributes->metadata, copying->source->base.attributes.metadata))
        return true;
    stamp->is_metadata_in_trailer = false;
    return fields_can_travel(attributes, stamp);
}

static bool decides_targets(const struct copying *copying)
{
    const struct verdicts *verdicts = &copying->key.shard->remote->verdicts;
    return verdict_holds(verdicts, VERDICT_COPY_CREATE) && verdict_holds(verdicts, VERDICT_COPY_REPLACE);
}

/* A copy that names no target may arrive late and replace what came after it: where the backend decides no conditions
 * on targets, what is small is read and written instead, and what has a condition in any case. */
static bool may_ask_backend(const struct copying *copying)
{
    uint64_t size = copying->source->base.attributes.stored_size;
    return decides_targets(copying) ||
           (copying->result->condition == NULL && size > copying->key.shard->remote->settings.part_bytes);
}

static bool make_headers(struct copying *copying, struct error *error)
{
    const struct verdicts *verdicts = &copying->key.shard->remote->verdicts;
    if (!fields_encode(&copying->object.attributes, &copying->object.stamp, copying->object.place,
                       &copying->object.fields) ||
        !request_headers_add_list(&copying->headers, buffer_span(&copying->object.fields)))
        return error_set(error, ERROR_INVALID, S3_MetadataTooLarge,
                         "There are too many header fields for the backend.");
    request_headers_add(&copying->headers, SPAN("x-amz-metadata-directive"), SPAN("REPLACE"));
    if (verdict_holds(verdicts, VERDICT_TAGS)) {
        request_headers_add(&copying->headers, SPAN("x-amz-tagging-directive"), SPAN("REPLACE"));
        request_headers_add_tags(&copying->headers, copying->result->tags, &copying->tags);
    }
    return true;
}

SUSPENDS static bool send_copy(struct copying *copying, struct s3_answer *ret_answer, struct error *error)
{
    const struct remote_key *from = &copying->source->key;
    const struct s3_copy_source source = {
        .bucket = from->backend.bucket,
        .key = from->backend.key,
        .version = span_from_string(from->version),
        .if_match = fetch_quote(remote_object_etag(copying->source), copying->source_etag),
    };
    struct request_headers headers = copying->headers;
    struct http_field condition;
    if (copying->target.state != TARGET_UNKNOWN &&
        target_header(&copying->target, false, copying->target_etag, &condition))
        request_headers_add(&headers, condition.name, condition.value);
    const struct s3_call call = {
        .bucket = copying->key.backend.bucket,
        .key = copying->key.backend.key,
        .headers = headers.fields,
        .headers_count = headers.count,
        .repeat = S3_ONCE,
    };
    bool done = s3_client_copy_object(copying->key.shard->client, &call, &source, ret_answer, error);
    return remote_answered(copying->key.shard, S3_COPY_OBJECT, ret_answer, done, error);
}

/* A 412 or 404 is of the source's revision, or of the target's: when the target is what it was, the source has changed.
 */
SUSPENDS static enum attempt resolve_refused(struct copying *copying, unsigned round, struct error *error)
{
    const struct write_target before = copying->target;
    bool is_own;
    if (before.state == TARGET_UNKNOWN) {
        (void)fetch_changed(error);
        return ATTEMPT_FAILED;
    }
    if (!target_look(&copying->target, copying->nonce, &is_own, error))
        return ATTEMPT_FAILED;
    if (is_own)
        return ATTEMPT_DONE;
    bool is_same = before.state == copying->target.state && strcmp(before.etag, copying->target.etag) == 0;
    if (!is_same && round + 1 < WRITE_ROUNDS)
        return ATTEMPT_AGAIN;
    (void)fetch_changed(error);
    return ATTEMPT_FAILED;
}

SUSPENDS static enum attempt resolve(struct copying *copying, const struct s3_answer *answer, unsigned round,
                                     struct error *error)
{
    bool is_known = copying->target.state != TARGET_UNKNOWN;
    bool is_refused = answer->status == 412 || error->code == S3_NoSuchKey;
    copying->target.is_looked_at = false;
    if (answer->effect == S3_NOT_APPLIED && is_refused)
        return resolve_refused(copying, round, error);
    if (answer->effect == S3_NOT_APPLIED)
        return ATTEMPT_FAILED;
    enum attempt attempt = target_resolve(&copying->target, copying->nonce, answer, round, error);
    if (!is_known)
        copying->target.state = TARGET_UNKNOWN;
    return attempt;
}

/* The target that is named to the backend, and, where it decides no condition on that, what the ledger takes off: what
 * is there a moment before, by a question that only the ledger asks. */
SUSPENDS static bool find_targets(struct copying *copying, struct write_target *ret_counted, struct error *error)
{
    if (decides_targets(copying))
        return target_prepare(&copying->target, copying->result->condition != NULL, error);
    target_init(ret_counted, &copying->key, NULL);
    copying->counting.is_blind = true;
    return !copying->key.shard->remote->is_counted || target_look(ret_counted, NULL, NULL, error);
}

SUSPENDS static bool copy_there(struct copying *copying, struct written_revision *ret_revision, struct error *error)
{
    if (!make_headers(copying, error))
        return false;
    struct write_target counted;
    if (!find_targets(copying, &counted, error))
        return false;
    if (!acl_put_first(&copying->key, copying->nonce, copying->result->attributes->acl, error))
        return false;
    for (unsigned round = 0;; round++) {
        struct s3_answer answer;
        const struct write_target *target = copying->counting.is_blind ? &counted : &copying->target;
        counting_note(&copying->counting, &copying->key, target, copying->nonce, &copying->made);
        if (send_copy(copying, &answer, error)) {
            written_revision_answered(&answer, ret_revision);
            counting_done(&copying->counting, ret_revision->version);
            return true;
        }
        enum attempt attempt = resolve(copying, &answer, round, error);
        if (attempt == ATTEMPT_AGAIN)
            continue;
        if (attempt == ATTEMPT_FAILED) {
            counting_failed(&copying->counting, &copying->target, &answer);
            return false;
        }
        written_revision_found(&copying->target, ret_revision);
        counting_done(&copying->counting, ret_revision->version);
        return true;
    }
}

/* ---- through us ---- */

static void list_frames(const struct remote_object *source, struct buffer *ret_frames)
{
    struct trailer_cursor cursor = {0};
    if (source->state.trailer == NULL)
        return;
    while (trailer_next_frame(&source->state.trailer->trailer, &cursor))
        frames_append(ret_frames,
                      (struct frame_sizes){(uint32_t)cursor.entry.original_size, (uint32_t)cursor.entry.stored_size});
}

SUSPENDS bool copy_pump(struct remote_object *source, uint64_t size, struct bucket_writer *writer, struct error *error)
{
    uint8_t *bytes = malloc(COPIED_BYTES_AT_ONCE);
    if (bytes == NULL)
        return error_set(error, ERROR_BUSY, S3_SlowDown, "There is no memory to copy an object.");
    bool done = true;
    remote_read_window(&source->base, 0, size);
    for (uint64_t offset = 0; done && offset < size;) {
        uint64_t left = size - offset;
        size_t piece = left < COPIED_BYTES_AT_ONCE ? (size_t)left : COPIED_BYTES_AT_ONCE;
        done = remote_read(&source->base, offset, bytes, piece, error) &&
               remote_write(writer, span_of(bytes, piece), error);
        offset += piece;
    }
    free(bytes);
    return done;
}

SUSPENDS bool copy_find_body(struct remote_object *source, uint64_t *ret_size, struct buffer *ret_frames,
                             struct error *error)
{
    bool announces = source->state.object.is_stamped && source->state.object.stamp.trailer != STAMP_NO_TRAILER;
    if (announces && !remote_read_trailer(&source->key, &source->state, SPAN_EMPTY, error))
        return false;
    const struct kept_trailer *kept = source->state.trailer;
    if (announces && kept == NULL)
        return error_set(error, ERROR_DAMAGED, S3_InternalError, "The trailer is damaged. `bale repair` may help.");
    *ret_size = kept != NULL ? kept->trailer.body_size : source->base.attributes.stored_size;
    list_frames(source, ret_frames);
    return true;
}

SUSPENDS static bool copy_through(struct copying *copying, const struct object_name *target,
                                  struct object_attributes *ret_attributes, struct error *error)
{
    struct remote_object *source = copying->source;
    struct bucket_store *store = &copying->key.shard->remote->base;
    struct write_result result = *copying->result;
    struct bucket_writer *writer;
    struct buffer frames = {0};
    bool announces = source->state.object.is_stamped && source->state.object.stamp.trailer != STAMP_NO_TRAILER;
    if (announces && !remote_read_trailer(&source->key, &source->state, SPAN_EMPTY, error))
        return false;
    const struct kept_trailer *kept = source->state.trailer;
    uint64_t size = kept != NULL ? kept->trailer.body_size : source->base.attributes.stored_size;
    bool is_plain = !result.attributes->is_s4;
    if (is_plain && size > copying->key.shard->remote->settings.part_bytes)
        return error_set(error, ERROR_UNSUPPORTED, S3_NotImplemented,
                         "The backend decides no conditions on copies, and the object is too large to be read and "
                         "written as it is.");
    const struct write_intent intent = {
        .name = *target,
        .condition = result.condition,
        .metadata = result.attributes->metadata,
        .tags = result.tags,
        .tags_count = result.attributes->tags_count,
        .is_size_known = true,
        .original_size = result.attributes->original_size,
        .codec = result.attributes->codec,
        .may_have_columns = result.attributes->may_have_columns,
        .is_uncounted = result.is_uncounted,
        .is_sealed = result.attributes->seal.size > 0,
        .lock = result.attributes->lock,
        .owner = result.attributes->owner,
        .acl = result.attributes->acl,
    };
    if (!remote_begin_write(store, &intent, &writer, error))
        return false;
    if (!copy_pump(source, size, writer, error)) {
        remote_abort(writer);
        return false;
    }
    list_frames(source, &frames);
    result.frames = buffer_span(&frames);
    bool done = remote_commit(writer, &result, ret_attributes, error);
    buffer_free(&frames);
    return done;
}

/* ---- copying ---- */

/* For S4's index of the copy; a trailer that cannot be read leaves it without one. */
SUSPENDS static void find_frames(struct remote_object *source, struct buffer *ret_frames)
{
    struct error ignored;
    bool announces = source->state.object.is_stamped && source->state.object.stamp.trailer != STAMP_NO_TRAILER;
    if (source->key.shard->remote->settings.writes_s4_sidecars && announces &&
        remote_read_trailer(&source->key, &source->state, SPAN_EMPTY, &ignored))
        list_frames(source, ret_frames);
}

SUSPENDS static void settle(struct copying *copying, const struct written_revision *revision,
                            struct object_attributes *ret_attributes)
{
    struct object_attributes *attributes = &copying->object.attributes;
    struct buffer frames = {0};
    bool is_weak;
    if (!attributes->is_s4 && revision->etag[0] != '\0')
        fields_foreign_etag(fields_plain_etag(span_from_string(revision->etag), &is_weak), attributes->etag);
    find_frames(copying->source, &frames);
    written_object_settle(&copying->key, &copying->object, revision, buffer_span(&frames), ret_attributes);
    buffer_free(&frames);
}

SUSPENDS bool remote_copy(struct bucket_object *base, const struct object_name *target,
                          const struct write_result *result, struct object_attributes *ret_attributes,
                          struct error *error)
{
    struct remote_object *source = (struct remote_object *)base;
    struct remote *remote = source->key.shard->remote;
    struct copying *copying = calloc(1, sizeof *copying);
    struct written_revision revision;
    ASSERT(copying != NULL);
    copying->source = source;
    copying->result = result;
    random_fill(remote->settings.random, copying->nonce, sizeof copying->nonce);
    bool done = remote_key_init(remote, target, &copying->key, error);
    if (done) {
        target_init(&copying->target, &copying->key, result->condition);
        bool is_possible = can_travel(copying) && may_ask_backend(copying) &&
                           verdict_holds(&remote->verdicts, VERDICT_COPY_SOURCE_MATCH) &&
                           base->attributes.stored_size <= COPY_OBJECT_BYTES_MAX;
        if (is_possible)
            done = copy_there(copying, &revision, error);
        else
            done = copy_through(copying, target, ret_attributes, error);
        if (done && is_possible)
            settle(copying, &revision, ret_attributes);
    }
    written_object_free(&copying->object);
    buffer_free(&copying->tags);
    free(copying);
    return done;
}
