/* server/auth/signature.c -- is the request what its signer meant? The claim is read, put beside the clock and the
 * region, and its signature computed again. Runs for every request: scratch memory belongs to the verifier. */
#include "server/auth/signature.h"

#include "runtime/base/assert.h"
#include "runtime/base/hex.h"
#include "s3client/wire/date.h"
#include "s3client/wire/s3_error.h"
#include "s3client/wire/sigv4.h"
#include "server/auth/claim.h"
#include "server/auth/secrets.h"
#include "server/auth/signing_keys.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    SKEW_MS_MAX = 15 * 60 * 1000,
    CANONICAL_BYTES_MAX = 256 << 10, /* a head has at most 24 KiB, of which each byte becomes three at most */
    STRING_TO_SIGN_BYTES_MAX = 1024,
    REGION_BYTES_MAX = 50,
};

struct signature_verifier {
    struct signature_settings settings;
    struct signing_keys *keys;
    struct buffer canonical; /* scratch of one call: there is no suspension inside */
    struct buffer to_sign;
    struct sigv4_header headers[HTTP_FIELDS_MAX];
};

struct signature_verifier *signature_verifier_create(const struct signature_settings *settings)
{
    ASSERT(strlen(settings->region) <= REGION_BYTES_MAX);
    struct signature_verifier *verifier = calloc(1, sizeof *verifier);
    ASSERT(verifier != NULL);
    verifier->settings = *settings;
    verifier->keys = signing_keys_create(settings->region);
    buffer_init(&verifier->canonical, CANONICAL_BYTES_MAX);
    buffer_init(&verifier->to_sign, STRING_TO_SIGN_BYTES_MAX);
    return verifier;
}

void signature_verifier_destroy(struct signature_verifier *verifier)
{
    if (verifier == NULL)
        return;
    signing_keys_destroy(verifier->keys);
    buffer_free(&verifier->canonical);
    buffer_free(&verifier->to_sign);
    free(verifier);
}

/* ---- the credential's scope, and the clock ---- */

enum { QUOTED_BYTES = 65 };

/* What a client sent, fit to stand in a message: short, and without bytes that a terminal would obey. */
static const char *quote(struct span text, char ret_quoted[QUOTED_BYTES])
{
    size_t size = text.size < QUOTED_BYTES ? text.size : QUOTED_BYTES - 1;
    for (size_t i = 0; i < size; i++)
        ret_quoted[i] = text.data[i] >= ' ' && text.data[i] <= '~' ? (char)text.data[i] : '?';
    ret_quoted[size] = '\0';
    return ret_quoted;
}

static bool refuse_scope(const struct signature_claim *claim, struct error *error, const char *what, struct span found,
                         const char *expected)
{
    char quoted[QUOTED_BYTES];
    return error_set(error, ERROR_INVALID, claim_malformed_code(claim),
                     "The %s is malformed; the %s '%s' is wrong; expecting '%s'.",
                     claim->is_presigned ? "X-Amz-Credential parameter" : "authorization header", what,
                     quote(found, quoted), expected);
}

/* Statements 42 to 44, 62. */
static bool check_scope(const struct signature_verifier *verifier, const struct signature_claim *claim,
                        struct error_details *details, struct error *error)
{
    const char *region = verifier->settings.region;
    if (!span_equal(claim->terminal, SPAN("aws4_request")))
        return refuse_scope(claim, error, "terminal", claim->terminal, "aws4_request");
    if (!span_equal(claim->service, SPAN("s3")))
        return refuse_scope(claim, error, "service", claim->service, "s3");
    if (!span_equal(claim->region, span_from_string(region))) {
        error_details_add(details, "Region", span_from_string(region));
        return refuse_scope(claim, error, "region", claim->region, region);
    }
    char day[9];
    memcpy(day, claim->timestamp, 8);
    day[8] = '\0';
    if (!span_equal(claim->day, span_of(day, 8)))
        return refuse_scope(claim, error, "date", claim->day, day);
    return true;
}

