/* server/s3/handle.c -- a request from its head to its answer, in the order in which things may be refused. */
#include "runtime/base/clock.h"
#include "s3client/wire/s3_error.h"
#include "server/s3/form/form.h"
#include "server/s3/route.h"
#include "server/s3/shared/answer.h"
#include "server/s3/shared/operations.h"
#include "server/s3/shared/setting_headers.h"

/* SHA-256 of nothing: what a request without a body must be signed with, if its body is signed. */
static const uint8_t sha256_of_nothing[SHA256_BYTES] = {
    0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14, 0x9a, 0xfb, 0xf4, 0xc8, 0x99, 0x6f, 0xb9, 0x24,
    0x27, 0xae, 0x41, 0xe4, 0x64, 0x9b, 0x93, 0x4c, 0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52, 0xb8, 0x55};

/* Does the form of the body fit the operation? Operations that take a body verify it while they read it. */
static bool check_payload(const struct s3_request *request, const struct s3_route *route, struct error *error)
{
    const struct authentication *authentication = &request->authentication;
    if (authentication->payload == PAYLOAD_STREAM_UNSIGNED_TRAILER && (route->traits & TAKES_OBJECT_BODY) == 0)
        return error_set(error, ERROR_INVALID, S3_InvalidRequest,
                         "The operation does not take x-amz-content-sha256: STREAMING-UNSIGNED-PAYLOAD-TRAILER.");
    bool takes_body = (route->traits & (TAKES_OBJECT_BODY | TAKES_DOCUMENT)) != 0;
    if (!takes_body && authentication->payload == PAYLOAD_SHA256 && !http_body_expected(request->exchange) &&
        memcmp(authentication->payload_sha256, sha256_of_nothing, SHA256_BYTES) != 0)
        return error_set(error, ERROR_INVALID, S3_XAmzContentSHA256Mismatch,
                         "x-amz-content-sha256 is the hash of a body, but the request has none.");
    return true;
}

/* Sets or removes a setting of its own bucket: what is damaged can be replaced. */
static bool is_repair(const struct s3_request *request, enum s3_operation operation)
{
    static const char *const beginnings[] = {"PutBucket", "DeleteBucket", "PutPublicAccessBlock",
                                             "DeletePublicAccessBlock"};
    const struct account *account = request->authentication.account;
    struct span name = span_from_string(s3_operation_name(operation));
    bool is_change = false;
    for (unsigned i = 0; i < sizeof beginnings / sizeof beginnings[0]; i++)
        is_change |= span_starts_with(name, span_from_string(beginnings[i]));
    return is_change && account != NULL && strcmp(account->id, request->bucket_info.owner) == 0;
}

/* The settings of the bucket, as they are now and for the whole request. */
static SUSPENDS bool pin_settings(struct s3_request *request, enum s3_operation operation, struct error *error)
{
    return settings_pin(request->settings->bucket_settings, &request->bucket_info, &request->bucket_settings, error) &&
           (settings_are_whole(request->bucket_settings, error) || is_repair(request, operation));
}

static SUSPENDS bool find_bucket(struct s3_request *request, const struct s3_route *route, struct error *error)
{
    if (route->traits & NEEDS_NO_BUCKET)
        return s3_authorize(request, route->operation, NULL, SPAN_EMPTY, SPAN_EMPTY, error);
    struct span version = SPAN_EMPTY;
    return (request->level != LEVEL_OBJECT || s3_request_version(request, &version, error)) &&
           s3_find_bucket(request, request->bucket, "x-amz-expected-bucket-owner", &request->bucket_info, error) &&
           pin_settings(request, route->operation, error) && s3_check_payer(request, error) &&
           s3_authorize(request, route->operation, &request->bucket_info, request->key, version, error);
}

/* A form brings its signature among its fields, every other request in its head or its query. */
static SUSPENDS bool authenticate(struct s3_request *request, struct error *error)
{
    if (!s3_form_is_meant(request))
        return signature_verify(request->settings->verifier, request->head, request->path, request->now_ms,
                                request->arena, &request->authentication, &request->details, error);
    if (!s3_form_open(request, error))
        return false;
    return request->authentication.account != NULL ||
           error_set(error, ERROR_DENIED, S3_AccessDenied, "Access Denied: the form is not signed.");
}

static SUSPENDS bool serve(struct s3_request *request, struct error *error)
{
    const struct s3_route *route;
    if (!s3_request_resolve(request, error))
        return false;
    if (s3_request_method_is(request, "OPTIONS"))
        return s3_preflight(request, error);
    if (!authenticate(request, error))
        return false;
    request->outcome.account = span_from_string(request->authentication.account->name);
    if (!s3_route_find(request, &route, error))
        return false;
    if (!s3_request_check_names(request, s3_operation_writes(route->operation), error) ||
        !check_payload(request, route, error) || !find_bucket(request, route, error))
        return false;
    return route->handler(request, error);
}

static void begin(struct s3_request *request, struct http_exchange *exchange, const struct s3_settings *settings)
{
    *request = (struct s3_request){
        .settings = settings,
        .exchange = exchange,
        .head = exchange->head,
        .arena = exchange->arena,
        .now_ms = clock_wall_ms(settings->clock),
        .bucket_settings = settings_none(),
        .outcome = {.operation = S3_Unknown, .message = ""},
    };
}

static void end(struct s3_request *request)
{
    const struct s3_settings *settings = request->settings;
    settings_unpin(settings->bucket_settings, request->bucket_settings);
    if (settings->observe == NULL)
        return;
    request->outcome.status = request->exchange->status;
    request->outcome.duration_ns = clock_monotonic_ns(settings->clock) - request->exchange->started_ns;
    settings->observe(settings->observe_context, request->exchange, &request->outcome);
}

SUSPENDS void s3_handle(struct http_exchange *exchange, void *context)
{
    struct s3_request request;
    struct error error;
    begin(&request, exchange, context);
    if (!serve(&request, &error))
        s3_answer_error(&request, &error);
    end(&request);
}

SUSPENDS void s3_refuse(struct http_exchange *exchange, const struct error *reason, void *context)
{
    struct s3_request request;
    begin(&request, exchange, context);
    if (reason->code != NULL && strcmp(reason->code, HTTP_SECTION_TOO_LARGE) == 0)
        error_details_add(&request.details, "MaxSizeAllowed", s3_decimal(&request, HTTP_HEADER_SECTION_BYTES_MAX));
    s3_answer_error(&request, reason);
    end(&request);
}
