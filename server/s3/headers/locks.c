/* server/s3/headers/locks.c -- object lock as requests and answers have it. */
#include "server/s3/headers/locks.h"

#include "s3client/wire/date.h"
#include "s3client/wire/s3_error.h"
#include "server/s3/answer/answer.h"
#include "server/s3/request/missing.h"
#include "server/s3/rights/authorize.h"

#define MODE "x-amz-object-lock-mode"
#define RETAIN_UNTIL "x-amz-object-lock-retain-until-date"
#define LEGAL_HOLD "x-amz-object-lock-legal-hold"

bool locks_parse_mode(struct span text, enum lock_mode *ret_mode)
{
    *ret_mode = span_equal(text, SPAN("GOVERNANCE"))   ? LOCK_GOVERNANCE
                : span_equal(text, SPAN("COMPLIANCE")) ? LOCK_COMPLIANCE
                                                       : LOCK_NONE;
    return *ret_mode != LOCK_NONE;
}

const char *locks_mode_name(enum lock_mode mode)
{
    return mode == LOCK_COMPLIANCE ? "COMPLIANCE" : "GOVERNANCE";
}

static bool refuse_bucket(struct error *error)
{
    return error_set(error, ERROR_INVALID, S3_InvalidRequest, "Bucket is missing Object Lock Configuration");
}

/* ---- in ---- */

static bool take_retention(struct s3_request *request, struct object_lock *lock, struct error *error)
{
    struct span mode;
    struct span date;
    bool has_mode = s3_request_header(request, MODE, &mode);
    bool has_date = s3_request_header(request, RETAIN_UNTIL, &date);
    if (!has_mode && !has_date)
        return true;
    if (!has_mode || !has_date)
        return s3_refuse_argument(request, has_mode ? RETAIN_UNTIL : MODE, SPAN_EMPTY,
                                  MODE " and " RETAIN_UNTIL " must both be supplied", error);
    if (!locks_parse_mode(mode, &lock->mode))
        return s3_refuse_argument(request, MODE, mode, "Unknown wormMode directive.", error);
    if (!date_parse_xml_of_any_year(date, &lock->retain_until_ms))
        return s3_refuse_argument(request, RETAIN_UNTIL, date,
                                  "The retain until date must be provided in ISO 8601 format", error);
    return lock->retain_until_ms > request->now_ms ||
           s3_refuse_argument(request, RETAIN_UNTIL, date, "The retain until date must be in the future!", error);
}

static bool take_hold(struct s3_request *request, struct object_lock *lock, struct error *error)
{
    struct span hold;
    if (!s3_request_header(request, LEGAL_HOLD, &hold))
        return true;
    lock->hold = span_equal(hold, SPAN("ON")) ? HOLD_ON : span_equal(hold, SPAN("OFF")) ? HOLD_OFF : HOLD_UNSET;
    return lock->hold != HOLD_UNSET ||
           s3_refuse_argument(request, LEGAL_HOLD, hold, "Legal Hold must be either of 'ON' or 'OFF'", error);
}

static SUSPENDS bool may_set(struct s3_request *request, const struct object_lock *lock, struct error *error)
{
    return (lock->mode == LOCK_NONE || s3_authorize_new(request, ACTION_PutObjectRetention, error)) &&
           (lock->hold == HOLD_UNSET || s3_authorize_new(request, ACTION_PutObjectLegalHold, error));
}

SUSPENDS bool locks_take_headers(struct s3_request *request, struct object_lock *ret_lock, struct error *error)
{
    *ret_lock = (struct object_lock){.mode = LOCK_NONE};
    if (!take_retention(request, ret_lock, error) || !take_hold(request, ret_lock, error))
        return false;
    if (ret_lock->mode == LOCK_NONE && ret_lock->hold == HOLD_UNSET)
        return true;
    return request->bucket_info.has_lock ? may_set(request, ret_lock, error) : refuse_bucket(error);
}

bool locks_need_checksum(const struct s3_request *request, const struct object_lock *lock, struct error *error)
{
    unsigned position = 0;
    struct span name;
    struct span value;
    if ((lock->mode == LOCK_NONE && lock->hold == HOLD_UNSET) || s3_request_header(request, "content-md5", &value))
        return true;
    while (s3_request_next_amz_header(request, &position, &name, &value)) {
        if (span_equal_ignore_case(span_take(name, 15), SPAN("x-amz-checksum-")) ||
            span_equal_ignore_case(name, SPAN("x-amz-trailer")))
            return true;
    }
    return error_set(error, ERROR_INVALID, S3_InvalidRequest,
                     "Content-MD5 OR x-amz-checksum- HTTP header is required for Put Object requests with Object Lock "
                     "parameters");
}

SUSPENDS bool locks_may_bypass(struct s3_request *request, struct span key, struct span version)
{
    const struct s3_target target = {&request->access, key, version};
    struct span value;
    return s3_request_header(request, "x-amz-bypass-governance-retention", &value) &&
           span_equal_ignore_case(value, SPAN("true")) && s3_may(request, &target, ACTION_BypassGovernanceRetention);
}

/* ---- out ---- */

SUSPENDS void locks_answer_headers(struct s3_request *request, struct span version, const struct object_lock *lock)
{
    const struct s3_target target = {&request->access, request->key, version};
    if (lock->mode != LOCK_NONE && s3_may(request, &target, ACTION_GetObjectRetention)) {
        char date[DATE_TEXT_BYTES];
        date_format_xml(lock->retain_until_ms, date);
        http_response_field_string(request->exchange, MODE, locks_mode_name(lock->mode));
        http_response_field_string(request->exchange, RETAIN_UNTIL, date);
    }
    if (lock->hold != HOLD_UNSET && s3_may(request, &target, ACTION_GetObjectLegalHold))
        http_response_field_string(request->exchange, LEGAL_HOLD, lock->hold == HOLD_ON ? "ON" : "OFF");
}

/* ---- calls of their own ---- */

SUSPENDS bool locks_find_object(struct s3_request *request, struct object_name *ret_name,
                                struct object_attributes *ret_attributes, struct error *error)
{
    struct bucket_store *store = request->settings->store;
    *ret_name = (struct object_name){.bucket = request->bucket, .key = request->key};
    if (!store->capabilities.has_lock)
        return error_set(error, ERROR_UNSUPPORTED, S3_NotImplemented, "The backend does not have object lock.");
    if (!s3_request_version(request, &ret_name->version, error))
        return false;
    if (!request->bucket_info.has_lock)
        return refuse_bucket(error);
    return bucket_head(store, ret_name, request->arena, ret_attributes, error) ||
           s3_explain_missing(request, ret_name, error);
}