/* "2013-05-24T00:00:00Z" in the arena. */
static struct span time_in_seconds(struct arena *arena, int64_t time_ms)
{
    char text[DATE_TEXT_BYTES];
    date_format_xml(time_ms, text);
    memcpy(text + 19, "Z", 2);
    return arena_copy(arena, span_from_string(text));
}

static bool check_clock_header(const struct signature_claim *claim, int64_t now_ms, struct arena *arena,
                               struct error_details *details, struct error *error)
{
    int64_t skew_ms = claim->time_ms > now_ms ? claim->time_ms - now_ms : now_ms - claim->time_ms;
    if (skew_ms <= SKEW_MS_MAX)
        return true;
    error_details_add(details, "RequestTime", arena_copy(arena, span_from_string(claim->timestamp)));
    error_details_add(details, "ServerTime", time_in_seconds(arena, now_ms));
    error_details_add(details, "MaxAllowedSkewMilliseconds", SPAN("900000"));
    return error_set(error, ERROR_DENIED, S3_RequestTimeTooSkewed,
                     "The difference between the request time and the server's time is too large.");
}

static bool check_clock_presigned(const struct signature_claim *claim, int64_t now_ms, struct arena *arena,
                                  struct error_details *details, struct error *error)
{
    if (claim->time_ms > now_ms + SKEW_MS_MAX) { /* statement 65 */
        error_details_add(details, "ServerTime", time_in_seconds(arena, now_ms));
        return error_set(error, ERROR_DENIED, S3_AccessDenied, "Request is not valid yet");
    }
    int64_t end_ms = claim->time_ms + (int64_t)claim->expires_seconds * 1000;
    if (now_ms <= end_ms && claim->expires_seconds > 0) /* zero has run out */
        return true;
    error_details_add(details, "X-Amz-Expires", arena_copy(arena, claim->expires));
    error_details_add(details, "Expires", time_in_seconds(arena, end_ms));
    error_details_add(details, "ServerTime", time_in_seconds(arena, now_ms));
    return error_set(error, ERROR_DENIED, S3_AccessDenied, "Request has expired");
}

/* ---- what must be signed ---- */

static bool is_signed(struct span signed_headers, struct span name)
{
    while (signed_headers.size > 0) {
        size_t end = span_find(signed_headers, ';');
        if (span_equal_ignore_case(span_take(signed_headers, end), name))
            return true;
        signed_headers = span_skip(signed_headers, end == SIZE_MAX ? signed_headers.size : end + 1);
    }
    return false;
}

static bool is_amz_header(struct span name)
{
    return name.size > 6 && span_equal_ignore_case(span_take(name, 6), SPAN("x-amz-"));
}

__attribute__((cold)) static bool refuse_unsigned(const struct signature_claim *claim, const struct http_head *head,
                                                  struct arena *arena, struct error_details *details,
                                                  struct error *error)
{
    struct buffer names;
    buffer_init(&names, HTTP_HEADER_SECTION_BYTES_MAX);
    if (!is_signed(claim->signed_headers, SPAN("host")))
        buffer_append_string(&names, "host");
    for (unsigned i = 0; i < head->fields_count; i++) {
        struct span name = head->fields[i].name;
        if (!is_amz_header(name) || is_signed(claim->signed_headers, name))
            continue;
        buffer_append_string(&names, names.size > 0 ? ", " : "");
        for (size_t k = 0; k < name.size; k++)
            buffer_append_byte(&names, name.data[k] >= 'A' && name.data[k] <= 'Z' ? name.data[k] | 0x20 : name.data[k]);
    }
    error_details_add(details, "HeadersNotSigned", arena_copy(arena, buffer_span(&names)));
    buffer_free(&names);
    return error_set(error, ERROR_DENIED, S3_AccessDenied,
                     "There were headers present in the request which were not signed");
}

