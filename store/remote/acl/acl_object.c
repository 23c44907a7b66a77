/* store/remote/acl/acl_object.c -- lists of grants that lie apart: read when they decide, replaced on a condition. */
#include "store/remote/acl/acl_object.h"

#include "runtime/fiber/loop.h"
#include "runtime/io/io.h"
#include "s3client/wire/s3_error.h"
#include "store/remote/format/owner.h"

enum { ROUNDS = 16, PAUSE_MS_LEAST = 10, PAUSE_DOUBLINGS = 5 };

/* Where the list of one revision lies. */
struct place {
    struct remote_shard *shard;
    struct span bucket; /* the backend's */
    struct span key;
    char name[ACL_NAME_BYTES];
    char text[OBJECT_KEY_BYTES_MAX];
};

static void place_init(const struct remote_key *key, const char *revision, struct place *ret_place)
{
    const struct remote *remote = key->shard->remote;
    ret_place->shard = key->shard;
    ret_place->bucket = key->backend.bucket;
    ret_place->key = remote_own_key(remote, acl_name(key->row_key, revision, ret_place->name), ret_place->text);
}

/* ---- reading ---- */

/* What is there: its bytes and ETag; "": nothing. */
SUSPENDS static bool fetch(const struct place *place, struct buffer *ret_bytes, char ret_etag[S3_ETAG_BYTES],
                           struct error *error)
{
    struct s3_answer answer;
    const struct s3_call call = {
        .kind = S3_GET_OBJECT, .bucket = place->bucket, .key = place->key, .repeat = S3_REPEAT};
    buffer_init(ret_bytes, ACL_RECORD_BYTES_MAX);
    ret_etag[0] = '\0';
    bool done = s3_client_call_whole(place->shard->client, &call, ret_bytes, &answer, error);
    if (remote_answered(place->shard, S3_GET_OBJECT, &answer, done, error)) {
        memcpy(ret_etag, answer.etag, S3_ETAG_BYTES);
        return true;
    }
    return error->code == S3_NoSuchKey;
}

static bool unreadable(struct error *error)
{
    return error_set(error, ERROR_DAMAGED, S3_InternalError,
                     "The object's list of grants is damaged, or was removed from the backend. PutObjectAcl sets it "
                     "anew.");
}

SUSPENDS bool remote_read_acl(struct bucket_store *store, const struct object_name *name,
                              const struct object_attributes *attributes, struct arena *arena, struct span *ret_acl,
                              struct error *error)
{
    struct remote_key key;
    struct place place;
    struct acl_record record;
    struct buffer bytes;
    char revision[ACL_REVISION_BYTES];
    char etag[S3_ETAG_BYTES];
    *ret_acl = attributes->acl;
    if (!remote_key_init(remote_of(store), name, &key, error))
        return false;
    acl_revision_name(attributes, revision);
    place_init(&key, revision, &place);
    bool done = fetch(&place, &bytes, etag, error);
    if (done && etag[0] == '\0') {
        done = !attributes->is_acl_apart || unreadable(error);
    } else if (done) {
        done = acl_record_decode(buffer_span(&bytes), &record) || unreadable(error);
        if (done)
            *ret_acl = arena_copy(arena, record.acl);
        if (done && ret_acl->data == NULL)
            done = error_set(error, ERROR_BUSY, S3_SlowDown, "The request's memory is used up.");
    }
    buffer_free(&bytes);
    return done;
}

/* ---- writing ---- */

/* One writing, however often it is sent. */
struct writing {
    struct place place;
    struct acl_record record;
    struct buffer bytes;
    char etag[S3_ETAG_BYTES]; /* of what it replaces; "": nothing is there */
    bool may_be_applied;
};

SUSPENDS static bool send_put(struct writing *writing, struct s3_answer *ret_answer, struct error *error)
{
    const struct span body = buffer_span(&writing->bytes);
    const struct http_field headers[] = {
        {SPAN("content-type"), SPAN("application/octet-stream")},
        writing->etag[0] == '\0' ? (struct http_field){SPAN("if-none-match"), SPAN("*")}
                                 : (struct http_field){SPAN("if-match"), span_from_string(writing->etag)},
    };
    const struct s3_call call = {.kind = S3_PUT_OBJECT,
                                 .bucket = writing->place.bucket,
                                 .key = writing->place.key,
                                 .headers = headers,
                                 .headers_count = 2,
                                 .body = &body,
                                 .body_count = 1,
                                 .repeat = S3_ONCE};
    if (!remote_call(writing->place.shard, &call, ret_answer, error))
        return false;
    s3_answer_close(ret_answer);
    return true;
}

