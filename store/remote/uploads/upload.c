/* store/remote/uploads/upload.c -- names and records of uploads: begun, found, given up, listed. */
#include "store/remote/uploads/claim.h"
#include "store/remote/uploads/followed.h"

#include "codec/codec.h"
#include "runtime/base/assert.h"
#include "runtime/base/clock.h"
#include "runtime/base/hex.h"
#include "s3client/operations.h"
#include "s3client/wire/s3_error.h"
#include "store/remote/delete/own_objects.h"

#include <stdio.h>

enum { PARTS_ARENA_BYTES = 64 << 10, ID_TIME_BYTES = 6, ID_RANDOM_BYTES = 10 };

static const struct span uploads_root = SPAN(".bale/mpu/");

bool upload_no_such(struct error *error)
{
    return error_set(error, ERROR_NOT_FOUND, S3_NoSuchUpload,
                     "The specified upload does not exist. The upload ID may be invalid, or the upload may have been "
                     "aborted or completed.");
}

bool upload_place_init(struct bucket_store *store, struct span bucket, struct span id, struct upload_place *ret_place,
                       struct error *error)
{
    struct remote *remote = remote_of(store);
    *ret_place =
        (struct upload_place){.remote = remote, .shard = remote_shard_here(remote), .bucket = bucket, .id = id};
    return remote_bucket(remote, bucket, &ret_place->backend_bucket, error);
}

/* ---- names ---- */

struct span upload_key(const struct upload_place *place, const char *suffix, char *ret_text)
{
    int size =
        snprintf(ret_text, UPLOAD_KEY_BYTES, "%.*s%.*s/%s", SPAN_FORMAT(uploads_root), SPAN_FORMAT(place->id), suffix);
    ASSERT(size > 0 && size < UPLOAD_KEY_BYTES);
    return span_of(ret_text, (size_t)size);
}

/* Ids come from clients: what is no id of ours must not become a path. */
static bool is_id(struct span id)
{
    uint8_t ignored[16];
    return hex_decode(id, ignored, sizeof ignored);
}

struct span upload_backend_key(const struct upload_place *place, struct span suffix, char *ret_text)
{
    struct span prefix = place->remote->prefix;
    size_t size = prefix.size + uploads_root.size + place->id.size + 1 + suffix.size;
    ASSERT(size <= UPLOAD_KEY_BYTES);
    memcpy(ret_text, prefix.data, prefix.size);
    int middle = snprintf(ret_text + prefix.size, UPLOAD_KEY_BYTES - prefix.size, "%.*s%.*s/",
                          SPAN_FORMAT(uploads_root), SPAN_FORMAT(place->id));
    if (suffix.size > 0)
        memcpy(ret_text + prefix.size + middle, suffix.data, suffix.size);
    return span_of(ret_text, size);
}

/* ---- small objects ---- */

SUSPENDS bool upload_get_with_etag(const struct upload_place *place, struct span suffix, struct buffer *ret_bytes,
                                   char ret_etag[S3_ETAG_BYTES], bool *ret_found, struct error *error)
{
    char text[UPLOAD_KEY_BYTES];
    struct s3_answer answer;
    const struct s3_call call = {.kind = S3_GET_OBJECT,
                                 .bucket = place->backend_bucket,
                                 .key = upload_backend_key(place, suffix, text),
                                 .repeat = S3_REPEAT};
    bool done = s3_client_call_whole(place->shard->client, &call, ret_bytes, &answer, error);
    done = remote_answered(place->shard, S3_GET_OBJECT, &answer, done, error);
    *ret_found = done;
    if (done)
        memcpy(ret_etag, answer.etag, S3_ETAG_BYTES);
    return done || error->code == S3_NoSuchKey;
}

SUSPENDS bool upload_get(const struct upload_place *place, struct span suffix, struct buffer *ret_bytes,
                         bool *ret_found, struct error *error)
{
    char ignored[S3_ETAG_BYTES];
    return upload_get_with_etag(place, suffix, ret_bytes, ignored, ret_found, error);
}