/* Statements 50 and 69: the host and every x-amz-... header. */
static bool check_signed_headers(const struct signature_claim *claim, const struct http_head *head, struct arena *arena,
                                 struct error_details *details, struct error *error)
{
    unsigned count = 1;
    for (size_t i = 0; i < claim->signed_headers.size; i++)
        count += claim->signed_headers.data[i] == ';';
    if (count > HTTP_FIELDS_MAX) /* before anything is looked up in it */
        return error_set(error, ERROR_INVALID, claim_malformed_code(claim), "SignedHeaders has more than %d names.",
                         HTTP_FIELDS_MAX);
    if (!is_signed(claim->signed_headers, SPAN("host")))
        return refuse_unsigned(claim, head, arena, details, error);
    for (unsigned i = 0; i < head->fields_count; i++)
        if (is_amz_header(head->fields[i].name) && !is_signed(claim->signed_headers, head->fields[i].name))
            return refuse_unsigned(claim, head, arena, details, error);
    return true;
}

/* ---- the signature ---- */

/* "47 45 54": the form in which whoever debugs a client sees a space or a line feed too many. */
static struct span bytes_as_hex(struct arena *arena, struct span text)
{
    uint8_t *hex = arena_allocate(arena, text.size * 3 + 1);
    if (hex == NULL)
        return SPAN_EMPTY;
    for (size_t i = 0; i < text.size; i++) {
        hex_encode(span_of(text.data + i, 1), (char *)hex + 3 * i);
        hex[3 * i + 2] = ' ';
    }
    return span_of(hex, text.size == 0 ? 0 : text.size * 3 - 1);
}

/* What was computed from is told to whoever named a known access key: it holds nothing but the request itself, without
 * what even that may not repeat. */
__attribute__((cold)) static bool refuse_signature(const struct signature_verifier *verifier,
                                                   const struct signature_claim *claim, struct arena *arena,
                                                   struct error_details *details, struct error *error)
{
    struct span canonical = secret_hide_canonical(arena, buffer_span(&verifier->canonical));
    struct span to_sign = arena_copy(arena, buffer_span(&verifier->to_sign));
    error_details_add(details, "AWSAccessKeyId", arena_copy(arena, claim->access_key));
    error_details_add(details, "StringToSign", to_sign);
    error_details_add(details, "SignatureProvided", arena_copy(arena, claim->signature));
    error_details_add(details, "StringToSignBytes", bytes_as_hex(arena, to_sign));
    error_details_add(details, "CanonicalRequest", canonical);
    error_details_add(details, "CanonicalRequestBytes", bytes_as_hex(arena, canonical));
    return error_set(
        error, ERROR_DENIED, S3_SignatureDoesNotMatch,
        "The request signature we calculated does not match the signature you provided. Check your key and "
        "signing method: compare CanonicalRequest with what your client signed.");
}

__attribute__((cold)) static bool refuse_request(const struct signature_verifier *verifier, struct span missing,
                                                 struct error *error)
{
    char quoted[QUOTED_BYTES];
    if (missing.size > 0)
        return error_set(error, ERROR_DENIED, S3_SignatureDoesNotMatch,
                         "The header '%s' is among the signed headers and not in the request, or named twice there.",
                         quote(missing, quoted));
    if (verifier->canonical.overflow)
        return error_set(error, ERROR_INVALID, S3_InvalidRequest, "The request is too long to be signed.");
    return error_set(error, ERROR_INVALID, S3_InvalidURI,
                     "The query has a broken percent escape, or more than 256 parameters.");
}

static bool canonicalise(struct signature_verifier *verifier, const struct signature_claim *claim,
                         const struct http_head *head, struct span path, struct error *error)
{
    for (unsigned i = 0; i < head->fields_count; i++)
        verifier->headers[i] = (struct sigv4_header){head->fields[i].name, head->fields[i].value};
    const struct sigv4_request request = {
        .method = head->method,
        .path = path,
        .query = head->query,
        .headers = verifier->headers,
        .headers_count = head->fields_count,
        .signed_headers = claim->signed_headers,
        .payload_hash = claim->payload_hash,
    };
    struct span missing;
    buffer_clear(&verifier->canonical);
    if (!sigv4_canonical_request(&request, &verifier->canonical, &missing))
        return refuse_request(verifier, missing, error);
    return true;
}

