/* server/s3/answer/setting_headers.c -- what a bucket's settings make an answer say: expiry, and who pays. */
#include "server/s3/answer/setting_headers.h"

#include "s3client/wire/date.h"
#include "s3client/wire/s3_error.h"
#include "s3client/wire/uri.h"
#include "server/s3/settings/lifecycle.h"

static const struct lifecycle *lifecycle_of(const struct s3_request *request)
{
    return settings_compiled(request->bucket_settings, SETTING_LIFECYCLE);
}

/* ---- expiry ---- */

static void answer_expiration(struct s3_request *request, const struct lifecycle_notice *notice)
{
    char date[DATE_TEXT_BYTES];
    struct buffer value;
    date_format_http(notice->when_ms, date);
    buffer_init(&value, 0);
    buffer_append_format(&value, "expiry-date=\"%s\", rule-id=\"", date);
    uri_encode(&value, notice->rule_id, URI_ENCODE_ALL);
    buffer_append_byte(&value, '"');
    http_response_field(request->exchange, "x-amz-expiration", buffer_span(&value));
    buffer_free(&value);
}

/* Tags that cannot be had fit no rule that asks for them. */
static SUSPENDS void read_tags(struct s3_request *request, struct buffer *packed)
{
    const struct object_name name = {.bucket = request->bucket, .key = request->key};
    char version[VERSION_TEXT_BYTES];
    struct error ignored;
    if (!bucket_read_tags(request->settings->store, &name, packed, version, &ignored))
        buffer_clear(packed);
}

SUSPENDS void s3_answer_expiration(struct s3_request *request, const struct object_attributes *attributes,
                                   const struct span *tags)
{
    const struct lifecycle *lifecycle = lifecycle_of(request);
    struct lifecycle_object object = {
        .key = request->key, .size = attributes->original_size, .created_ms = attributes->modified_ms};
    struct lifecycle_notice notice;
    struct buffer packed;
    struct span version;
    if (lifecycle == NULL || (request->parameters_count > 0 && s3_request_parameter(request, "versionId", &version)))
        return;
    buffer_init(&packed, 0);
    if (tags == NULL && attributes->tags_count > 0 && lifecycle_expiration_needs_tags(lifecycle))
        read_tags(request, &packed);
    object.tags = tags != NULL ? *tags : buffer_span(&packed);
    if (lifecycle_find_expiration(lifecycle, &object, &notice))
        answer_expiration(request, &notice);
    buffer_free(&packed);
}

void s3_answer_abort(struct s3_request *request, int64_t initiated_ms)
{
    const struct lifecycle *lifecycle = lifecycle_of(request);
    struct lifecycle_notice notice;
    char date[DATE_TEXT_BYTES];
    struct buffer id;
    if (lifecycle == NULL || !lifecycle_find_abort(lifecycle, request->key, initiated_ms, &notice))
        return;
    date_format_http(notice.when_ms, date);
    http_response_field_string(request->exchange, "x-amz-abort-date", date);
    buffer_init(&id, 0);
    uri_encode(&id, notice.rule_id, URI_ENCODE_ALL);
    http_response_field(request->exchange, "x-amz-abort-rule-id", buffer_span(&id));
    buffer_free(&id);
}

/* ---- who pays ---- */

bool s3_check_payer(struct s3_request *request, const struct bucket_info *bucket,
                    const struct bucket_settings *bucket_settings, struct error *error)
{
    const struct account *account = request->authentication.account;
    struct span payer;
    if (settings_compiled(bucket_settings, SETTING_REQUEST_PAYMENT) == NULL ||
        (account != NULL && strcmp(account->id, bucket->owner) == 0))
        return true;
    request->pays = account != NULL && s3_request_header(request, "x-amz-request-payer", &payer) &&
                    span_equal_ignore_case(payer, SPAN("requester"));
    return request->pays || error_set(error, ERROR_DENIED, S3_AccessDenied,
                                      "Access Denied: whoever asks this bucket pays, and must be signed and say so: "
                                      "x-amz-request-payer: requester.");
}
