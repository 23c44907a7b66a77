/* journal/bucket_of_s3.c -- the calls of a journal as requests to an S3 server: one each, sent once. */
#include "journal/bucket_call.h"
#include "runtime/base/assert.h"
#include "runtime/base/hex.h"
#include "s3client/operations.h"
#include "s3client/wire/s3_error.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum {
    CONNECTIONS_MAX = 20,    /* a tick fetches 16 bodies at once, beside what is written */
    SUM_BYTES_MAX = 1 << 20, /* what is ever replaced is much smaller; what is only created names its own checksum */
    PAGE_BYTES_MAX = 8 << 20,
};

static_assert((int)STORE_ETAG_BYTES >= (int)S3_ETAG_BYTES, "every ETag fits");

/* ---- answers ---- */

static bool has_code(const struct s3_answer *answer, const char *code)
{
    return strcmp(answer->code, code) == 0;
}

/* Between this process and the server: a key or a clock that it does not believe may be mended any moment. */
static bool is_about_credentials(const struct s3_answer *answer)
{
    bool is_denied = answer->status == 401 || answer->status == 403;
    return has_code(answer, "ExpiredToken") ||
           (is_denied && answer->code[0] != '\0' && !has_code(answer, S3_AccessDenied));
}

/* Of a request that has failed. */
static enum store_answer answer_of(const struct s3_answer *answer)
{
    switch (answer->status) {
    case 304:
        return STORE_UNCHANGED;
    case 404:
        return has_code(answer, S3_NoSuchBucket) ? STORE_UNKNOWN : STORE_NOT_FOUND;
    case 409:
        return has_code(answer, S3_ConditionalRequestConflict) && answer->attempts == 1 ? STORE_CONFLICT
                                                                                        : STORE_UNKNOWN;
    case 412:
        return answer->effect == S3_UNKNOWN ? STORE_UNKNOWN : STORE_CONDITION_FAILED;
    default:
        break;
    }
    bool is_refusal =
        (answer->status >= 400 && answer->status < 500 && answer->status != 408 && answer->status != 429) ||
        answer->status == 501;
    return is_refusal && !is_about_credentials(answer) ? STORE_REFUSED : STORE_UNKNOWN;
}

static void take_etag(struct journal_call *call, const struct s3_answer *answer)
{
    call->etag = (struct store_etag){0};
    memcpy(call->etag.text, answer->etag, sizeof answer->etag);
}

static struct s3_call request_of(const struct journal_call *call, enum s3_kind kind, struct span key)
{
    return (struct s3_call){
        .kind = kind, .bucket = journal_bucket_name(call->bucket), .key = key, .deadline = call->deadline};
}

/* ---- whose ETag is it ---- */

static bool is_md5_of(const struct store_etag *etag, struct span body)
{
    enum { DIGITS = 2 * MD5_BYTES };
    struct md5_sum sum;
    uint8_t digest[MD5_BYTES];
    char digits[DIGITS];
    md5_begin(&sum);
    md5_update(&sum, body);
    md5_end(&sum, digest);
    hex_encode(span_of(digest, sizeof digest), digits);
    return strlen(etag->text) == DIGITS + 2 && memcmp(etag->text + 1, digits, DIGITS) == 0;
}

static bool is_label_sound(struct journal_bucket *bucket, const struct store_etag *etag, struct span body)
{
    bool is_sound =
        body.size > SUM_BYTES_MAX || is_md5_of(etag, body) || (bucket->labels_hold && !bucket->has_md5_etags);
    bucket->counters.labels_slipped += !is_sound;
    return is_sound;
}

/* ---- calls ---- */

static void note_versions(struct journal_bucket *bucket, const struct s3_answer *answer)
{
    struct span version;
    if (s3_answer_find(answer, "x-amz-version-id", &version) && !span_equal(version, SPAN("null")))
        bucket->keeps_versions = true;
}

SUSPENDS static enum store_answer write_object(struct journal_call *call)
{
    struct journal_bucket *bucket = call->bucket;
    char key[KEY_BYTES_MAX];
    struct s3_answer answer;
    struct error error;
    struct http_field condition = {SPAN("if-none-match"), SPAN("*")};
    if (call->kind == JOURNAL_REQUEST_REPLACE)
        condition = (struct http_field){SPAN("if-match"), span_from_string(call->etag.text)};
    if (condition.value.size == 0)
        return STORE_CONDITION_FAILED; /* damage that has no ETag: an S3 server has none such */
    const struct span body = buffer_span(&call->body);
    struct s3_call request = request_of(call, S3_PUT_OBJECT, journal_bucket_key(bucket, call->name, key));
    request.headers = &condition;
    request.headers_count = 1;
    request.body = &body;
    request.body_count = 1;
    if (!s3_client_call(bucket->client, &request, &answer, &error))
        return answer_of(&answer);
    note_versions(bucket, &answer);
    take_etag(call, &answer);
    s3_answer_close(&answer);
    if (body.size <= SUM_BYTES_MAX) /* what a bucket encrypts with keys of its own has other ETags */
        bucket->has_md5_etags = is_md5_of(&call->etag, body);
    bucket->counters.bytes_written += body.size;
    return call->etag.text[0] != '\0' ? STORE_DONE : STORE_UNKNOWN;
}

