/* server/s3/form/form_signature.c -- who signed the policy of a web form. */
#include "server/s3/form/form_signature.h"

#include "runtime/base/base64.h"
#include "s3client/wire/date.h"
#include "s3client/wire/s3_error.h"
#include "s3client/wire/sigv4.h"
#include "server/auth/secrets.h"

enum { VERSION_2_TEXT_BYTES = BASE64_ENCODED_BYTES(SHA1_BYTES) };

static bool refuse_field(const char *name, struct span value, const char *why, struct error_details *details,
                         struct error *error)
{
    error_details_add_argument(details, name, value);
    return error_set(error, ERROR_INVALID, S3_InvalidArgument, "%s: %s", name, why);
}

static bool take_field(const struct form_fields *fields, const char *name, struct span *ret_value,
                       struct error_details *details, struct error *error)
{
    if (form_fields_find(fields, name, ret_value))
        return true;
    return refuse_field(name, SPAN_EMPTY, "Bucket POST must contain a field with this name.", details, error);
}

static bool find_account(const struct form_signers *signers, struct span access_key, struct arena *arena,
                         const struct account **ret_account, struct error_details *details, struct error *error)
{
    *ret_account = accounts_find(signers->accounts, access_key);
    if (*ret_account != NULL)
        return true;
    error_details_add(details, "AWSAccessKeyId", arena_copy(arena, access_key));
    return error_set(error, ERROR_DENIED, S3_InvalidAccessKeyId,
                     "The AWS Access Key Id you provided does not exist in our records.");
}

static bool compare(struct span provided, struct span expected, struct span policy, struct arena *arena,
                    struct error_details *details, struct error *error)
{
    if (span_equal_constant_time(provided, expected))
        return true;
    error_details_add(details, "StringToSign", secret_hide_policy(arena, policy));
    return error_set(error, ERROR_DENIED, S3_SignatureDoesNotMatch,
                     "The request signature we calculated does not match the signature you provided: what is signed is "
                     "the policy's base64 as it was sent.");
}

/* ---- version 4 ---- */

struct credential {
    struct span access_key;
    struct span day;
    struct span region;
};

/* "AKID/20130524/us-east-1/s3/aws4_request" */
static bool read_credential(struct span text, const char *region, struct credential *ret_credential)
{
    struct span parts[5];
    for (unsigned i = 0; i < 5; i++) {
        size_t slash = span_find(text, '/');
        if ((slash == SIZE_MAX) != (i == 4))
            return false;
        parts[i] = span_take(text, slash);
        text = i == 4 ? SPAN_EMPTY : span_skip(text, slash + 1);
    }
    *ret_credential = (struct credential){parts[0], parts[1], parts[2]};
    return span_equal(parts[2], span_from_string(region)) && span_equal(parts[3], SPAN("s3")) &&
           span_equal(parts[4], SPAN("aws4_request"));
}

static bool verify_version_4(const struct form_signers *signers, const struct form_fields *fields, struct arena *arena,
                             const struct account **ret_account, struct error_details *details, struct error *error)
{
    struct span policy;
    struct span algorithm;
    struct span scope;
    struct span date;
    struct span signature;
    struct credential credential;
    int64_t time_ms;
    uint8_t key[SHA256_BYTES];
    char expected[64];
    if (!take_field(fields, "policy", &policy, details, error) ||
        !take_field(fields, "x-amz-algorithm", &algorithm, details, error) ||
        !take_field(fields, "x-amz-credential", &scope, details, error) ||
        !take_field(fields, "x-amz-date", &date, details, error) ||
        !take_field(fields, "x-amz-signature", &signature, details, error))
        return false;
    if (!span_equal(algorithm, SPAN(SIGV4_ALGORITHM)))
        return refuse_field("x-amz-algorithm", algorithm, "only " SIGV4_ALGORITHM " is supported.", details, error);
    if (!read_credential(scope, signers->region, &credential))
        return refuse_field("x-amz-credential", scope,
                            "it must be ACCESS_KEY/YYYYMMDD/REGION/s3/aws4_request, with this server's region.",
                            details, error);
    if (!date_parse_signature(date, &time_ms) || !span_equal(credential.day, span_take(date, 8)))
        return refuse_field("x-amz-date", date, "it must be a time as in 20130524T000000Z, of the credential's day.",
                            details, error);
    if (!find_account(signers, credential.access_key, arena, ret_account, details, error))
        return false;
    sigv4_signing_key(span_from_string((*ret_account)->secret_key), credential.day, credential.region, SPAN("s3"), key);
    sigv4_signature(key, policy, expected);
    explicit_bzero(key, sizeof key);
    return compare(signature, span_of(expected, sizeof expected), policy, arena, details, error);
}

/* ---- version 2 ---- */

static bool verify_version_2(const struct form_signers *signers, const struct form_fields *fields, struct arena *arena,
                             const struct account **ret_account, struct error_details *details, struct error *error)
{
    struct span policy;
    struct span access_key;
    struct span signature;
    uint8_t digest[SHA1_BYTES];
    char expected[VERSION_2_TEXT_BYTES];
    if (!signers->takes_version_2)
        return error_set(error, ERROR_INVALID, S3_InvalidRequest,
                         "Forms with signature version 2 are not taken here. Please use " SIGV4_ALGORITHM ".");
    if (!take_field(fields, "policy", &policy, details, error) ||
        !take_field(fields, "AWSAccessKeyId", &access_key, details, error) ||
        !take_field(fields, "signature", &signature, details, error) ||
        !find_account(signers, access_key, arena, ret_account, details, error))
        return false;
    hmac_sha1(span_from_string((*ret_account)->secret_key), policy, digest);
    base64_encode(span_of(digest, sizeof digest), expected);
    return compare(signature, span_of(expected, sizeof expected), policy, arena, details, error);
}

static bool has_any(const struct form_fields *fields, const char *const names[], unsigned count)
{
    struct span value;
    for (unsigned i = 0; i < count; i++)
        if (form_fields_find(fields, names[i], &value))
            return true;
    return false;
}

static const char *const of_version_4[] = {"x-amz-algorithm", "x-amz-credential", "x-amz-date", "x-amz-signature"};
static const char *const of_version_2[] = {"AWSAccessKeyId", "signature"};

bool form_signature_is_version_2(const struct form_fields *fields)
{
    return !has_any(fields, of_version_4, 4) && has_any(fields, of_version_2, 2);
}

bool form_signature_verify(const struct form_signers *signers, const struct form_fields *fields, struct arena *arena,
                           const struct account **ret_account, struct error_details *ret_details, struct error *error)
{
    struct span value;
    *ret_account = NULL;
    if (form_fields_find(fields, "x-amz-security-token", &value))
        return error_set(error, ERROR_INVALID, S3_InvalidToken,
                         "The provided token is not valid: keys of this server have no session tokens.");
    if (has_any(fields, of_version_4, 4))
        return verify_version_4(signers, fields, arena, ret_account, ret_details, error);
    if (form_signature_is_version_2(fields))
        return verify_version_2(signers, fields, arena, ret_account, ret_details, error);
    if (form_fields_find(fields, "policy", &value))
        return verify_version_4(signers, fields, arena, ret_account, ret_details, error);
    return true;
}
