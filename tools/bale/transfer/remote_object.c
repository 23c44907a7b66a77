/* tools/bale/transfer/remote_object.c -- the requests for one revision, and the judgement of their answers. */
#include "tools/bale/transfer/remote_object.h"

#include "runtime/base/assert.h"
#include "runtime/base/decimal.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { RANGE_TEXT_BYTES = 64, HEADERS_MAX = 3, PARAMETERS_MAX = 2, PARTS_MAX = 10000 };

/* A request in the making; spans of its call point into it and into the object. */
struct request {
    struct s3_call call;
    struct http_field headers[HEADERS_MAX];
    struct s3_parameter query[PARAMETERS_MAX];
};

static void add_header(struct request *request, struct span name, struct span value)
{
    ASSERT(request->call.headers_count < HEADERS_MAX);
    request->headers[request->call.headers_count++] = (struct http_field){name, value};
}

static void begin_request(struct request *request, enum s3_kind kind, const struct remote_object *object)
{
    request->call = (struct s3_call){.kind = kind,
                                     .target = object->target,
                                     .query = request->query,
                                     .headers = request->headers,
                                     .repeat = S3_REPEAT};
    if (object->target.size == 0) {
        request->call.bucket = object->bucket;
        request->call.key = object->key;
    }
    if (object->target.size == 0 && object->version.size > 0)
        request->query[request->call.query_count++] = (struct s3_parameter){SPAN("versionId"), object->version};
    if (object->etag[0] != '\0')
        add_header(request, SPAN("if-match"), span_from_string(object->etag));
}

/* ---- is it that revision? ---- */

static bool refuse_changed(const struct remote_object *object, const char *what, struct error *error)
{
    return error_set(error, ERROR_CHANGED, NULL, "it was %s meanwhile: the revision %s is not what is there now", what,
                     object->etag);
}

/* A refused request for what had been there. */
static bool refuse(const struct remote_object *object, const struct s3_answer *answer, struct error *error)
{
    if (answer->status == 412)
        return refuse_changed(object, "overwritten", error);
    if (answer->status == 404)
        return refuse_changed(object, "deleted", error);
    return false;
}

static bool is_same(const struct remote_object *object, const struct s3_answer *answer, struct error *error)
{
    return strcmp(object->etag, answer->etag) == 0 || refuse_changed(object, "overwritten", error);
}

/* ---- HEAD ---- */

/* "abc=" or, of a digest of parts' digests, "abc=-3". */
static bool read_checksum(enum checksum_algorithm algorithm, struct span text, struct checksum_value *ret_value)
{
    size_t dash = span_find(text, '-');
    uint64_t parts = 0;
    if (!checksum_parse(algorithm, span_take(text, dash), ret_value))
        return false;
    if (dash == SIZE_MAX)
        return true;
    if (!decimal_parse_range(span_skip(text, dash + 1), 1, PARTS_MAX, &parts))
        return false;
    ret_value->type = CHECKSUM_COMPOSITE;
    ret_value->parts_count = (uint32_t)parts;
    return true;
}

/* Of several that of the whole is the better one. One that cannot be read is none. */
static void take_checksum(const struct s3_answer *answer, struct checksum_value *ret_best)
{
    *ret_best = (struct checksum_value){.algorithm = CHECKSUM_NONE};
    for (unsigned i = CHECKSUM_NONE + 1; i < CHECKSUM_ALGORITHMS; i++) {
        struct span text;
        struct checksum_value value;
        if (!s3_answer_find(answer, checksum_header((enum checksum_algorithm)i), &text) ||
            !read_checksum((enum checksum_algorithm)i, text, &value))
            continue;
        if (ret_best->algorithm == CHECKSUM_NONE || value.type == CHECKSUM_FULL_OBJECT)
            *ret_best = value;
    }
}

