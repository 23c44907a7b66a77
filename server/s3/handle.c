/* server/s3/handle.c -- a request from its head to its answer, in the order in which things may be refused. */
#include "runtime/base/clock.h"
#include "s3client/wire/s3_error.h"
#include "server/s3/access_log/request_lines.h"
#include "server/s3/answer/answer.h"
#include "server/s3/answer/setting_headers.h"
#include "server/s3/form/form.h"
#include "server/s3/headers/encryption.h"
#include "server/s3/operations.h"
#include "server/s3/rights/authorize.h"
#include "server/s3/route.h"

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

/* Settings that cannot be read forbid everything, but for their owner to set them anew. */
static bool check_settings(const struct s3_request *request, enum s3_operation operation, struct error *error)
{
    bool may_repair = s3_operation_changes_settings(operation) && !s3_is_anonymous(request) &&
                      span_equal(s3_asker_id(request), span_from_string(request->bucket_info.owner));
    return may_repair || settings_are_whole(request->bucket_settings, error);
}

/* What makes a version cannot be asked for one: nobody shall believe that it was written over. */
static bool makes_version(enum s3_operation operation)
{
    switch (operation) {
    case S3_PutObject:
    case S3_CopyObject:
    case S3_CreateMultipartUpload:
    case S3_UploadPart:
    case S3_UploadPartCopy:
    case S3_CompleteMultipartUpload:
        return true;
    default:
        return false;
    }
}

static bool check_version(struct s3_request *request, enum s3_operation operation, struct error *error)
{
    struct span version;
    if (request->level != LEVEL_OBJECT)
        return true;
    if (!s3_request_version(request, &version, error))
        return false;
    return version.size == 0 || !makes_version(operation) ||
           s3_refuse_argument(request, "versionId", version, "This operation does not accept a version-id.", error);
}

/* The bucket, what its settings say, and whether whoever asks may. */
static SUSPENDS bool let_in(struct s3_request *request, const struct s3_route *route, struct error *error)
{
    const struct s3_settings *settings = request->settings;
    if (route->traits & NEEDS_NO_BUCKET)
        return s3_authorize(request, route->operation, false, error);
    return check_version(request, route->operation, error) &&
           s3_find_bucket(request, request->bucket, "x-amz-expected-bucket-owner", &request->bucket_info, error) &&
           settings_pin(settings->bucket_settings, &request->bucket_info, &request->bucket_settings, error) &&
           check_settings(request, route->operation, error) &&
           s3_check_payer(request, &request->bucket_info, request->bucket_settings, error) &&
           s3_authorize(request, route->operation, true, error);
}

/* A read that missed its object: may the asker know? */
static SUSPENDS bool hide_missing(struct s3_request *request, enum s3_operation operation, struct error *error)
{
    const struct s3_target target = {.bucket = &request->access, .key = request->key};
    bool is_missing = error->kind == ERROR_NOT_FOUND && error->code != NULL &&
                      (strcmp(error->code, S3_NoSuchKey) == 0 || strcmp(error->code, S3_NoSuchVersion) == 0);
    if (request->level != LEVEL_OBJECT || s3_operation_writes(operation) || !is_missing)
        return false;
    return s3_hide_missing(request, &target, error);
}

/* A form brings its signature among its fields, every other request in its head or its query. */
static SUSPENDS bool authenticate(struct s3_request *request, struct error *error)
{
    if (!s3_form_is_meant(request) || s3_route_names_sub_resource(request))
        return signature_verify(request->settings->verifier, request->head, request->path, request->now_ms,
                                request->arena, &request->authentication, &request->details, error);
    return s3_form_open(request, error);
}

/* What a store cannot do is refused far below: what it was that was asked for is known here (statements 5, 6). */
static bool explain_unoffered(struct s3_request *request, const struct s3_route *route, const struct error *error)
{
    bool is_unoffered = error->code != NULL && strcmp(error->code, S3_NotImplemented) == 0;
    if (is_unoffered && request->details.count == 0)
        error_details_add(&request->details, "Header",
                          span_from_string(route->selector != NULL ? route->selector : route->method));
    return false;
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
    if (!s3_is_anonymous(request))
        request->outcome.account = span_from_string(request->authentication.account->name);
    if (!s3_route_find(request, &route, error))
        return false;
    if (!s3_request_check_names(request, s3_operation_writes(route->operation), error) ||
        !check_payload(request, route, error) || !let_in(request, route, error))
        return false;
    return route->handler(request, error) || hide_missing(request, route->operation, error) ||
           explain_unoffered(request, route, error);
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

static SUSPENDS void end(struct s3_request *request)
{
    const struct s3_settings *settings = request->settings;
    s3_log_request(request);
    encryption_forget(request);
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
