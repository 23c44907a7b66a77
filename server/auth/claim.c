/* server/auth/claim.c -- Authorization header or X-Amz-... parameters into one struct, with S3's refusals of each. */
#include "server/auth/claim.h"

#include "runtime/base/decimal.h"
#include "runtime/base/hex.h"
#include "s3client/wire/date.h"
#include "s3client/wire/s3_error.h"
#include "s3client/wire/sigv4.h"
#include "s3client/wire/uri.h"

#include <stdio.h>

enum { EXPIRES_SECONDS_MAX = 7 * 24 * 3600 };

#define UNSIGNED_PAYLOAD "UNSIGNED-PAYLOAD"

/* The parameters of a presigned URL, still encoded. */
enum parameter {
    PARAMETER_ALGORITHM,
    PARAMETER_CREDENTIAL,
    PARAMETER_DATE,
    PARAMETER_EXPIRES,
    PARAMETER_SIGNED_HEADERS,
    PARAMETER_SIGNATURE,
    PARAMETERS_REQUIRED,
    PARAMETER_SECURITY_TOKEN = PARAMETERS_REQUIRED,
    PARAMETER_CONTENT_SHA256,
    PARAMETERS,
};

static const char *const parameter_names[PARAMETERS] = {
    [PARAMETER_ALGORITHM] = "X-Amz-Algorithm",
    [PARAMETER_CREDENTIAL] = "X-Amz-Credential",
    [PARAMETER_DATE] = "X-Amz-Date",
    [PARAMETER_EXPIRES] = "X-Amz-Expires",
    [PARAMETER_SIGNED_HEADERS] = "X-Amz-SignedHeaders",
    [PARAMETER_SIGNATURE] = "X-Amz-Signature",
    [PARAMETER_SECURITY_TOKEN] = "X-Amz-Security-Token",
    [PARAMETER_CONTENT_SHA256] = "X-Amz-Content-Sha256",
};

struct query_claim {
    struct span values[PARAMETERS];
    bool is_there[PARAMETERS];
    enum parameter twice; /* PARAMETERS: none stands twice */
    bool is_presigned;    /* at least one of those that are required is there */
    bool is_version_2;    /* AWSAccessKeyId and Signature */
};

const char *claim_malformed_code(const struct signature_claim *claim)
{
    return claim->is_presigned ? S3_AuthorizationQueryParametersError : S3_AuthorizationHeaderMalformed;
}

static bool refuse_argument(struct arena *arena, const char *name, struct span value, struct error_details *details,
                            struct error *error, const char *message)
{
    error_details_add_argument(details, name, arena_copy(arena, value));
    return error_set(error, ERROR_INVALID, S3_InvalidArgument, "%s", message);
}

static bool refuse_malformed(const struct signature_claim *claim, struct error *error, const char *reason)
{
    return error_set(error, ERROR_INVALID, claim_malformed_code(claim), "The %s malformed: %s",
                     claim->is_presigned ? "parameters of the presigned URL are" : "authorization header is", reason);
}

/* ---- parts that header and query have in common ---- */

/* "AKID/20130524/us-east-1/s3/aws4_request" */
static bool read_credential(struct span credential, struct signature_claim *claim, struct error *error)
{
    struct span *const parts[] = {&claim->access_key, &claim->day, &claim->region, &claim->service, &claim->terminal};
    for (unsigned i = 0; i < 5; i++) {
        size_t slash = span_find(credential, '/');
        if ((slash == SIZE_MAX) != (i == 4))
            return refuse_malformed(claim, error, "the Credential must be ACCESS_KEY/YYYYMMDD/REGION/s3/aws4_request.");
        *parts[i] = i == 4 ? credential : span_take(credential, slash);
        credential = i == 4 ? credential : span_skip(credential, slash + 1);
    }
    if (claim->access_key.size == 0)
        return refuse_malformed(claim, error, "the Credential has no access key.");
    claim->scope = span_of(claim->day.data, (size_t)(claim->terminal.data + claim->terminal.size - claim->day.data));
    return true;
}

static bool set_timestamp(struct signature_claim *claim, struct span text)
{
    if (!date_parse_signature(text, &claim->time_ms))
        return false;
    memcpy(claim->timestamp, text.data, 16);
    claim->timestamp[16] = '\0';
    return true;
}