static bool has_keyed_etag(const struct s3_answer *answer)
{
    struct span value;
    return s3_answer_find(answer, "x-amz-server-side-encryption-customer-algorithm", &value) ||
           (s3_answer_find(answer, "x-amz-server-side-encryption", &value) && span_starts_with(value, SPAN("aws:kms")));
}

static bool take_head(struct remote_object *object, const struct s3_answer *answer, struct error *error)
{
    uint64_t first;
    uint64_t end;
    if (answer->etag[0] == '\0' || strncmp(answer->etag, "W/", 2) == 0)
        return error_set(error, ERROR_UNSUPPORTED, NULL,
                         "the server names no strong ETag: one revision cannot be told from another");
    if (!answer->has_content_length)
        return error_set(error, ERROR_UNSUPPORTED, NULL, "the server does not say how large it is");
    object->size = answer->content_length;
    if (answer->status == 206 && !s3_answer_content_range(answer, &first, &end, &object->size))
        return error_set(error, ERROR_DAMAGED, NULL, "the server does not say what range its answer is");
    if (object->size > INT64_MAX)
        return error_set(error, ERROR_TOO_LARGE, NULL, "the server says %" PRIu64 " bytes: no file is so large",
                         object->size);
    memcpy(object->etag, answer->etag, sizeof object->etag);
    object->modified_ms = answer->modified_ms;
    object->is_etag_keyed = has_keyed_etag(answer);
    object->checksum = (struct checksum_value){.algorithm = CHECKSUM_NONE};
    if (answer->status == 200) /* else it may be the range's */
        take_checksum(answer, &object->checksum);
    return true;
}

/* An answer to HEAD has no document that would say it, and messages of the client do not say it to a person. */
static bool refuse_look(const struct s3_answer *answer, struct error *error)
{
    if (answer->status == 404)
        return error_set(error, ERROR_NOT_FOUND, NULL, "there is no such object");
    if (answer->status == 403)
        return error_set(error, ERROR_DENIED, NULL,
                         "access is denied (403), or there is no such object and no right to list the bucket");
    return false;
}

/* Where a server sends to is not followed: it would choose the host, which nobody named. */
static bool refuse_look_by_url(const struct s3_answer *answer, struct error *error)
{
    if (answer->status >= 300 && answer->status < 400)
        return error_set(error, ERROR_UNSUPPORTED, NULL,
                         "the server sends to another place (%d), which is not followed: say that URL", answer->status);
    return answer->status == 404 && refuse_look(answer, error);
}

/* Nothing but what the URL's signature may be of: a header x-amz-... is refused where it is not signed. */
SUSPENDS static bool look_by_first_byte(struct s3_client *client, struct remote_object *object, struct error *error)
{
    struct request request;
    struct s3_answer answer;
    begin_request(&request, S3_GET_OBJECT, object);
    add_header(&request, SPAN("range"), SPAN("bytes=0-0"));
    bool is_answered = s3_client_call(client, &request.call, &answer, error);
    if (!is_answered && answer.status == 416) { /* it is empty */
        request.call.headers_count = 0;
        is_answered = s3_client_call(client, &request.call, &answer, error);
    }
    if (!is_answered)
        return refuse_look_by_url(&answer, error);
    bool is_taken = take_head(object, &answer, error);
    if (is_taken && answer.status == 200 && object->size > 1)
        is_taken = error_set(error, ERROR_UNSUPPORTED, NULL, "the server knows no ranges: it cannot be got in parts");
    s3_answer_close(&answer);
    return is_taken;
}

SUSPENDS bool remote_object_look(struct s3_client *client, struct remote_object *object, struct error *error)
{
    struct request request;
    struct s3_answer answer;
    if (object->target.size > 0) {
        object->etag[0] = '\0';
        return look_by_first_byte(client, object, error);
    }
    object->etag[0] = '\0';
    begin_request(&request, S3_HEAD_OBJECT, object);
    add_header(&request, SPAN("x-amz-checksum-mode"), SPAN("ENABLED"));
    if (!s3_client_call(client, &request.call, &answer, error))
        return refuse_look(&answer, error);
    bool is_taken = take_head(object, &answer, error);
    s3_answer_close(&answer);
    return is_taken;
}

