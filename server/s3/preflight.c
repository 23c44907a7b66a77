/* server/s3/preflight.c -- OPTIONS: a browser asks before it sends. Nothing is signed, and neither the object nor
 * anybody's rights matter (statements 549 to 552). */
#include "s3client/wire/s3_error.h"
#include "server/s3/answer/answer.h"
#include "server/s3/answer/cors_headers.h"
#include "server/s3/operations.h"
#include "server/s3/request/names.h"

struct question {
    struct span origin;
    struct span method;
    struct span headers; /* empty: none are asked for */
};

static bool refuse(struct error *error, const char *why)
{
    return error_set(error, ERROR_INVALID, S3_BadRequest, "%s", why);
}

/* Statement 550. */
static bool read_question(const struct http_head *head, struct question *ret_question, struct error *error)
{
    *ret_question = (struct question){.headers = SPAN_EMPTY};
    if (!http_head_find(head, "origin", &ret_question->origin))
        return refuse(error, "Insufficient information. Origin request header needed.");
    if (!http_head_find(head, "access-control-request-method", &ret_question->method) ||
        !cors_is_method(ret_question->method))
        return refuse(error, "Invalid Access-Control-Request-Method: it is missing, or not one of GET, PUT, POST, "
                             "DELETE and HEAD.");
    if (!http_head_find(head, "access-control-request-headers", &ret_question->headers))
        ret_question->headers = SPAN_EMPTY;
    return cors_are_header_names(ret_question->headers) ||
           refuse(error, "Invalid Access-Control-Request-Headers: it is no list of names of headers.");
}

static bool forbid(struct s3_request *request, const struct question *question, const char *why, struct error *error)
{
    error_details_add(&request->details, "Method", question->method);
    error_details_add(&request->details, "ResourceType",
                      request->level == LEVEL_OBJECT ? SPAN("OBJECT") : SPAN("BUCKET"));
    return error_set(error, ERROR_DENIED, S3_AccessForbidden, "CORSResponse: %s", why);
}

/* Those that were asked for, in lower case. */
static void answer_headers(struct s3_request *request, struct span headers)
{
    struct buffer list;
    struct span name;
    buffer_init(&list, 0);
    for (size_t position = 0; cors_next_header(headers, &position, &name);) {
        buffer_append_string(&list, list.size == 0 ? "" : ", ");
        for (size_t i = 0; i < name.size; i++)
            buffer_append_byte(&list, http_lower(name.data[i]));
    }
    if (list.size > 0)
        http_response_field(request->exchange, "Access-Control-Allow-Headers", buffer_span(&list));
    buffer_free(&list);
}

SUSPENDS bool s3_preflight(struct s3_request *request, struct error *error)
{
    struct question question;
    const struct s3_settings *settings = request->settings;
    bool is_any;
    request->outcome.operation = S3_Preflight;
    if (!read_question(request->head, &question, error))
        return false;
    if (request->level == LEVEL_SERVICE)
        return forbid(request, &question, "CORS is not enabled for this bucket.", error);
    if (!bucket_name_is_valid(request->bucket))
        return error_set(error, ERROR_INVALID, S3_InvalidBucketName, "The specified bucket is not valid.");
    if (!bucket_find(settings->store, request->bucket, &request->bucket_info, error) ||
        !settings_pin(settings->bucket_settings, &request->bucket_info, &request->bucket_settings, error))
        return false;
    if (s3_cors_of(request) == NULL)
        return forbid(request, &question, "CORS is not enabled for this bucket.", error);
    const struct cors_rule *rule =
        cors_match(s3_cors_of(request), question.origin, question.method, question.headers, &is_any);
    if (rule == NULL)
        return forbid(request, &question,
                      "This CORS request is not allowed. This is usually because the evaluation of Origin, request "
                      "method / Access-Control-Request-Method or Access-Control-Request-Headers are not whitelisted by "
                      "the resource's CORS spec.",
                      error);
    s3_answer_begin(request, 200);
    s3_answer_cors_rule(request, rule, question.origin, is_any);
    answer_headers(request, question.headers);
    if (rule->has_max_age)
        http_response_field_decimal(request->exchange, "Access-Control-Max-Age", (uint64_t)rule->max_age_seconds);
    return s3_answer_empty(request, error);
}