static bool read_payload_hash(struct span text, struct arena *arena, struct signature_claim *claim,
                              struct error_details *details, struct error *error)
{
    static const struct {
        const char *text;
        enum payload_kind kind;
    } known[] = {
        {UNSIGNED_PAYLOAD, PAYLOAD_UNSIGNED},
        {"STREAMING-AWS4-HMAC-SHA256-PAYLOAD", PAYLOAD_STREAM_SIGNED},
        {"STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER", PAYLOAD_STREAM_SIGNED_TRAILER},
        {"STREAMING-UNSIGNED-PAYLOAD-TRAILER", PAYLOAD_STREAM_UNSIGNED_TRAILER},
    };
    claim->payload_hash = text;
    if (hex_decode(text, claim->payload_sha256, sizeof claim->payload_sha256)) {
        claim->payload = PAYLOAD_SHA256;
        return true;
    }
    for (unsigned i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (span_equal(text, span_from_string(known[i].text))) {
            claim->payload = known[i].kind;
            return true;
        }
    }
    if (span_starts_with(text, SPAN("STREAMING-AWS4-ECDSA-"))) {
        error_details_add(details, "Header", SPAN("x-amz-content-sha256"));
        return error_set(error, ERROR_UNSUPPORTED, S3_NotImplemented,
                         "Streamed bodies with ECDSA signatures are not offered: sign with " SIGV4_ALGORITHM ".");
    }
    return refuse_argument(arena, "x-amz-content-sha256", text, details, error,
                           "x-amz-content-sha256 must be " UNSIGNED_PAYLOAD ", STREAMING-AWS4-HMAC-SHA256-PAYLOAD, "
                           "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER, STREAMING-UNSIGNED-PAYLOAD-TRAILER or a valid "
                           "sha256 value.");
}

/* ---- the Authorization header ---- */

static bool refuse_type(struct arena *arena, struct span value, struct error_details *details, struct error *error)
{
    if (span_starts_with(value, SPAN("AWS "))) /* statement 39 */
        return error_set(error, ERROR_INVALID, S3_InvalidRequest,
                         "The authorization mechanism you have provided (signature version 2) is not supported. Please "
                         "use " SIGV4_ALGORITHM " (signature version 4).");
    bool is_typed = span_find(value, ' ') != SIZE_MAX;
    return refuse_argument(arena, "Authorization", value, details, error,
                           is_typed ? "Unsupported Authorization Type: only " SIGV4_ALGORITHM " is."
                                    : "The Authorization header must be a type, a space and parameters.");
}

/* "Credential=..., SignedHeaders=..., Signature=..." in any order. */
static bool read_components(struct span text, struct signature_claim *claim, struct error *error)
{
    struct span credential = SPAN_EMPTY;
    const struct {
        struct span name;
        struct span *value;
    } components[] = {
        {SPAN("Credential"), &credential},
        {SPAN("SignedHeaders"), &claim->signed_headers},
        {SPAN("Signature"), &claim->signature},
    };
    unsigned seen = 0;
    while (text.size > 0) {
        size_t comma = span_find(text, ',');
        struct span component = span_trim(span_take(text, comma));
        text = span_skip(text, comma == SIZE_MAX ? text.size : comma + 1);
        size_t equals = span_find(component, '=');
        if (equals == SIZE_MAX)
            return refuse_malformed(claim, error, "a component has no =.");
        unsigned i = 0;
        while (i < 3 && !span_equal(span_take(component, equals), components[i].name))
            i++;
        if (i == 3 || (seen & 1U << i) != 0)
            return refuse_malformed(claim, error, "Credential, SignedHeaders and Signature are expected, each once.");
        seen |= 1U << i;
        *components[i].value = span_skip(component, equals + 1);
    }
    static const char *const missing[] = {"Credential is missing.", "SignedHeaders is missing.",
                                          "Signature is missing."};
    for (unsigned i = 0; i < 3; i++)
        if ((seen & 1U << i) == 0)
            return refuse_malformed(claim, error, missing[i]);
    return read_credential(credential, claim, error);
}

/* x-amz-date wins over Date (statement 48). */
static bool read_header_date(const struct http_head *head, struct signature_claim *claim, struct error *error)
{
    struct span text;
    if (http_head_find(head, "x-amz-date", &text)) {
        if (set_timestamp(claim, text))
            return true;
        return error_set(error, ERROR_DENIED, S3_AccessDenied,
                         "x-amz-date must be a time as in 20130524T000000Z (ISO 8601, basic format, UTC).");
    }
    if (!http_head_find(head, "date", &text))
        return error_set(error, ERROR_DENIED, S3_AccessDenied,
                         "AWS authentication requires a valid Date or x-amz-date header.");
    if (set_timestamp(claim, text))
        return true;
    char formatted[DATE_TEXT_BYTES];
    int64_t time_ms;
    if (!date_parse_http(text, &time_ms))
        return error_set(error, ERROR_DENIED, S3_AccessDenied,
                         "AWS authentication requires a valid Date or x-amz-date header: this Date cannot be read.");
    date_format_signature(time_ms, formatted);
    return set_timestamp(claim, span_from_string(formatted));
}

