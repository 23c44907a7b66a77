/* server/s3/bucket/create_bucket.c -- PUT /bucket: a bucket of who asks, in the one region that there is. */
#include "s3client/wire/s3_error.h"
#include "server/s3/bucket/make_bucket.h"
#include "server/s3/shared/answer.h"
#include "server/s3/shared/body.h"
#include "server/s3/shared/object_headers.h"
#include "server/s3/shared/operations.h"

#include <stdio.h>

static bool open_element(void *context, unsigned depth, struct span element, struct error *error)
{
    (void)context;
    if (depth == 0 && !span_equal(element, SPAN("CreateBucketConfiguration")))
        return error_set(error, ERROR_INVALID, S3_MalformedXML, "The root is not CreateBucketConfiguration.");
    if (depth == 1 && !span_equal(element, SPAN("LocationConstraint")))
        return error_set(error, ERROR_UNSUPPORTED, S3_NotImplemented,
                         "Of CreateBucketConfiguration only LocationConstraint is implemented.");
    return true;
}

static bool close_element(void *context, unsigned depth, struct span element, struct span text, struct error *error)
{
    struct s3_request *request = context;
    if (depth != 1 || !span_equal(element, SPAN("LocationConstraint")))
        return true;
    if (text.size == 0 || span_equal(text, span_from_string(request->settings->region)))
        return true;
    error_details_add(&request->details, "LocationConstraint", arena_copy(request->arena, text));
    return error_set(error, ERROR_INVALID, S3_InvalidLocationConstraint,
                     "The specified location-constraint is not valid: this server's region is %s.",
                     request->settings->region);
}

static SUSPENDS bool read_configuration(struct s3_request *request, struct error *error)
{
    static const struct xml_handlers handlers = {.open = open_element, .close = close_element};
    static const struct document_rules rules = {.bytes_max = S3_DOCUMENT_BYTES_MAX, .is_optional = true};
    bool is_present;
    return s3_read_document(request, &rules, &handlers, request, &is_present, error);
}

/* Headers that ask for a bucket of a kind that is not offered. */
static bool check_headers(struct s3_request *request, struct error *error)
{
    struct span value;
    if (s3_request_header(request, "x-amz-bucket-object-lock-enabled", &value) &&
        !span_equal_ignore_case(value, SPAN("false")))
        return s3_refuse_header(request, "x-amz-bucket-object-lock-enabled", error);
    if (s3_request_header(request, "x-amz-object-ownership", &value) && !span_equal(value, SPAN("BucketOwnerEnforced")))
        return s3_refuse_header(request, "x-amz-object-ownership", error);
    return object_headers_refuse_unoffered(request, error);
}

/* In us-east-1, and nowhere else, making one's own bucket again is a success. */
static bool is_harmless(const struct s3_request *request, const struct error *error)
{
    return error->code != NULL && strcmp(error->code, S3_BucketAlreadyOwnedByYou) == 0 &&
           strcmp(request->settings->region, "us-east-1") == 0;
}

static SUSPENDS bool answer(struct s3_request *request, struct error *error)
{
    char location[BUCKET_NAME_BYTES_MAX + 2];
    char arn[sizeof "arn:aws:s3:::" + BUCKET_NAME_BYTES_MAX];
    (void)snprintf(location, sizeof location, "/%.*s", SPAN_FORMAT(request->bucket));
    (void)snprintf(arn, sizeof arn, "arn:aws:s3:::%.*s", SPAN_FORMAT(request->bucket));
    s3_answer_begin(request, 200);
    http_response_field_string(request->exchange, "Location", location);
    http_response_field_string(request->exchange, "x-amz-bucket-arn", arn);
    return s3_answer_empty(request, error);
}

SUSPENDS bool s3_create_bucket(struct s3_request *request, struct error *error)
{
    struct span owner = span_from_string(request->authentication.account->id);
    if (!check_headers(request, error) || !read_configuration(request, error))
        return false;
    const struct bucket_intent intent = {.name = request->bucket, .owner = owner};
    if (!s3_make_bucket(request, &intent, NULL, 0, error) && !is_harmless(request, error))
        return false;

    return answer(request, error);
}