SUSPENDS static bool pause_before(unsigned round, struct error *error)
{
    uint64_t most = (uint64_t)PAUSE_MS_LEAST << (round < PAUSE_DOUBLINGS ? round : PAUSE_DOUBLINGS);
    return io_sleep_until(deadline_after_ms(1 + random_below(random_system(), most))) == 0 ||
           error_set(error, ERROR_CANCELLED, NULL, "The server stops.");
}

/* What is there now is to be replaced, if it is not ours: after an answer that was lost, or refused. Somebody may have
 * replaced ours in turn; then nobody may set it twice, unless it is the list that the object is written with. */
SUSPENDS static bool look(struct writing *writing, bool *ret_is_over, struct error *error)
{
    struct acl_record there;
    struct buffer bytes;
    char etag[S3_ETAG_BYTES];
    bool done = fetch(&writing->place, &bytes, etag, error);
    bool is_record = done && etag[0] != '\0' && acl_record_decode(buffer_span(&bytes), &there);
    *ret_is_over = is_record && (memcmp(there.token, writing->record.token, ACL_TOKEN_BYTES) == 0 ||
                                 (writing->record.is_first && !there.is_first));
    buffer_free(&bytes);
    bool is_another = strcmp(etag, writing->etag) != 0;
    if (done && !*ret_is_over && writing->may_be_applied && is_another && !writing->record.is_first) {
        metric_add(&writing->place.shard->counters.writes_unclear, 1);
        return error_set(error, ERROR_IO, S3_InternalError,
                         "The backend's answer was lost, and somebody has set the list of grants since. Try again.");
    }
    memcpy(writing->etag, etag, sizeof etag);
    return done;
}

static bool is_worth_another_try(const struct s3_answer *answer, const struct error *error)
{
    bool is_refused = answer->status == 412 || answer->status == 409 || error->code == S3_NoSuchKey;
    return error->kind != ERROR_CANCELLED && (is_refused || answer->effect != S3_NOT_APPLIED);
}

/* Of an object that is not there yet nobody has set a list: the first attempt needs no look. */
SUSPENDS static bool put(struct remote_key *key, const char *revision, struct span acl, bool is_first,
                         struct error *error)
{
    struct writing writing = {.record = {.key = key->name.key, .acl = acl, .is_first = is_first}};
    bool done = false;
    bool goes_on;
    place_init(key, revision, &writing.place);
    random_fill(key->shard->remote->settings.random, writing.record.token, ACL_TOKEN_BYTES);
    acl_record_encode(&writing.record, &writing.bytes);
    goes_on = is_first || look(&writing, &done, error);
    for (unsigned round = 0; !done && goes_on; round++) {
        struct s3_answer answer;
        done = send_put(&writing, &answer, error);
        if (done)
            break;
        goes_on = round + 1 < ROUNDS && is_worth_another_try(&answer, error);
        writing.may_be_applied = writing.may_be_applied || answer.effect != S3_NOT_APPLIED;
        goes_on = goes_on && (round == 0 || pause_before(round, error)) && look(&writing, &done, error);
    }
    buffer_free(&writing.bytes);
    if (!done && (error->code == S3_PreconditionFailed || error->code == S3_ConditionalRequestConflict))
        (void)error_set(error, ERROR_BUSY, S3_SlowDown,
                        "The object's list of grants is changed too often at the moment. Try again.");
    return done;
}

SUSPENDS bool remote_write_acl(struct bucket_store *store, const struct object_name *name,
                               const struct object_attributes *judged, struct span acl,
                               char ret_version[VERSION_TEXT_BYTES], struct error *error)
{
    struct remote_key key;
    char revision[ACL_REVISION_BYTES];
    if (!remote_key_init(remote_of(store), name, &key, error))
        return false;
    acl_revision_name(judged, revision);
    memcpy(ret_version, judged->version, VERSION_TEXT_BYTES);
    return put(&key, revision, acl, false, error);
}

SUSPENDS bool acl_put_first(struct remote_key *key, const uint8_t nonce[STAMP_NONCE_BYTES], struct span acl,
                            struct error *error)
{
    char revision[ACL_REVISION_BYTES];
    if (!owner_puts_acl_apart(acl))
        return true;
    acl_revision_name_of_nonce(nonce, revision);
    return put(key, revision, acl, true, error);
}
