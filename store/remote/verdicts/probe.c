/* store/remote/verdicts/probe.c -- one run of all tests, and what they are made of. */
#include "store/remote/verdicts/probe.h"

#include "runtime/base/assert.h"
#include "runtime/base/clock.h"
#include "runtime/base/hex.h"
#include "runtime/log/log.h"
#include "s3client/operations.h"
#include "store/remote/delete/own_objects.h"

#include <stdarg.h>
#include <stdio.h>

enum { PROBE_NONCE_BYTES = 8, PROBE_BODY_BYTES_MAX = 4 << 10 };

/* ---- requests ---- */

struct span probe_name(struct probe *probe, const char *format, ...)
{
    char *text = arena_allocate(&probe->arena, PROBE_KEY_BYTES);
    ASSERT(text != NULL); /* a run has some hundred keys */
    va_list arguments;
    int base = snprintf(text, PROBE_KEY_BYTES, "%s", probe->base);
    va_start(arguments, format);
    int size = vsnprintf(text + base, PROBE_KEY_BYTES - (size_t)base, format, arguments);
    va_end(arguments);
    return span_of(text, (size_t)base + (size_t)size);
}

struct probed probe_note(struct probe *probe, const struct s3_answer *answer, bool may_fail, const struct error *error)
{
    struct probed probed = {.status = answer->status};
    memcpy(probed.etag, answer->etag, sizeof probed.etag);
    memcpy(probed.version, answer->version, sizeof probed.version);
    probed.is_delete_marker = answer->is_delete_marker;
    bool is_failure = answer->status == 0 || answer->status == 429 || (answer->status >= 500 && answer->status != 501);
    if (is_failure && !may_fail && !probe->is_down) {
        probe->is_down = true;
        probe->error = *error;
    }
    return probed;
}

SUSPENDS struct probed probe_send(struct probe *probe, enum s3_kind kind, struct span key,
                                  const struct http_field *header, const struct span *body, bool may_fail)
{
    struct s3_answer answer;
    struct error error;
    const struct s3_call call = {
        .kind = kind,
        .bucket = probe->bucket,
        .key = key,
        .headers = header,
        .headers_count = header == NULL ? 0 : 1,
        .body = body,
        .body_count = body == NULL ? 0 : 1,
        .repeat = S3_ONCE,
    };
    if (s3_client_call(probe->shard->client, &call, &answer, &error))
        s3_answer_close(&answer);
    return probe_note(probe, &answer, may_fail, &error);
}

SUSPENDS struct probed probe_ask(struct probe *probe, enum s3_kind kind, struct span key, const char *version,
                                 const struct http_field *headers, unsigned headers_count, const char *body)
{
    struct s3_answer answer;
    struct error error;
    const struct span bytes = span_from_string(body != NULL ? body : "");
    const struct s3_parameter parameter = {SPAN("versionId"), span_from_string(version != NULL ? version : "")};
    const struct s3_call call = {
        .kind = kind,
        .bucket = probe->bucket,
        .key = key,
        .query = &parameter,
        .query_count = version == NULL ? 0 : 1,
        .headers = headers,
        .headers_count = headers_count,
        .body = &bytes,
        .body_count = body == NULL ? 0 : 1,
        .repeat = S3_ONCE,
    };
    if (s3_client_call(probe->shard->client, &call, &answer, &error))
        s3_answer_close(&answer);
    return probe_note(probe, &answer, false, &error);
}

SUSPENDS struct probed probe_put(struct probe *probe, struct span key, const char *body)
{
    const struct span bytes = span_from_string(body);
    return probe_send(probe, S3_PUT_OBJECT, key, NULL, &bytes, false);
}

SUSPENDS static bool read_body(struct probe *probe, struct span key, struct buffer *ret_body, int *ret_status)
{
    struct s3_answer answer;
    struct error error;
    const struct s3_call call = {.kind = S3_GET_OBJECT, .bucket = probe->bucket, .key = key, .repeat = S3_REPEAT};
    bool done = s3_client_call_whole(probe->shard->client, &call, ret_body, &answer, &error);
    (void)probe_note(probe, &answer, true, &error);
    *ret_status = answer.status;
    return done;
}

SUSPENDS bool probe_holds(struct probe *probe, struct span key, const char *body)
{
    struct buffer bytes;
    int status;
    buffer_init(&bytes, PROBE_BODY_BYTES_MAX);
    bool holds = read_body(probe, key, &bytes, &status) && span_equal(buffer_span(&bytes), span_from_string(body));
    buffer_free(&bytes);
    return holds;
}

SUSPENDS bool probe_is_absent(struct probe *probe, struct span key)
{
    struct buffer bytes;
    int status;
    buffer_init(&bytes, PROBE_BODY_BYTES_MAX);
    (void)read_body(probe, key, &bytes, &status);
    buffer_free(&bytes);
    return status == 404;
}

SUSPENDS bool probe_upload(struct probe *probe, struct span key, const char *body, struct span *ret_upload_id,
                           char ret_etag[S3_ETAG_BYTES])
{
    struct s3_answer answer;
    struct error error;
    const struct span bytes = span_from_string(body);
    struct s3_call call = {.bucket = probe->bucket, .key = key, .repeat = S3_REPEAT};
    bool done = s3_client_create_upload(probe->shard->client, &call, &probe->arena, ret_upload_id, &answer, &error);
    call.body = &bytes;
    call.body_count = 1;
    done = done && s3_client_upload_part(probe->shard->client, &call, *ret_upload_id, 1, &answer, &error);
    memcpy(ret_etag, answer.etag, S3_ETAG_BYTES);
    if (!done)
        (void)probe_note(probe, &answer, false, &error);
    return done;
}

