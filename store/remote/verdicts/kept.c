/* store/remote/verdicts/kept.c -- reading and replacing `.bale/backend`. */
#include "store/remote/verdicts/kept.h"

#include "store/remote/read/fetch.h"

static const struct span kept_key = SPAN(".bale/backend");

static struct s3_call call_of(const struct remote *remote, enum s3_kind kind, char key[OBJECT_KEY_BYTES_MAX])
{
    return (struct s3_call){.kind = kind,
                            .bucket = span_from_string(remote->settings.bucket),
                            .key = remote_own_key(remote, kept_key, key),
                            .repeat = S3_REPEAT};
}

/* What is there. */
struct kept {
    bool is_there;
    bool is_readable;
    struct verdicts verdicts;
    char etag[S3_ETAG_BYTES]; /* with its quotes */
};

SUSPENDS static bool load(struct remote *remote, struct kept *ret_kept, struct error *error)
{
    struct s3_answer answer;
    struct buffer text;
    char key[OBJECT_KEY_BYTES_MAX];
    const struct s3_call call = call_of(remote, S3_GET_OBJECT, key);
    *ret_kept = (struct kept){0};
    buffer_init(&text, VERDICTS_BYTES_MAX);
    bool done = s3_client_call_whole(remote_shard_here(remote)->client, &call, &text, &answer, error);
    ret_kept->is_readable = done && verdicts_decode(buffer_span(&text), &ret_kept->verdicts);
    ret_kept->is_there = done;
    if (done)
        memcpy(ret_kept->etag, answer.etag, sizeof ret_kept->etag);
    buffer_free(&text);
    return done || answer.status == 404 || error_prepend(error, "reading .bale/backend");
}

SUSPENDS bool kept_verdicts_load(struct remote *remote, struct verdicts *ret_verdicts, bool *ret_found,
                                 struct error *error)
{
    struct kept kept;
    if (!load(remote, &kept, error))
        return false;
    *ret_found = kept.is_readable;
    if (kept.is_readable)
        *ret_verdicts = kept.verdicts;
    return true;
}

/* Under the condition that what was read is still there, where the backend decides that. */
static bool condition_of(const struct verdicts *verdicts, const struct kept *kept, struct http_field *ret_field)
{
    if (!kept->is_there) {
        *ret_field = (struct http_field){SPAN("if-none-match"), SPAN("*")};
        return verdict_holds(verdicts, VERDICT_PUT_CREATE);
    }
    *ret_field = (struct http_field){SPAN("if-match"), span_from_string(kept->etag)};
    return kept->etag[0] == '"' && verdict_holds(verdicts, VERDICT_PUT_REPLACE); /* weak ones match nothing */
}

SUSPENDS static bool replace(struct remote *remote, const struct kept *kept, const struct verdicts *verdicts,
                             bool *ret_is_outrun, struct error *error)
{
    struct buffer text = {0};
    struct s3_answer answer;
    char key[OBJECT_KEY_BYTES_MAX];
    struct http_field headers[2] = {{SPAN("content-type"), SPAN("text/plain")}};
    struct s3_call call = call_of(remote, S3_PUT_OBJECT, key);
    verdicts_encode(verdicts, &text);
    const struct span body = buffer_span(&text);
    call.body = &body;
    call.body_count = 1;
    call.headers = headers;
    call.headers_count = condition_of(verdicts, kept, &headers[1]) ? 2 : 1;
    bool done = s3_client_call(remote_shard_here(remote)->client, &call, &answer, error);
    if (done)
        s3_answer_close(&answer);
    *ret_is_outrun = !done && answer.status == 412;
    buffer_free(&text);
    return done || error_prepend(error, "writing .bale/backend");
}

SUSPENDS bool kept_verdicts_save(struct remote *remote, struct verdicts *verdicts, bool forgets_races,
                                 struct error *error)
{
    bool is_outrun = true;
    bool done = false;
    for (unsigned round = 0; is_outrun && round < WRITE_ROUNDS; round++) {
        struct kept kept;
        if (!load(remote, &kept, error))
            return false;
        if (kept.is_there && !forgets_races)
            verdicts_keep_lost_races(verdicts, &kept.verdicts);
        done = replace(remote, &kept, verdicts, &is_outrun, error);
    }
    return done;
}