SUSPENDS bool upload_put(const struct upload_place *place, struct span suffix, struct span bytes, bool if_none_match,
                         bool *ret_is_there, struct error *error)
{
    char text[UPLOAD_KEY_BYTES];
    struct s3_answer answer;
    const struct http_field headers[] = {{SPAN("content-type"), SPAN("application/octet-stream")},
                                         {SPAN("if-none-match"), SPAN("*")}};
    bool is_conditional = if_none_match && verdict_holds(&place->remote->verdicts, VERDICT_PUT_CREATE);
    const struct s3_call call = {.kind = S3_PUT_OBJECT,
                                 .bucket = place->backend_bucket,
                                 .key = upload_backend_key(place, suffix, text),
                                 .headers = headers,
                                 .headers_count = is_conditional ? 2 : 1,
                                 .body = &bytes,
                                 .body_count = bytes.size > 0 ? 1 : 0,
                                 .repeat = S3_REPEAT};
    *ret_is_there = false;
    if (remote_call(place->shard, &call, &answer, error)) {
        s3_answer_close(&answer);
        return true;
    }
    *ret_is_there = is_conditional && answer.status == 412;
    return *ret_is_there;
}

SUSPENDS bool upload_put_end(const struct upload_place *place, const struct upload_end *end, struct error *error)
{
    struct buffer bytes = {0};
    bool ignored;
    upload_end_encode(end, &bytes);
    bool done = upload_put(place, SPAN("end"), buffer_span(&bytes), false, &ignored, error);
    buffer_free(&bytes);
    return done;
}

SUSPENDS void upload_remove(const struct upload_place *place, struct span suffix)
{
    char text[UPLOAD_KEY_BYTES];
    struct s3_answer answer;
    struct error ignored;
    const struct s3_call call = {.kind = S3_DELETE_OBJECT,
                                 .bucket = place->backend_bucket,
                                 .key = upload_backend_key(place, suffix, text),
                                 .repeat = S3_REPEAT};
    if (remote_call(place->shard, &call, &answer, &ignored))
        s3_answer_close(&answer);
}

SUSPENDS void upload_clean(const struct upload_place *place, struct span kept)
{
    char text[UPLOAD_KEY_BYTES];
    struct error ignored;
    const struct own_removal removal = {.shard = place->shard,
                                        .bucket = place->backend_bucket,
                                        .prefix = upload_backend_key(place, SPAN_EMPTY, text),
                                        .may_be_locked = place->remote->base.capabilities.has_lock,
                                        .kept = kept};
    upload_forget(place);
    upload_remove(place, SPAN("upload")); /* first: whoever finds parts missing finds that it has ended, too */
    (void)own_objects_remove(&removal, &ignored);
}

/* ---- the descriptor ---- */

bool upload_read_record(const struct upload_place *place, struct span key, struct span bytes,
                        struct upload_record *ret_record, struct error *error)
{
    if (!upload_record_decode(bytes, ret_record))
        return error_set(error, ERROR_DAMAGED, S3_InternalError, "The record of the upload is damaged.");
    memcpy(ret_record->info.id, place->id.data, UPLOAD_ID_BYTES - 1);
    return key.size == 0 || span_equal(key, ret_record->info.key) || upload_no_such(error);
}

SUSPENDS bool upload_load(const struct upload_place *place, struct span key, struct buffer *bytes,
                          struct upload_record *ret_record, struct error *error)
{
    bool found;
    if (!is_id(place->id))
        return upload_no_such(error);
    buffer_init(bytes, RECORD_BYTES_MAX);
    upload_forget(place);
    if (!upload_get(place, SPAN("upload"), bytes, &found, error))
        return false;
    if (!found)
        return upload_no_such(error);
    bool done = upload_read_record(place, key, buffer_span(bytes), ret_record, error);
    if (done)
        upload_remember(place, buffer_span(bytes));
    return done;
}