SUSPENDS struct probed probe_complete(struct probe *probe, struct span key, struct span upload_id, const char *etag,
                                      const struct http_field *header)
{
    struct s3_answer answer;
    struct error error;
    const struct s3_part part = {.number = 1, .etag = span_from_string(etag)};
    const struct s3_call call = {.bucket = probe->bucket,
                                 .key = key,
                                 .headers = header,
                                 .headers_count = header == NULL ? 0 : 1,
                                 .repeat = S3_ONCE};
    bool done = s3_client_complete_upload(probe->shard->client, &call, upload_id, &part, 1, &answer, &error);
    struct probed probed = probe_note(probe, &answer, false, &error);
    if (!done && probed.status >= 200 && probed.status < 300)
        probed.status = 500; /* an <Error> in a 200 */
    if (!done && answer.status != 404)
        (void)s3_client_abort_upload(probe->shard->client, &(struct s3_call){.bucket = probe->bucket, .key = key},
                                     upload_id, &answer, &error);
    return probed;
}

/* ---- a bucket for one test ---- */

SUSPENDS bool probe_bucket_make(struct probe *probe, bool has_lock, struct probe_bucket *ret_bucket)
{
    struct s3_answer answer;
    struct error ignored;
    uint64_t nonce = random_u64(probe->remote->settings.random);
    const struct http_field lock = {SPAN("x-amz-bucket-object-lock-enabled"), SPAN("true")};
    (void)snprintf(ret_bucket->name, sizeof ret_bucket->name, "bale-probe-%016llx", (unsigned long long)nonce);
    const struct span region = span_from_string(s3_endpoint_region(probe->remote->settings.endpoint));
    const struct s3_call call = {.bucket = span_from_string(ret_bucket->name),
                                 .headers = &lock,
                                 .headers_count = has_lock ? 1 : 0,
                                 .repeat = S3_ONCE};
    ret_bucket->home = probe->bucket;
    if (!s3_client_create_bucket(probe->shard->client, &call, region, &answer, &ignored))
        return false;
    probe->bucket = span_from_string(ret_bucket->name);
    return true;
}

SUSPENDS void probe_bucket_remove(struct probe *probe, const struct probe_bucket *bucket)
{
    struct s3_answer answer;
    struct error ignored;
    const struct own_removal removal = {.shard = probe->shard, .bucket = probe->bucket, .may_be_locked = true};
    const struct s3_call call = {.kind = S3_DELETE_BUCKET, .bucket = probe->bucket, .repeat = S3_REPEAT};
    if (!own_objects_remove_versions(&removal, &ignored))
        (void)own_objects_remove_plain(&removal, &ignored);
    if (s3_client_call(probe->shard->client, &call, &answer, &ignored))
        s3_answer_close(&answer);
    probe->bucket = bucket->home;
}

/* ---- a run ---- */

/* Also of a bucket that keeps versions, whatever it did with the ones that were made here. */
SUSPENDS static void clean_up(struct probe *probe)
{
    struct s3_answer answer;
    struct error ignored;
    enum s3_versioning versioning;
    const struct s3_call call = {.bucket = probe->bucket, .repeat = S3_REPEAT};
    const struct own_removal removal = {
        .shard = probe->shard, .bucket = probe->bucket, .prefix = span_from_string(probe->base)};
    bool is_versioned = s3_client_get_versioning(probe->shard->client, &call, &versioning, &answer, &ignored) &&
                        versioning != S3_VERSIONING_NEVER;
    if (!is_versioned || !own_objects_remove_versions(&removal, &ignored))
        (void)own_objects_remove_plain(&removal, &ignored);
}

static void begin(struct probe *probe, struct remote *remote, struct verdicts *verdicts)
{
    uint8_t nonce[PROBE_NONCE_BYTES];
    char text[2 * PROBE_NONCE_BYTES];
    *probe = (struct probe){.remote = remote,
                            .shard = remote_shard_here(remote),
                            .bucket = span_from_string(remote->settings.bucket),
                            .verdicts = verdicts};
    *verdicts = (struct verdicts){.tested_ms = clock_wall_ms(remote->settings.clock)};
    random_fill(remote->settings.random, nonce, sizeof nonce);
    hex_encode(span_of(nonce, sizeof nonce), text);
    (void)snprintf(probe->base, sizeof probe->base, "%s.bale/probe/%.*s/", remote->settings.prefix, (int)sizeof text,
                   text);
    arena_init(&probe->arena, PROBE_ARENA_BYTES);
    (void)snprintf(verdicts->version, sizeof verdicts->version, "%s", BALE_VERSION);
}

SUSPENDS bool probe_backend(struct remote *remote, struct verdicts *ret_verdicts, struct error *error)
{
    struct probe probe;
    begin(&probe, remote, ret_verdicts);
    log_message(LOG_INFO, "backend: trying what %s can do; the result is kept in .bale/backend of the bucket %s.",
                s3_endpoint_url(remote->settings.endpoint), remote->settings.bucket);
    probe_conditions(&probe);
    probe_copies(&probe);
    probe_names(&probe);
    probe_labels(&probe);
    probe_rest(&probe);
    probe_versions(&probe);
    probe_locks(&probe);
    clean_up(&probe);
    arena_free(&probe.arena);
    if (!probe.is_down)
        return true;
    *error = probe.error;
    return error_prepend(error, "trying what the backend can do");
}