SUSPENDS static enum store_answer read_object(struct journal_call *call)
{
    struct journal_bucket *bucket = call->bucket;
    char key[KEY_BYTES_MAX];
    struct s3_answer answer;
    struct error error;
    const struct http_field condition = {SPAN("if-none-match"), span_from_string(call->etag.text)};
    struct s3_call request = request_of(call, S3_GET_OBJECT, journal_bucket_key(bucket, call->name, key));
    request.headers = &condition;
    request.headers_count = condition.value.size > 0 ? 1 : 0;
    bool done = s3_client_call_whole(bucket->client, &request, &call->body, &answer, &error);
    if (!done && answer.status != 200)
        return answer_of(&answer);
    take_etag(call, &answer);
    if (!done) /* broken off; or larger than its kind may be */
        return error.kind == ERROR_TOO_LARGE ? STORE_DAMAGED : STORE_UNKNOWN;
    if (call->etag.text[0] == '\0')
        return STORE_DAMAGED;
    if (!is_label_sound(bucket, &call->etag, buffer_span(&call->body)))
        return STORE_UNKNOWN;
    bucket->counters.bytes_read += call->body.size;
    return STORE_DONE;
}

static void take_page(struct journal_call *call, const struct s3_list_page *listed, struct span after)
{
    for (unsigned i = 0; i < listed->count && i < STORE_PAGE_NAMES_MAX; i++) {
        if (span_compare(listed->entries[i].key, after) > 0)
            journal_call_take_key(call, listed->entries[i].key, false);
    }
    call->page->is_truncated = listed->is_truncated || listed->count > STORE_PAGE_NAMES_MAX;
}

/* One page; more only where pages hold nothing but keys that are none of a journal, or that lie before `after`, on a
 * server that knows no start-after. */
SUSPENDS static enum store_answer list_names(struct journal_call *call)
{
    struct journal_bucket *bucket = call->bucket;
    char prefix[KEY_BYTES_MAX], after[KEY_BYTES_MAX];
    struct s3_list_request list = {.prefix = journal_bucket_key(bucket, call->name, prefix),
                                   .entries_max = STORE_PAGE_NAMES_MAX};
    struct s3_list_page listed = {.is_truncated = true};
    struct s3_answer answer;
    struct error error;
    struct arena arenas[2]; /* the last page's, in which its token lies, and this one's */
    bool done = true;
    if (call->after[0] != '\0')
        list.after = journal_bucket_key(bucket, call->after, after);
    arena_init(&arenas[0], PAGE_BYTES_MAX);
    arena_init(&arenas[1], PAGE_BYTES_MAX);
    call->page->count = 0;
    for (unsigned turn = 0; done && listed.is_truncated && call->page->count == 0; turn++) {
        struct arena *arena = &arenas[turn % 2];
        const struct s3_call request = request_of(call, S3_LIST_OBJECTS, SPAN_EMPTY);
        arena_reset(arena);
        list.continuation = listed.continuation;
        done = s3_client_list_objects(bucket->client, &request, &list, arena, &listed, &answer, &error);
        if (done)
            take_page(call, &listed, list.after);
        if (listed.continuation.size == 0 || journal_call_is_late(call))
            break;
    }
    arena_free(&arenas[0]);
    arena_free(&arenas[1]);
    bool has_some = call->page->count > 0 || !call->page->is_truncated;
    return !done ? answer_of(&answer) : has_some ? STORE_DONE : STORE_UNKNOWN;
}

SUSPENDS static enum store_answer delete_objects(struct journal_call *call)
{
    struct journal_bucket *bucket = call->bucket;
    struct s3_delete_item *items = calloc(call->names_count, sizeof *items);
    char(*keys)[KEY_BYTES_MAX] = calloc(call->names_count, sizeof *keys);
    struct s3_answer answer;
    struct error error;
    ASSERT(items != NULL && keys != NULL);
    for (unsigned i = 0; i < call->names_count; i++)
        items[i].key = journal_bucket_key(bucket, call->names[i], keys[i]);
    const struct s3_call request = request_of(call, S3_DELETE_OBJECTS, SPAN_EMPTY);
    bool done = s3_client_delete_objects(bucket->client, &request, items, call->names_count, &answer, &error);
    enum store_answer result = done ? STORE_DONE : answer_of(&answer);
    for (unsigned i = 0; done && i < call->names_count && result == STORE_DONE; i++) {
        if (!items[i].is_deleted && items[i].error.kind != ERROR_NOT_FOUND)
            result = items[i].error.kind == ERROR_DENIED ? STORE_REFUSED : STORE_UNKNOWN;
    }
    free(items);
    free(keys);
    return result;
}

/* ---- the whole ---- */

static void close_client(struct journal_bucket *bucket)
{
    s3_client_destroy(bucket->client);
}

struct journal_bucket *journal_bucket_open_s3(const struct journal_s3_place *place)
{
    static const struct journal_verbs verbs = {.verbs = {[JOURNAL_REQUEST_CREATE] = write_object,
                                                         [JOURNAL_REQUEST_REPLACE] = write_object,
                                                         [JOURNAL_REQUEST_GET] = read_object,
                                                         [JOURNAL_REQUEST_LIST] = list_names,
                                                         [JOURNAL_REQUEST_DELETE] = delete_objects},
                                               .close = close_client,
                                               .is_cut = true};
    const struct s3_client_settings settings = {.requests_max = CONNECTIONS_MAX,
                                                .connections_kept_max = CONNECTIONS_MAX};
    struct journal_bucket *opened = journal_bucket_new(&verbs, place->bucket, place->prefix);
    opened->client = s3_client_create(place->endpoint, &settings);
    opened->labels_hold = place->labels_hold;
    return opened;
}