SUSPENDS bool remote_object_open_whole(struct s3_client *client, struct remote_object *object,
                                       struct s3_answer *ret_answer, struct error *error)
{
    struct request request;
    object->etag[0] = '\0';
    begin_request(&request, S3_GET_OBJECT, object);
    add_header(&request, SPAN("x-amz-checksum-mode"), SPAN("ENABLED"));
    if (!s3_client_call(client, &request.call, ret_answer, error))
        return refuse_look(ret_answer, error);
    if (take_head(object, ret_answer, error))
        return true;
    s3_answer_close(ret_answer);
    return false;
}

SUSPENDS bool remote_object_look_at_part(struct s3_client *client, const struct remote_object *object, unsigned number,
                                         uint64_t *ret_size, unsigned *ret_count, struct error *error)
{
    char digits[DECIMAL_BYTES_MAX];
    struct request request;
    struct s3_answer answer;
    struct span text;
    uint64_t count = 0;
    if (object->target.size > 0)
        return error_set(error, ERROR_UNSUPPORTED, NULL, "a URL names no parts");
    begin_request(&request, S3_HEAD_OBJECT, object);
    request.query[request.call.query_count++] =
        (struct s3_parameter){SPAN("partNumber"), span_of(digits, decimal_format(number, digits))};
    if (!s3_client_call(client, &request.call, &answer, error)) {
        bool is_unknown = answer.status == 400 || answer.status == 416 || answer.status == 501;
        return is_unknown ? error_set(error, ERROR_UNSUPPORTED, NULL, "the server does not know numbers of parts")
                          : refuse(object, &answer, error);
    }
    bool is_known = answer.has_content_length && s3_answer_find(&answer, "x-amz-mp-parts-count", &text) &&
                    decimal_parse_range(text, 1, PARTS_MAX, &count);
    *ret_size = answer.content_length;
    *ret_count = (unsigned)count;
    bool is_done = is_same(object, &answer, error) &&
                   (is_known || error_set(error, ERROR_UNSUPPORTED, NULL, "the server does not say its parts' sizes"));
    s3_answer_close(&answer);
    return is_done;
}

/* ---- GET ---- */

/* A 200 is the whole: good where the whole was asked for. */
static bool is_range(const struct s3_answer *answer, const struct remote_object *object, uint64_t first, uint64_t end)
{
    uint64_t answered_first = 0;
    uint64_t answered_end = object->size;
    uint64_t size = object->size;
    if (answer->status == 206 && !s3_answer_content_range(answer, &answered_first, &answered_end, &size))
        return false;
    return answered_first == first && answered_end == end && size == object->size &&
           (!answer->has_content_length || answer->content_length == end - first);
}

SUSPENDS bool remote_object_open(struct s3_client *client, const struct remote_object *object, uint64_t first,
                                 uint64_t end, struct s3_answer *ret_answer, struct error *error)
{
    char range[RANGE_TEXT_BYTES];
    struct request request;
    int size = snprintf(range, sizeof range, "bytes=%" PRIu64 "-%" PRIu64, first, end - 1);
    ASSERT(first < end && end <= object->size);
    begin_request(&request, S3_GET_OBJECT, object);
    add_header(&request, SPAN("range"), span_of(range, (size_t)size));
    if (!s3_client_call(client, &request.call, ret_answer, error))
        return refuse(object, ret_answer, error);
    bool is_good = is_same(object, ret_answer, error) &&
                   (is_range(ret_answer, object, first, end) ||
                    error_set(error, ERROR_DAMAGED, NULL, "the server answered a range with something else (status %d)",
                              ret_answer->status));
    if (!is_good)
        s3_answer_close(ret_answer);
    return is_good;
}