static bool check_signature(struct signature_verifier *verifier, const struct signature_claim *claim,
                            const struct http_head *head, struct span path, struct arena *arena,
                            struct authentication *authentication, struct error_details *details, struct error *error)
{
    struct span scope = span_from_string(authentication->scope);
    if (!canonicalise(verifier, claim, head, path, error))
        return false;
    buffer_clear(&verifier->to_sign);
    sigv4_string_to_sign(span_of(claim->timestamp, 16), scope, buffer_span(&verifier->canonical), &verifier->to_sign);
    ASSERT(!verifier->to_sign.overflow);
    const struct signing_key *key = signing_keys_get(verifier->keys, authentication->account, claim->day);
    char *expected = authentication->seed_signature;
    sigv4_signature_prepared(&key->prepared, buffer_span(&verifier->to_sign), expected);
    if (!span_equal_constant_time(claim->signature, span_of(expected, 64)))
        return refuse_signature(verifier, claim, arena, details, error);
    memcpy(authentication->signing_key, key->key, sizeof key->key);
    return true;
}

/* The scratch outlives the request. What a request has that nobody may keep is wiped from it; so that it lies nowhere
 * else, the scratch does not move while it grows. */
static bool check_signature_and_wipe(struct signature_verifier *verifier, const struct signature_claim *claim,
                                     const struct http_head *head, struct span path, struct arena *arena,
                                     struct authentication *authentication, struct error_details *details,
                                     struct error *error)
{
    struct buffer *canonical = &verifier->canonical;
    buffer_clear(canonical);
    (void)buffer_reserve(canonical, CANONICAL_BYTES_MAX);
    bool is_right = check_signature(verifier, claim, head, path, arena, authentication, details, error);
    explicit_bzero(canonical->data, canonical->size);
    buffer_clear(canonical);
    return is_right;
}

/* All members but signing_key and seed_signature, which check_signature fills in. */
static void fill_authentication(struct authentication *authentication, const struct signature_claim *claim)
{
    authentication->is_presigned = claim->is_presigned;
    authentication->signed_ms = claim->time_ms;
    authentication->payload = claim->payload;
    memcpy(authentication->payload_sha256, claim->payload_sha256, sizeof claim->payload_sha256);
    memcpy(authentication->timestamp, claim->timestamp, sizeof claim->timestamp);
    ASSERT(claim->scope.size < sizeof authentication->scope); /* check_scope knows all of it */
    memcpy(authentication->scope, claim->scope.data, claim->scope.size);
    authentication->scope[claim->scope.size] = '\0';
}

bool signature_verify(struct signature_verifier *verifier, const struct http_head *head, struct span path,
                      int64_t now_ms, struct arena *arena, struct authentication *ret_authentication,
                      struct error_details *ret_details, struct error *error)
{
    struct signature_claim claim;
    ret_details->count = 0;
    if (!claim_read(head, arena, &claim, ret_details, error))
        return false;
    if (claim.is_anonymous) {
        memset(ret_authentication, 0, sizeof *ret_authentication);
        ret_authentication->payload = claim.payload;
        memcpy(ret_authentication->payload_sha256, claim.payload_sha256, sizeof claim.payload_sha256);
        return true;
    }
    if (!check_scope(verifier, &claim, ret_details, error))
        return false;
    if (claim.is_presigned ? !check_clock_presigned(&claim, now_ms, arena, ret_details, error)
                           : !check_clock_header(&claim, now_ms, arena, ret_details, error))
        return false;
    struct authentication authentication = {.account = accounts_find(verifier->settings.accounts, claim.access_key)};
    if (authentication.account == NULL) { /* statement 45 */
        error_details_add(ret_details, "AWSAccessKeyId", arena_copy(arena, claim.access_key));
        return error_set(error, ERROR_DENIED, S3_InvalidAccessKeyId,
                         "The AWS Access Key Id you provided does not exist in our records.");
    }
    if (!check_signed_headers(&claim, head, arena, ret_details, error))
        return false;
    fill_authentication(&authentication, &claim);
    bool is_right =
        secret_is_sent(head)
            ? check_signature_and_wipe(verifier, &claim, head, path, arena, &authentication, ret_details, error)
            : check_signature(verifier, &claim, head, path, arena, &authentication, ret_details, error);
    if (!is_right)
        return false;
    *ret_authentication = authentication;
    return true;
}