/* Ids sort by the time of their creation. */
static void make_id(const struct remote *remote, char ret_id[UPLOAD_ID_BYTES])
{
    uint8_t bytes[ID_TIME_BYTES + ID_RANDOM_BYTES];
    uint64_t now = (uint64_t)clock_wall_ms(remote->settings.clock);
    for (unsigned i = 0; i < ID_TIME_BYTES; i++)
        bytes[i] = (uint8_t)(now >> (8 * (ID_TIME_BYTES - 1 - i)));
    random_fill(remote->settings.random, bytes + ID_TIME_BYTES, ID_RANDOM_BYTES);
    hex_encode(span_of(bytes, sizeof bytes), ret_id);
    ret_id[UPLOAD_ID_BYTES - 1] = '\0';
}

/* ---- beginning ---- */

SUSPENDS static bool put_record(const struct upload_place *place, const struct upload_intent *intent,
                                const struct remote_writer *writer, struct error *error)
{
    struct buffer bytes = {0};
    bool ignored;
    struct upload_record record = {
        .info = {.key = intent->name.key,
                 .metadata = intent->metadata,
                 .tags = intent->tags,
                 .owner = intent->owner,
                 .acl = intent->acl,
                 .seal = intent->seal,
                 .initiator = intent->initiator,
                 .initiated_ms = clock_wall_ms(place->remote->settings.clock),
                 .checksum_algorithm = intent->checksum_algorithm,
                 .checksum_type = intent->checksum_type},
        .backend_upload = buffer_span(&writer->large->upload_id),
        .is_metadata_in_trailer = writer->large->is_metadata_in_trailer,
    };
    memcpy(record.nonce, writer->nonce, STAMP_NONCE_BYTES);
    upload_record_encode(&record, &bytes);
    bool done = upload_put(place, SPAN("upload"), buffer_span(&bytes), false, &ignored, error);
    buffer_free(&bytes);
    return done;
}

/* First the backend's upload, then the record that names it: what is left of a crash in between is an upload of the
 * backend that nobody knows, which the next start gives up, or the sweep. */
SUSPENDS bool remote_create_upload(struct bucket_store *store, const struct upload_intent *intent,
                                   char ret_id[UPLOAD_ID_BYTES], struct error *error)
{
    struct upload_place place;
    const struct write_intent write = {
        .name = intent->name,
        .metadata = intent->metadata,
        .tags = intent->tags,
        .codec = CODEC_ZSTD,
        .lock = intent->lock,
        .owner = intent->owner,
        .acl = intent->acl,
    };
    make_id(remote_of(store), ret_id);
    if (!upload_place_init(store, intent->name.bucket, span_of(ret_id, UPLOAD_ID_BYTES - 1), &place, error))
        return false;
    struct remote_writer *writer = remote_writer_create(store, &write, error);
    if (writer == NULL)
        return false;
    writer->clients_upload = place.id;
    bool begun = large_begin(writer, error);
    bool done = begun && put_record(&place, intent, writer, error);
    if (begun && !done) {
        large_abort(writer);
        return false;
    }
    if (begun)
        large_forget(writer);
    remote_writer_free(writer);
    return done;
}

static bool copy_out(struct arena *arena, struct span *text)
{
    size_t size = text->size;
    *text = arena_copy(arena, *text);
    return text->data != NULL || size == 0;
}

SUSPENDS bool remote_find_upload(struct bucket_store *store, const struct object_name *name, struct span upload_id,
                                 struct arena *arena, struct upload_info *ret_upload, struct error *error)
{
    struct upload_place place;
    struct upload_record record;
    struct buffer bytes = {0};
    bool done = upload_place_init(store, name->bucket, upload_id, &place, error) &&
                upload_load(&place, name->key, &bytes, &record, error);
    if (done) {
        *ret_upload = record.info;
        if (!copy_out(arena, &ret_upload->key) || !copy_out(arena, &ret_upload->initiator) ||
            !copy_out(arena, &ret_upload->metadata) || !copy_out(arena, &ret_upload->tags) ||
            !copy_out(arena, &ret_upload->owner) || !copy_out(arena, &ret_upload->acl) ||
            !copy_out(arena, &ret_upload->seal))
            done = error_set(error, ERROR_BUSY, S3_SlowDown, "The request's memory is used up.");
    }
    buffer_free(&bytes);
    return done;
}