static bool read_header(const struct http_head *head, struct span authorization, struct arena *arena,
                        struct signature_claim *claim, struct error_details *details, struct error *error)
{
    const struct span type = SPAN(SIGV4_ALGORITHM " ");
    struct span text;
    if (http_head_count(head, "authorization") > 1)
        return refuse_argument(arena, "Authorization", authorization, details, error,
                               "There is more than one Authorization header.");
    if (!span_starts_with(authorization, type))
        return refuse_type(arena, authorization, details, error);
    if (!read_components(span_skip(authorization, type.size), claim, error) || !read_header_date(head, claim, error))
        return false;
    if (http_head_find(head, "x-amz-security-token", &text)) /* statement 59 */
        return error_set(error, ERROR_INVALID, S3_InvalidToken,
                         "The provided token is not valid: keys of this server have no session tokens.");
    if (!http_head_find(head, "x-amz-content-sha256", &text)) /* statement 51 */
        return error_set(error, ERROR_INVALID, S3_InvalidRequest,
                         "Missing required header for this request: x-amz-content-sha256");
    return read_payload_hash(text, arena, claim, details, error);
}

/* ---- the query ---- */

enum { NAME_BYTES_MAX = 128 }; /* encoded; a longer one is none of those that are looked for here */

/* A name is what it means, however it was encoded: as whoever acts on the parameter will read it. */
static struct span decode_name(struct span name, uint8_t room[NAME_BYTES_MAX])
{
    size_t size;
    bool is_coded = span_find(name, '%') != SIZE_MAX || span_find(name, '+') != SIZE_MAX;
    if (!is_coded || name.size > NAME_BYTES_MAX || !uri_decode_form(name, room, &size))
        return name;
    return span_of(room, size);
}

static void look_at_query(struct span query, struct query_claim *ret_claim)
{
    uint8_t room[NAME_BYTES_MAX];
    struct query_claim claim = {.twice = PARAMETERS};
    bool has_access_key = false;
    bool has_signature = false;
    struct span name;
    struct span value;
    bool has_value;
    for (size_t position = 0; uri_query_next(query, &position, &name, &value, &has_value);) {
        name = decode_name(name, room);
        has_access_key = has_access_key || span_equal(name, SPAN("AWSAccessKeyId"));
        has_signature = has_signature || span_equal(name, SPAN("Signature"));
        if (!span_starts_with(name, SPAN("X-Amz-")))
            continue;
        for (int i = 0; i < PARAMETERS; i++) {
            if (!span_equal(name, span_from_string(parameter_names[i])))
                continue;
            if (claim.is_there[i])
                claim.twice = (enum parameter)i;
            claim.is_there[i] = true;
            claim.values[i] = value;
            claim.is_presigned = claim.is_presigned || i < PARAMETERS_REQUIRED;
        }
    }
    claim.is_version_2 = has_access_key && has_signature;
    *ret_claim = claim;
}

/* A value that needs decoding is decoded into the arena. */
static bool decode_parameter(const struct signature_claim *claim, struct span value, struct arena *arena,
                             struct span *ret_text, struct error *error)
{
    *ret_text = value;
    if (span_find(value, '%') == SIZE_MAX && span_find(value, '+') == SIZE_MAX)
        return true;
    size_t size;
    uint8_t *text = arena_allocate(arena, value.size);
    if (text == NULL)
        return error_set(error, ERROR_BUSY, S3_SlowDown, "There is no memory for this request at the moment.");
    if (!uri_decode_form(value, text, &size))
        return refuse_malformed(claim, error, "a percent escape is broken.");
    *ret_text = span_of(text, size);
    return true;
}

static bool check_query(const struct query_claim *query, const struct signature_claim *claim, struct error *error)
{
    char reason[ERROR_MESSAGE_BYTES / 2];
    if (query->twice != PARAMETERS) {
        (void)snprintf(reason, sizeof reason, "%s stands twice.", parameter_names[query->twice]);
        return refuse_malformed(claim, error, reason);
    }
    for (int i = 0; i < PARAMETERS_REQUIRED; i++) {
        if (!query->is_there[i]) { /* statement 61 */
            (void)snprintf(reason, sizeof reason, "%s is missing.", parameter_names[i]);
            return refuse_malformed(claim, error, reason);
        }
    }
    return true;
}

