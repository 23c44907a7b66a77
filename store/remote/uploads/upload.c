/* store/remote/uploads/upload.c -- names and records of uploads: begun, found, given up, listed. */
#include "store/remote/uploads/upload.h"

#include "runtime/base/assert.h"
#include "runtime/base/clock.h"
#include "runtime/base/hex.h"
#include "s3client/operations.h"
#include "s3client/wire/s3_error.h"

#include <stdio.h>

enum { LIST_ARENA_BYTES = 24 << 20, ID_TIME_BYTES = 6, ID_RANDOM_BYTES = 10 };

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

SUSPENDS bool upload_get(const struct upload_place *place, struct span suffix, struct buffer *ret_bytes,
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

SUSPENDS void upload_clean(const struct upload_place *place)
{
    char text[UPLOAD_KEY_BYTES];
    struct arena arena;
    struct s3_list_page page = {.is_truncated = true};
    struct span prefix = upload_backend_key(place, SPAN_EMPTY, text);
    struct s3_answer answer;
    struct error ignored;
    const struct s3_call call = {.bucket = place->backend_bucket, .repeat = S3_REPEAT};
    arena_init(&arena, LIST_ARENA_BYTES);
    while (page.is_truncated) {
        const struct s3_list_request request = {.prefix = prefix};
        arena_reset(&arena);
        if (!s3_client_list_objects(place->shard->client, &call, &request, &arena, &page, &answer, &ignored))
            break;
        struct s3_delete_item *items = arena_allocate(&arena, (page.count + 1) * sizeof *items);
        unsigned count = 0;
        for (unsigned i = 0; items != NULL && i < page.count; i++) {
            if (!span_equal(span_skip(page.entries[i].key, prefix.size), SPAN("end")))
                items[count++] = (struct s3_delete_item){.key = page.entries[i].key};
        }
        if (count == 0 || !s3_client_delete_objects(place->shard->client, &call, items, count, &answer, &ignored))
            break;
    }
    arena_free(&arena);
}

/* ---- the descriptor ---- */

SUSPENDS bool upload_load(const struct upload_place *place, struct span key, struct buffer *bytes,
                          struct upload_info *ret_upload, struct error *error)
{
    char etag[S3_ETAG_BYTES];
    bool found;
    if (!is_id(place->id))
        return upload_no_such(error);
    buffer_init(bytes, RECORD_BYTES_MAX);
    if (!upload_get(place, SPAN("upload"), bytes, etag, &found, error))
        return false;
    if (!found)
        return upload_no_such(error);
    if (!upload_record_decode(buffer_span(bytes), ret_upload))
        return error_set(error, ERROR_DAMAGED, S3_InternalError, "The record of the upload is damaged.");
    memcpy(ret_upload->id, place->id.data, UPLOAD_ID_BYTES - 1);
    ret_upload->id[UPLOAD_ID_BYTES - 1] = '\0';
    return key.size == 0 || span_equal(key, ret_upload->key) || upload_no_such(error);
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

SUSPENDS bool remote_create_upload(struct bucket_store *store, const struct upload_intent *intent,
                                   char ret_id[UPLOAD_ID_BYTES], struct error *error)
{
    struct upload_place place;
    struct backend_name name;
    struct buffer bytes = {0};
    bool is_there;
    make_id(remote_of(store), ret_id);
    if (!upload_place_init(store, intent->name.bucket, span_of(ret_id, UPLOAD_ID_BYTES - 1), &place, error) ||
        !remote_name(place.remote, &intent->name, &name, error))
        return false;
    const struct upload_info upload = {
        .key = intent->name.key,
        .metadata = intent->metadata,
        .tags = intent->tags,
        .initiator = intent->initiator,
        .initiated_ms = clock_wall_ms(place.remote->settings.clock),
        .checksum_algorithm = intent->checksum_algorithm,
        .checksum_type = intent->checksum_type,
    };
    upload_record_encode(&upload, &bytes);
    bool done = upload_put(&place, SPAN("upload"), buffer_span(&bytes), false, &is_there, error);
    buffer_free(&bytes);
    return done;
}

static bool copy_out(struct arena *arena, struct span *text)
{
    *text = arena_copy(arena, *text);
    return text->data != NULL;
}

SUSPENDS bool remote_find_upload(struct bucket_store *store, const struct object_name *name, struct span upload_id,
                                 struct arena *arena, struct upload_info *ret_upload, struct error *error)
{
    struct upload_place place;
    struct buffer bytes = {0};
    bool done = upload_place_init(store, name->bucket, upload_id, &place, error) &&
                upload_load(&place, name->key, &bytes, ret_upload, error);
    if (done && (!copy_out(arena, &ret_upload->key) || !copy_out(arena, &ret_upload->initiator) ||
                 !copy_out(arena, &ret_upload->metadata) || !copy_out(arena, &ret_upload->tags)))
        done = error_set(error, ERROR_BUSY, S3_SlowDown, "The request's memory is used up.");
    buffer_free(&bytes);
    return done;
}

/* ---- giving up ---- */

SUSPENDS static bool mark_given_up(const struct upload_place *place, bool *ret_is_there, struct error *error)
{
    const struct upload_end end = {.is_given_up = true};
    struct buffer bytes = {0};
    upload_end_encode(&end, &bytes);
    bool done = upload_put(place, SPAN("end"), buffer_span(&bytes), true, ret_is_there, error);
    buffer_free(&bytes);
    return done;
}

/* Whoever is completing it may be faster. */
SUSPENDS static bool give_up(const struct upload_place *place, const struct object_name *name, struct error *error)
{
    for (unsigned i = 0; i < WRITE_ROUNDS; i++) {
        struct buffer bytes = {0};
        struct upload_end end;
        bool is_ending;
        if (!mark_given_up(place, &is_ending, error))
            return false;
        enum settled settled = is_ending ? upload_settle(place, name, &bytes, &end, error) : SETTLED_GIVEN_UP;
        buffer_free(&bytes);
        if (settled == SETTLED_COMPLETED)
            return upload_no_such(error);
        if (settled != SETTLED_OPEN)
            return settled == SETTLED_GIVEN_UP;
    }
    return error_set(error, ERROR_BUSY, S3_SlowDown, "The upload is being completed at the moment. Try again.");
}

SUSPENDS bool remote_abort_upload(struct bucket_store *store, const struct object_name *name, struct span upload_id,
                                  struct error *error)
{
    struct upload_place place;
    struct upload_info upload;
    struct buffer bytes = {0};
    bool found = upload_place_init(store, name->bucket, upload_id, &place, error) &&
                 upload_load(&place, name->key, &bytes, &upload, error);
    bool done = found && give_up(&place, name, error);
    if (found && (done || error->code == S3_NoSuchUpload))
        upload_clean(&place);
    buffer_free(&bytes);
    return done;
}