/* ---- giving up ---- */

SUSPENDS static bool abort_at_backend(const struct upload_place *place, const struct upload_record *record,
                                      struct error *error)
{
    struct backend_name target;
    struct s3_answer answer;
    const struct object_name name = {.bucket = place->bucket, .key = record->info.key};
    if (!remote_name(place->remote, &name, &target, error))
        return false;
    const struct s3_call call = {.bucket = target.bucket, .key = target.key, .repeat = S3_REPEAT};
    bool done = s3_client_abort_upload(place->shard->client, &call, record->backend_upload, &answer, error);
    return remote_answered(place->shard, S3_ABORT_UPLOAD, &answer, done, error) || error->code == S3_NoSuchUpload;
}

SUSPENDS bool upload_is_open(const struct upload_place *place, const struct upload_record *record, bool *ret_is_open,
                             struct error *error)
{
    const struct object_name name = {.bucket = place->bucket, .key = record->info.key};
    struct backend_name target;
    struct arena arena;
    struct s3_parts_page page;
    struct s3_answer answer;
    if (!remote_name(place->remote, &name, &target, error))
        return false;
    const struct s3_call call = {.bucket = target.bucket, .key = target.key, .repeat = S3_REPEAT};
    arena_init(&arena, PARTS_ARENA_BYTES);
    bool done =
        s3_client_list_parts(place->shard->client, &call, record->backend_upload, 0, 1, &arena, &page, &answer, error);
    arena_free(&arena);
    *ret_is_open = done;
    return remote_answered(place->shard, S3_LIST_PARTS, &answer, done, error) || error->code == S3_NoSuchUpload ||
           error->code == S3_NoSuchKey;
}

SUSPENDS bool upload_is_completed(const struct upload_place *place, const struct upload_record *record,
                                  bool *ret_is_completed, struct error *error)
{
    const struct object_name name = {.bucket = place->bucket, .key = record->info.key};
    struct remote_key key;
    struct remote_state state;
    if (!remote_key_init(place->remote, &name, &key, error) || !remote_look(&key, LOOK_FOR_ETAG, &state, error))
        return false;
    *ret_is_completed = state.is_there && state.object.is_stamped &&
                        memcmp(state.object.stamp.nonce, record->nonce, STAMP_NONCE_BYTES) == 0;
    remote_state_free(key.shard, &state);
    return true;
}

/* The record stays, so that a Complete whose answer was lost is not taken for one that was applied. */
SUSPENDS static bool give_up(const struct upload_place *place, const struct upload_record *record, struct error *error)
{
    struct claim claim;
    struct upload_end end = {.key = record->info.key};
    bool is_completed;
    memcpy(end.nonce, record->nonce, STAMP_NONCE_BYTES);
    if (!claim_take(place, record, &end, &claim, error))
        return false;
    /* a claim that is stale may have been of one who completed it, and was killed then */
    bool done = abort_at_backend(place, record, error) && upload_is_completed(place, record, &is_completed, error);
    claim_give_back(&claim, !done);
    return done && (!is_completed || upload_no_such(error));
}

SUSPENDS bool remote_abort_upload(struct bucket_store *store, const struct object_name *name, struct span upload_id,
                                  struct error *error)
{
    struct upload_place place;
    struct upload_record record;
    struct buffer bytes = {0};
    bool found = upload_place_init(store, name->bucket, upload_id, &place, error) &&
                 upload_recall(&place, name->key, &bytes, &record, error);
    bool done = found && give_up(&place, &record, error);
    buffer_free(&bytes);
    if (found && (done || error->code == S3_NoSuchUpload)) {
        followed_end(place.shard, upload_id);
        upload_clean(&place, SPAN("end"));
    }
    return done;
}