static bool read_query(const struct http_head *head, const struct query_claim *query, struct arena *arena,
                       struct signature_claim *claim, struct error_details *details, struct error *error)
{
    struct span values[PARAMETERS];
    if (!check_query(query, claim, error))
        return false;
    for (int i = 0; i < PARAMETERS; i++)
        if (!decode_parameter(claim, query->values[i], arena, &values[i], error))
            return false;
    if (!span_equal(values[PARAMETER_ALGORITHM], SPAN(SIGV4_ALGORITHM)))
        return refuse_malformed(claim, error, "X-Amz-Algorithm only supports \"" SIGV4_ALGORITHM "\".");
    if (query->is_there[PARAMETER_SECURITY_TOKEN]) /* statement 74 */
        return error_set(error, ERROR_INVALID, S3_InvalidToken,
                         "The provided token is not valid: keys of this server have no session tokens.");
    if (!read_credential(values[PARAMETER_CREDENTIAL], claim, error))
        return false;
    if (!set_timestamp(claim, values[PARAMETER_DATE]))
        return refuse_malformed(claim, error, "X-Amz-Date must be a time as in 20130524T000000Z.");
    claim->expires = values[PARAMETER_EXPIRES];
    if (!decimal_parse_range(claim->expires, 0, EXPIRES_SECONDS_MAX, &claim->expires_seconds)) /* statement 63 */
        return refuse_malformed(claim, error, "X-Amz-Expires must be a number up to 604800 (seconds, seven days).");
    claim->signed_headers = values[PARAMETER_SIGNED_HEADERS];
    claim->signature = values[PARAMETER_SIGNATURE];
    struct span hash; /* statement 68: a header if it is signed, else what was hoisted into the query */
    if (!http_head_find(head, "x-amz-content-sha256", &hash))
        hash = query->is_there[PARAMETER_CONTENT_SHA256] ? values[PARAMETER_CONTENT_SHA256] : SPAN(UNSIGNED_PAYLOAD);
    return read_payload_hash(hash, arena, claim, details, error);
}

/* ---- neither ---- */

static bool has_response_override(struct span query)
{
    uint8_t room[NAME_BYTES_MAX];
    struct span name;
    struct span value;
    bool has_value;
    for (size_t position = 0; uri_query_next(query, &position, &name, &value, &has_value);)
        if (span_starts_with(decode_name(name, room), SPAN("response-")))
            return true;
    return false;
}

/* Nobody signed it: what may still be said is how the body comes (statements 71, 493). */
static bool read_anonymous(const struct http_head *head, const struct query_claim *query, struct arena *arena,
                           struct signature_claim *claim, struct error_details *details, struct error *error)
{
    struct span text;
    claim->is_anonymous = true;
    claim->payload = PAYLOAD_UNSIGNED;
    if (query->is_version_2)
        return error_set(error, ERROR_INVALID, S3_InvalidRequest,
                         "This URL is presigned with signature version 2, which is not supported: use " SIGV4_ALGORITHM
                         ". In boto3: Config(signature_version='s3v4').");
    if (has_response_override(head->query))
        return error_set(error, ERROR_INVALID, S3_InvalidRequest,
                         "Request specific response headers cannot be used for anonymous GET requests.");
    if (!http_head_find(head, "x-amz-content-sha256", &text))
        return true;
    if (!read_payload_hash(text, arena, claim, details, error))
        return false;
    if (claim->payload != PAYLOAD_STREAM_SIGNED && claim->payload != PAYLOAD_STREAM_SIGNED_TRAILER)
        return true;
    return error_set(error, ERROR_INVALID, S3_InvalidRequest,
                     "A request that is not signed cannot have a body of signed chunks.");
}

bool claim_read(const struct http_head *head, struct arena *arena, struct signature_claim *ret_claim,
                struct error_details *ret_details, struct error *error)
{
    struct query_claim query;
    struct span authorization;
    look_at_query(head->query, &query);
    bool has_header = http_head_find(head, "authorization", &authorization);
    memset(ret_claim, 0, sizeof *ret_claim);
    if (has_header && (query.is_presigned || query.is_version_2)) /* statement 60 */
        return refuse_argument(arena, "Authorization", authorization, ret_details, error,
                               "Only one auth mechanism allowed: either the Authorization header or the parameters of "
                               "a presigned URL.");
    if (has_header)
        return read_header(head, authorization, arena, ret_claim, ret_details, error);
    ret_claim->is_presigned = query.is_presigned;
    if (query.is_presigned)
        return read_query(head, &query, arena, ret_claim, ret_details, error);
    return read_anonymous(head, &query, arena, ret_claim, ret_details, error);
}
