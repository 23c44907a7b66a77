/* tests/unit/auth/test_signature.c -- sections B and C: what is accepted, and each refusal with code and children. */
#include "runtime/base/hex.h"
#include "s3client/wire/date.h"
#include "s3client/wire/s3_error.h"
#include "s3client/wire/sigv4.h"
#include "s3client/wire/uri.h"
#include "server/auth/signature.h"
#include "tests/unit/run_suite.h"
#include "tests/unit/wire/vectors.h"

#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define EMPTY_HASH "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define HOUR_MS (3600 * 1000)

static struct accounts *accounts;
static struct signature_verifier *verifier;
static struct arena arena;
static struct authentication authentication;
static struct error_details details;
static struct error error;

static void setup(void)
{
    accounts = accounts_single(VECTOR_ACCESS_KEY, VECTOR_SECRET_KEY, &error);
    ck_assert_ptr_nonnull(accounts);
    struct signature_settings settings = {.accounts = accounts, .region = "us-east-1"};
    verifier = signature_verifier_create(&settings);
    arena_init(&arena, 1 << 20);
}

static void teardown(void)
{
    signature_verifier_destroy(verifier);
    accounts_free(accounts);
    arena_free(&arena);
}

/* ---- requests as text ---- */

struct request {
    char text[8192];
};

static bool verify_at(const struct request *request, int64_t now_ms)
{
    static struct http_head head;
    static uint8_t path[8192];
    size_t size;
    size_t path_size;
    enum http_parse parsed = http_head_parse(span_from_string(request->text), &head, &size, &error);
    ck_assert_msg(parsed == HTTP_PARSE_DONE, "%s: %s", request->text, error.message);
    ck_assert(uri_decode(head.path, path, &path_size));
    return signature_verify(verifier, &head, span_of(path, path_size), now_ms, &arena, &authentication, &details,
                            &error);
}

static bool verify(const struct request *request)
{
    return verify_at(request, VECTOR_TIME_MS);
}

static void from_vector(const struct vector *vector, struct request *request)
{
    struct buffer text;
    buffer_init(&text, sizeof request->text - 1);
    buffer_append_format(&text, "%s %s HTTP/1.1\r\n", vector->method, vector->target);
    for (unsigned i = 0; i < vector->headers_count; i++)
        buffer_append_format(&text, "%s: %s\r\n", vector->headers[i].name, vector->headers[i].value);
    buffer_append_string(&text, "\r\n");
    ck_assert(!text.overflow);
    memcpy(request->text, text.data, text.size);
    request->text[text.size] = '\0';
    buffer_free(&text);
}

static const struct vector *find_vector(const char *name)
{
    for (unsigned i = 0; i < VECTORS_COUNT; i++)
        if (strcmp(vectors[i].name, name) == 0)
            return &vectors[i];
    ck_abort_msg("no vector %s", name);
}

/* A vector, bent in one place. */
static struct request bent(const char *name, const char *old, const char *new)
{
    struct request request;
    struct request changed;
    from_vector(find_vector(name), &request);
    char *at = strstr(request.text, old);
    ck_assert_msg(at != NULL, "%s not in %s", old, request.text);
    (void)snprintf(changed.text, sizeof changed.text, "%.*s%s%s", (int)(at - request.text), request.text, new,
                   at + strlen(old));
    return changed;
}

/* Signs here what botocore would not write: `headers` are lines "name:value\n", all of them signed, sorted. */
static struct request signed_request(const char *method, const char *path, const char *headers, const char *hash,
                                     int64_t time_ms)
{
    struct request request;
    struct buffer canonical;
    char names[512] = "";
    char timestamp[DATE_TEXT_BYTES];
    char lines[2048];
    (void)snprintf(lines, sizeof lines, "%s", headers);
    buffer_init(&canonical, 0);
    buffer_append_format(&canonical, "%s\n%s\n\n%s\n", method, path, headers);
    for (char *line = strtok(lines, "\n"); line != NULL; line = strtok(NULL, "\n")) {
        strcat(names, names[0] == '\0' ? "" : ";");
        strncat(names, line, (size_t)(strchr(line, ':') - line));
    }
    buffer_append_format(&canonical, "%s\n%s", names, hash);
    date_format_signature(time_ms, timestamp);
    char scope[64];
    (void)snprintf(scope, sizeof scope, "%.8s/us-east-1/s3/aws4_request", timestamp);
    struct buffer to_sign;
    uint8_t key[SHA256_BYTES];
    char signature[64];
    buffer_init(&to_sign, 0);
    sigv4_signing_key(SPAN(VECTOR_SECRET_KEY), span_of(timestamp, 8), SPAN("us-east-1"), SPAN("s3"), key);
    sigv4_string_to_sign(span_from_string(timestamp), span_from_string(scope), buffer_span(&canonical), &to_sign);
    sigv4_signature(key, buffer_span(&to_sign), signature);
    buffer_clear(&to_sign);
    buffer_append_format(&to_sign, "%s %s HTTP/1.1\r\n", method, path);
    (void)snprintf(lines, sizeof lines, "%s", headers);
    for (char *line = strtok(lines, "\n"); line != NULL; line = strtok(NULL, "\n"))
        buffer_append_format(&to_sign, "%s\r\n", line);
    buffer_append_format(&to_sign,
                         "Authorization: AWS4-HMAC-SHA256 Credential=" VECTOR_ACCESS_KEY "/%s,SignedHeaders=%s,"
                         "Signature=%.64s\r\n\r\n",
                         scope, names, signature);
    buffer_append_byte(&to_sign, '\0');
    ck_assert(to_sign.size <= sizeof request.text);
    memcpy(request.text, to_sign.data, to_sign.size);
    buffer_free(&canonical);
    buffer_free(&to_sign);
    return request;
}

static struct request signed_at(int64_t time_ms)
{
    char timestamp[DATE_TEXT_BYTES];
    char headers[256];
    date_format_signature(time_ms, timestamp);
    (void)snprintf(headers, sizeof headers, "host:h\nx-amz-content-sha256:" EMPTY_HASH "\nx-amz-date:%s\n", timestamp);
    return signed_request("GET", "/b/k", headers, EMPTY_HASH, time_ms);
}

static void expect_code(const struct request *request, const char *code)
{
    ck_assert_msg(!verify(request), "accepted: %s", request->text);
    ck_assert_msg(error.code == code, "%s instead of %s: %s\n%s", error.code, code, error.message, request->text);
}

static void expect_refused(const char *name, const char *old, const char *new, const char *code)
{
    struct request request = bent(name, old, new);
    expect_code(&request, code);
}

static void expect_detail(const char *name, const char *value)
{
    for (unsigned i = 0; i < details.count; i++) {
        if (strcmp(details.items[i].name, name) != 0)
            continue;
        ck_assert_msg(span_equal(details.items[i].value, span_from_string(value)), "%s is '%.*s'", name,
                      SPAN_FORMAT(details.items[i].value));
        return;
    }
    ck_abort_msg("no detail %s", name);
}

/* ---- accepted ---- */

START_TEST(accepts_what_botocore_signs)
{
    struct request request;
    const struct vector *vector = &vectors[_i];
    from_vector(vector, &request);
    ck_assert_msg(verify(&request), "%s: %s", vector->name, error.message);
    ck_assert_str_eq(authentication.account->access_key, VECTOR_ACCESS_KEY);
    ck_assert_int_eq(authentication.is_presigned, vector->is_presigned);
    ck_assert_str_eq(authentication.timestamp, "20130524T000000Z");
    ck_assert_str_eq(authentication.scope, "20130524/us-east-1/s3/aws4_request");
    ck_assert(memcmp(authentication.seed_signature, vector->signature, 64) == 0);
    bool is_unsigned = strcmp(vector->payload_hash, "UNSIGNED-PAYLOAD") == 0;
    ck_assert_int_eq(authentication.payload, is_unsigned ? PAYLOAD_UNSIGNED : PAYLOAD_SHA256);
    char hash[65] = {0};
    hex_encode(span_of(authentication.payload_sha256, SHA256_BYTES), hash);
    ck_assert(is_unsigned || strcmp(hash, vector->payload_hash) == 0);
    ck_assert(verify(&request)); /* from the cached key */
}
END_TEST

START_TEST(knows_the_forms_of_a_body) /* statement 75 */
{
    static const struct {
        const char *hash;
        enum payload_kind kind;
    } cases[] = {
        {"UNSIGNED-PAYLOAD", PAYLOAD_UNSIGNED},
        {"STREAMING-AWS4-HMAC-SHA256-PAYLOAD", PAYLOAD_STREAM_SIGNED},
        {"STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER", PAYLOAD_STREAM_SIGNED_TRAILER},
        {"STREAMING-UNSIGNED-PAYLOAD-TRAILER", PAYLOAD_STREAM_UNSIGNED_TRAILER},
        {"E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855", PAYLOAD_SHA256},
    };
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char headers[256];
        (void)snprintf(headers, sizeof headers, "host:h\nx-amz-content-sha256:%s\nx-amz-date:20130524T000000Z\n",
                       cases[i].hash);
        struct request request = signed_request("PUT", "/b/k", headers, cases[i].hash, VECTOR_TIME_MS);
        ck_assert_msg(verify(&request), "%s", error.message);
        ck_assert_int_eq(authentication.payload, cases[i].kind);
    }
}
END_TEST

START_TEST(reads_separators_and_dates) /* statements 41 and 48 */
{
    struct request request = bent("header_get", ", SignedHeaders", ",SignedHeaders");
    ck_assert(verify(&request));
    request = bent("header_get", ", SignedHeaders", " ,   SignedHeaders");
    ck_assert(verify(&request));
    request = bent("header_get", "\r\n\r\n", "\r\nDate: nonsense\r\n\r\n");
    ck_assert(verify(&request));
    request = signed_request("GET", "/b/k",
                             "date:Fri, 24 May 2013 00:00:00 GMT\nhost:h\nx-amz-content-sha256:UNSIGNED-PAYLOAD\n",
                             "UNSIGNED-PAYLOAD", VECTOR_TIME_MS);
    ck_assert_msg(verify(&request), "%s", error.message);
    request = bent("header_get", "\r\n\r\n", "\r\nX-Other: 1\r\nCache-Control: no-store\r\n\r\n");
    ck_assert(verify(&request)); /* statement 50: only x-amz-... must be signed */
}
END_TEST

/* ---- section B ---- */

/* Statements 487 and 493: what claims no signature at all, and how its body may come. */
START_TEST(anonymous_is_who_claims_nothing)
{
    static const struct {
        const char *headers;
        enum payload_kind payload;
        const char *code; /* NULL: accepted */
    } bodies[] = {
        {"", PAYLOAD_UNSIGNED, NULL},
        {"x-amz-content-sha256: UNSIGNED-PAYLOAD\r\n", PAYLOAD_UNSIGNED, NULL},
        {"x-amz-content-sha256: " EMPTY_HASH "\r\n", PAYLOAD_SHA256, NULL},
        {"x-amz-content-sha256: STREAMING-UNSIGNED-PAYLOAD-TRAILER\r\n", PAYLOAD_STREAM_UNSIGNED_TRAILER, NULL},
        {"x-amz-content-sha256: STREAMING-AWS4-HMAC-SHA256-PAYLOAD\r\n", PAYLOAD_UNSIGNED, S3_InvalidRequest},
        {"x-amz-content-sha256: STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER\r\n", PAYLOAD_UNSIGNED, S3_InvalidRequest},
        {"x-amz-content-sha256: nonsense\r\n", PAYLOAD_UNSIGNED, S3_InvalidArgument},
    };
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        struct request request;
        (void)snprintf(request.text, sizeof request.text, "PUT /b/k HTTP/1.1\r\nHost: h\r\n%s\r\n", bodies[i].headers);
        if (bodies[i].code != NULL) {
            expect_code(&request, bodies[i].code);
            continue;
        }
        ck_assert_msg(verify(&request), "%s: %s", request.text, error.message);
        ck_assert_ptr_null(authentication.account);
        ck_assert_int_eq(authentication.payload, bodies[i].payload);
    }
    struct request half = {"GET /b/k?X-Amz-Signature=a HTTP/1.1\r\nHost: h\r\n\r\n"};
    expect_code(&half, S3_AuthorizationQueryParametersError);
}
END_TEST

START_TEST(refuses_other_types) /* statements 36 to 39 */
{
    struct request override = {"GET /b/k?response-content-type=a HTTP/1.1\r\nHost: h\r\n\r\n"};
    expect_code(&override, S3_InvalidRequest); /* statement 71 */
    static const char *const values[] = {"",
                                         "nonsense",
                                         "AWS4-HMAC-SHA256",
                                         "Basic",
                                         "Basic dXNlcg==",
                                         "AWS2-HMAC-SHA1 Credential=a",
                                         "AWS4-ECDSA-P256-SHA256 Credential=a"};
    for (unsigned i = 0; i < sizeof values / sizeof values[0]; i++) {
        struct request request;
        (void)snprintf(request.text, sizeof request.text, "GET / HTTP/1.1\r\nHost: h\r\nAuthorization: %s\r\n\r\n",
                       values[i]);
        expect_code(&request, S3_InvalidArgument);
        expect_detail("ArgumentName", "Authorization");
        expect_detail("ArgumentValue", values[i]);
    }
    struct request old = {"GET / HTTP/1.1\r\nHost: h\r\nAuthorization: AWS AKIA:frJIUN8DYpKDtOLCwo//yllqDzg=\r\n\r\n"};
    expect_code(&old, S3_InvalidRequest);
    ck_assert_ptr_nonnull(strstr(error.message, "AWS4-HMAC-SHA256"));
}
END_TEST

START_TEST(refuses_malformed_authorization) /* statements 40, 42 to 44 */
{
    static const char *const cases[][2] = {
        {"Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, ", ""},
        {"SignedHeaders=host;x-amz-content-sha256;x-amz-date, ", ""},
        {", Signature=", ", Sig="},
        {", Signature=", ", Signature"},
        {"Credential=", "Credential"},
        {"SignedHeaders=", "SignedHeaders=a, SignedHeaders="},
        {"/aws4_request", ""},
        {"/aws4_request", "/aws4_request/x"},
        {"AKIAIOSFODNN7EXAMPLE/", "/"},
        {"Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request", "Credential="},
        {"/aws4_request", "/aws3_request"},
        {"/s3/", "/ec2/"},
        {"/us-east-1/", "/eu-central-1/"},
        {"/20130524/", "/20130523/"},
        {"/20130524/", "/2013-05-24/"},
        {"/20130524/", "/201305240/"},
    };
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++)
        expect_refused("header_get", cases[i][0], cases[i][1], S3_AuthorizationHeaderMalformed);
    expect_refused("header_get", "/us-east-1/", "/eu\x7e-1/", S3_AuthorizationHeaderMalformed);
    expect_detail("Region", "us-east-1");
    ck_assert_ptr_nonnull(strstr(error.message, "'eu~-1' is wrong; expecting 'us-east-1'"));
}
END_TEST

START_TEST(refuses_keys_and_signatures) /* statements 45 and 46 */
{
    expect_refused("header_get", "AKIAIOSFODNN7EXAMPLE", "AKIANOBODY", S3_InvalidAccessKeyId);
    expect_detail("AWSAccessKeyId", "AKIANOBODY");
    expect_refused("header_get", "GET /", "PUT /", S3_SignatureDoesNotMatch);
    expect_refused("header_get", "/bucket/key", "/bucket/kez", S3_SignatureDoesNotMatch);
    expect_refused("header_get", "/bucket/key", "/bucket/key?acl", S3_SignatureDoesNotMatch);
    expect_refused("header_get", "127.0.0.1:8014", "127.0.0.1:8015", S3_SignatureDoesNotMatch);
    expect_refused("header_get", "Signature=7", "Signature=8", S3_SignatureDoesNotMatch);
    expect_refused("header_get", "Signature=7", "Signature=", S3_SignatureDoesNotMatch);
    expect_refused("header_get", "Signature=7", "Signature=77", S3_SignatureDoesNotMatch);
    expect_refused("header_put", "text/plain", "text/html", S3_SignatureDoesNotMatch); /* statement 58 */
    expect_refused("header_get_range", "Range: bytes=0-9\r\n", "", S3_SignatureDoesNotMatch);
    ck_assert_ptr_nonnull(strstr(error.message, "'range'"));

    const struct vector *vector = find_vector("header_get");
    expect_refused("header_get", "Signature=7", "Signature=8", S3_SignatureDoesNotMatch);
    expect_detail("AWSAccessKeyId", VECTOR_ACCESS_KEY);
    expect_detail("CanonicalRequest", vector->canonical_request);
    char bytes[4096];
    for (size_t i = 0; vector->canonical_request[i] != '\0'; i++)
        (void)snprintf(bytes + 3 * i, 4, "%02x ", (unsigned char)vector->canonical_request[i]);
    bytes[strlen(bytes) - 1] = '\0';
    expect_detail("CanonicalRequestBytes", bytes);
    char signature[65];
    (void)snprintf(signature, sizeof signature, "8%s", vector->signature + 1);
    expect_detail("SignatureProvided", signature);
}
END_TEST

START_TEST(a_wrong_secret_is_refused)
{
    struct accounts *others = accounts_single(VECTOR_ACCESS_KEY, "another secret", &error);
    struct signature_settings settings = {.accounts = others, .region = "us-east-1"};
    signature_verifier_destroy(verifier);
    verifier = signature_verifier_create(&settings);
    for (unsigned i = 0; i < VECTORS_COUNT; i++) {
        struct request request;
        from_vector(&vectors[i], &request);
        expect_code(&request, S3_SignatureDoesNotMatch);
    }
    accounts_free(others);
}
END_TEST

START_TEST(refuses_dates_and_skew) /* statements 47 and 49 */
{
    expect_refused("header_get", "X-Amz-Date: 20130524T000000Z\r\n", "", S3_AccessDenied);
    static const char *const values[] = {"yesterday",       "20131301T000000Z", "2013-05-24T00:00:00Z",
                                         "20130524T000000", "20130524T256100Z", ""};
    for (unsigned i = 0; i < sizeof values / sizeof values[0]; i++)
        expect_refused("header_get", "20130524T000000Z", values[i], S3_AccessDenied);
    const int64_t now = VECTOR_TIME_MS + 12 * HOUR_MS;
    static const int64_t accepted[] = {0, -899000, 899000, -900000, 900000};
    for (unsigned i = 0; i < sizeof accepted / sizeof accepted[0]; i++) {
        struct request request = signed_at(now + accepted[i]);
        ck_assert(verify_at(&request, now));
    }
    static const int64_t refused[] = {-901000, 901000, 30LL * HOUR_MS, -400LL * 24 * HOUR_MS};
    for (unsigned i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        struct request request = signed_at(now + refused[i]);
        ck_assert(!verify_at(&request, now));
        ck_assert_ptr_eq(error.code, S3_RequestTimeTooSkewed);
        char timestamp[DATE_TEXT_BYTES];
        date_format_signature(now + refused[i], timestamp);
        expect_detail("RequestTime", timestamp);
        expect_detail("ServerTime", "2013-05-24T12:00:00Z");
        expect_detail("MaxAllowedSkewMilliseconds", "900000");
    }
}
END_TEST

START_TEST(refuses_unsigned_headers) /* statement 50 */
{
    expect_refused("header_get", "\r\n\r\n", "\r\nX-Amz-Meta-Sneaked: in\r\nx-amz-acl: x\r\n\r\n", S3_AccessDenied);
    expect_detail("HeadersNotSigned", "x-amz-meta-sneaked, x-amz-acl");
    expect_refused("header_get", "SignedHeaders=host;", "SignedHeaders=", S3_AccessDenied);
    expect_detail("HeadersNotSigned", "host");
    struct request request;
    char names[1024] = "SignedHeaders=host";
    for (int i = 0; i < HTTP_FIELDS_MAX; i++)
        strcat(names, ";a");
    request = bent("header_get", "SignedHeaders=host", names);
    expect_code(&request, S3_AuthorizationHeaderMalformed);
}
END_TEST

START_TEST(refuses_content_hashes) /* statements 51 and 52 */
{
    expect_refused("header_get", "X-Amz-Content-SHA256: " EMPTY_HASH "\r\n", "", S3_InvalidRequest);
    ck_assert_ptr_nonnull(strstr(error.message, "x-amz-content-sha256"));
    static const char *const values[] = {"nonsense", "UNSIGNED", "STREAMING-NOTHING", EMPTY_HASH "0",
                                         "unsigned-payload"};
    for (unsigned i = 0; i < sizeof values / sizeof values[0]; i++) {
        expect_refused("header_get", "SHA256: " EMPTY_HASH, "SHA256: ", S3_InvalidArgument);
        struct request request = bent("header_get", "SHA256: " EMPTY_HASH, "SHA256: @");
        char *at = strchr(request.text, '@');
        char rest[2048];
        (void)snprintf(rest, sizeof rest, "%s", at + 1);
        (void)snprintf(at, 3000, "%s%s", values[i], rest);
        expect_code(&request, S3_InvalidArgument);
        expect_detail("ArgumentValue", values[i]);
    }
    expect_refused("header_get", "SHA256: " EMPTY_HASH, "SHA256: STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD",
                   S3_NotImplemented);
}
END_TEST

START_TEST(refuses_tokens_and_two_mechanisms) /* statements 59, 60 and 74 */
{
    expect_refused("header_get", "\r\n\r\n", "\r\nx-amz-security-token: FQoG\r\n\r\n", S3_InvalidToken);
    expect_refused("presigned_get", "&X-Amz-Signature", "&X-Amz-Security-Token=FQoG&X-Amz-Signature", S3_InvalidToken);
    expect_refused("header_get", "/bucket/key", "/bucket/key?X-Amz-Algorithm=AWS4-HMAC-SHA256", S3_InvalidArgument);
    expect_refused("presigned_get", "\r\n\r\n", "\r\nAuthorization: AWS a:b\r\n\r\n", S3_InvalidArgument);
    expect_refused("header_get", "\r\n\r\n", "\r\nAuthorization: AWS4-HMAC-SHA256 a=b\r\n\r\n", S3_InvalidArgument);
}
END_TEST

/* ---- section C ---- */

START_TEST(refuses_presigned_parameters) /* statements 61 to 63 */
{
    static const char *const cases[][2] = {
        {"X-Amz-Algorithm=AWS4-HMAC-SHA256&", ""},
        {"X-Amz-Credential=", "X-Credential="},
        {"X-Amz-Date=20130524T000000Z&", ""},
        {"X-Amz-Expires=3600&", ""},
        {"X-Amz-SignedHeaders=host&", ""},
        {"X-Amz-Signature=", "X-Signature="},
        {"X-Amz-Expires=3600&", "X-Amz-Expires=3600&X-Amz-Expires=1&"},
        {"Algorithm=AWS4-HMAC-SHA256", "Algorithm=AWS4-ECDSA-P256-SHA256"},
        {"Algorithm=AWS4-HMAC-SHA256", "Algorithm=AWS4-SHA256"},
        {"%2Faws4_request", "%2Faws3_request"},
        {"%2Faws4_request", ""},
        {"%2Fs3%2F", "%2Fec2%2F"},
        {"%2Fus-east-1%2F", "%2Feu-west-1%2F"},
        {"%2F20130524%2F", "%2F20130523%2F"},
        {"%2F20130524%2F", "%2Ftoday%2F"},
        {"%2F20130524%2F", "%2F20130524%"},
        {"Date=20130524T000000Z", "Date=2013"},
        {"Expires=3600", "Expires=abc"},
        {"Expires=3600", "Expires=-1"},
        {"Expires=3600", "Expires="},
        {"Expires=3600", "Expires=1.5"},
        {"Expires=3600", "Expires=604801"},
        {"Expires=3600", "Expires=99999999999999999999"},
    };
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++)
        expect_refused("presigned_get", cases[i][0], cases[i][1], S3_AuthorizationQueryParametersError);
}
END_TEST

START_TEST(presigned_has_its_time) /* statements 64 and 65 */
{
    struct request request;
    from_vector(find_vector("presigned_get"), &request);
    ck_assert(verify_at(&request, VECTOR_TIME_MS + HOUR_MS));
    ck_assert(!verify_at(&request, VECTOR_TIME_MS + HOUR_MS + 1));
    ck_assert_ptr_eq(error.code, S3_AccessDenied);
    ck_assert_str_eq(error.message, "Request has expired");
    expect_detail("X-Amz-Expires", "3600");
    expect_detail("Expires", "2013-05-24T01:00:00Z");
    expect_detail("ServerTime", "2013-05-24T01:00:00Z");
    ck_assert(verify_at(&request, VECTOR_TIME_MS - HOUR_MS / 4));
    ck_assert(!verify_at(&request, VECTOR_TIME_MS - HOUR_MS / 4 - 1));
    ck_assert_ptr_eq(error.code, S3_AccessDenied);
    ck_assert_ptr_nonnull(strstr(error.message, "not valid yet"));
    request = bent("presigned_get", "Expires=3600", "Expires=0"); /* run out from the beginning */
    ck_assert(!verify_at(&request, VECTOR_TIME_MS));
    ck_assert_ptr_eq(error.code, S3_AccessDenied);
    ck_assert_str_eq(error.message, "Request has expired");
}
END_TEST

START_TEST(any_change_breaks_a_presigned_url) /* statement 67 */
{
    static const char *const cases[][2] = {
        {"GET ", "PUT "},
        {"GET ", "HEAD "},
        {"/bucket/key", "/bucket/kez"},
        {"Expires=3600", "Expires=3601"},
        {"&X-Amz-Signature", "&extra=1&X-Amz-Signature"},
        {"&X-Amz-Signature", "&extra&X-Amz-Signature"},
        {"Signature=", "Signature=0"},
    };
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++)
        expect_refused("presigned_get", cases[i][0], cases[i][1], S3_SignatureDoesNotMatch);
    expect_refused("presigned_list", "prefix=a%20b", "prefix=a%20c", S3_SignatureDoesNotMatch);
    static const char *const same[] = {"prefix=%61%20%62", "prefix=a+b", "prefi%78=a+%62"}; /* written otherwise */
    for (unsigned i = 0; i < sizeof same / sizeof same[0]; i++) {
        struct request request = bent("presigned_list", "prefix=a%20b", same[i]);
        ck_assert_msg(verify(&request), "%s", same[i]);
    }
    expect_refused("presigned_list", "prefix=a%20b", "prefix=a%2Bb", S3_SignatureDoesNotMatch); /* a plus */
}
END_TEST

START_TEST(presigned_headers) /* statement 69 */
{
    expect_refused("presigned_put", "\r\n\r\n", "\r\nx-amz-meta-b: 2\r\n\r\n", S3_AccessDenied);
    expect_detail("HeadersNotSigned", "x-amz-meta-b");
    expect_refused("presigned_put", "x-amz-meta-a: 1\r\n", "", S3_SignatureDoesNotMatch);
    expect_refused("presigned_put", "x-amz-meta-a: 1", "x-amz-meta-a: 2", S3_SignatureDoesNotMatch);
}
END_TEST

START_TEST(version_2_names_the_setting)
{
    struct request request = {"GET /b/k?AWSAccessKeyId=AKIA&Signature=vjby%3D&Expires=1 HTTP/1.1\r\nHost: h\r\n\r\n"};
    expect_code(&request, S3_InvalidRequest);
    ck_assert_ptr_nonnull(strstr(error.message, "signature_version='s3v4'"));
    ck_assert_ptr_nonnull(strstr(error.message, "AWS4-HMAC-SHA256"));
}
END_TEST

START_TEST(broken_queries_are_refused)
{
    struct request request = bent("presigned_get", "&X-Amz-Signature", "&a=%zz&X-Amz-Signature");
    expect_code(&request, S3_InvalidURI);
    char many[3000] = "";
    for (int i = 0; i < 300; i++)
        strcat(many, "&a=1");
    strcat(many, "&X-Amz-Signature");
    request = bent("presigned_get", "&X-Amz-Signature", many);
    expect_code(&request, S3_InvalidURI);
}
END_TEST

/* ---- a customer's key ---- */

enum { SECRET_BYTES = 44, PIECE_BYTES = 1 << 16, REGION_BYTES_MAX = 64 << 20 };

/* A key that stands nowhere until it is written: whoever looks for it finds no copy of his own. */
static char secret_at(size_t i)
{
    return (char)('A' + (i * i + 5 * i) % 26);
}

static unsigned count_secret(const uint8_t *bytes, size_t size)
{
    unsigned found = 0;
    for (size_t at = 0; at + SECRET_BYTES <= size; at++) {
        size_t i = 0;
        while (i < SECRET_BYTES && bytes[at + i] == (uint8_t)secret_at(i))
            i++;
        found += i == SECRET_BYTES;
    }
    return found;
}

/* In the memory of this process that can be written, but for what sanitizers reserve. */
static unsigned find_secret(void)
{
    static uint8_t piece[PIECE_BYTES];
    char line[512];
    unsigned found = 0;
    FILE *maps = fopen("/proc/self/maps", "re");
    int memory = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
    ck_assert(maps != NULL && memory >= 0);
    while (fgets(line, sizeof line, maps) != NULL) {
        unsigned long long first;
        unsigned long long end;
        char rights[5];
        if (sscanf(line, "%llx-%llx %4s", &first, &end, rights) != 3 || rights[1] != 'w' ||
            end - first > REGION_BYTES_MAX)
            continue;
        for (; first < end; first += PIECE_BYTES - SECRET_BYTES) {
            ssize_t size = pread(memory, piece, end - first < PIECE_BYTES ? end - first : PIECE_BYTES, (off_t)first);
            found += size > 0 ? count_secret(piece, (size_t)size) : 0;
            explicit_bzero(piece, sizeof piece);
        }
    }
    (void)fclose(maps);
    (void)close(memory);
    return found;
}

START_TEST(keys_of_customers_do_not_stay)
{
    static struct request request;
    char timestamp[DATE_TEXT_BYTES];
    char headers[512];
    date_format_signature(VECTOR_TIME_MS, timestamp);
    (void)snprintf(headers, sizeof headers,
                   "host:h\nx-amz-content-sha256:" EMPTY_HASH "\nx-amz-date:%s\n"
                   "x-amz-server-side-encryption-customer-key:%0*d\n",
                   timestamp, SECRET_BYTES, 0);
    request = signed_request("GET", "/b/k", headers, EMPTY_HASH, VECTOR_TIME_MS);
    ck_assert(verify(&request));
    char *secret = strstr(request.text, "customer-key:") + strlen("customer-key:");
    for (size_t i = 0; i < SECRET_BYTES; i++)
        secret[i] = secret_at(i);
    ck_assert_uint_eq(find_secret(), 1);
    expect_code(&request, S3_SignatureDoesNotMatch);
    explicit_bzero(secret, SECRET_BYTES);
    ck_assert_uint_eq(find_secret(), 0);
}
END_TEST

START_TEST(an_arena_that_is_full_does_no_harm)
{
    arena_free(&arena);
    arena_init(&arena, 16);
    struct request request;
    for (unsigned i = 0; i < VECTORS_COUNT; i++) {
        from_vector(&vectors[i], &request);
        bool good = verify(&request);
        ck_assert_int_eq(good, !vectors[i].is_presigned);
        ck_assert(good || error.code == S3_SlowDown);
    }
    expect_refused("header_get", "Signature=7", "Signature=8", S3_SignatureDoesNotMatch);
}
END_TEST

START_TEST(keys_of_many_days_are_right)
{
    for (int day = 0; day < 400; day++) { /* more than the cache holds, each twice */
        int64_t now = VECTOR_TIME_MS + day % 300 * 24LL * HOUR_MS;
        struct request request = signed_at(now);
        ck_assert(verify_at(&request, now));
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("signature");
    TCase *tests = tcase_create("signature");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_loop_test(tests, accepts_what_botocore_signs, 0, VECTORS_COUNT);
    tcase_add_test(tests, knows_the_forms_of_a_body);
    tcase_add_test(tests, reads_separators_and_dates);
    tcase_add_test(tests, anonymous_is_who_claims_nothing);
    tcase_add_test(tests, refuses_other_types);
    tcase_add_test(tests, refuses_malformed_authorization);
    tcase_add_test(tests, refuses_keys_and_signatures);
    tcase_add_test(tests, a_wrong_secret_is_refused);
    tcase_add_test(tests, refuses_dates_and_skew);
    tcase_add_test(tests, refuses_unsigned_headers);
    tcase_add_test(tests, refuses_content_hashes);
    tcase_add_test(tests, refuses_tokens_and_two_mechanisms);
    tcase_add_test(tests, refuses_presigned_parameters);
    tcase_add_test(tests, presigned_has_its_time);
    tcase_add_test(tests, any_change_breaks_a_presigned_url);
    tcase_add_test(tests, presigned_headers);
    tcase_add_test(tests, version_2_names_the_setting);
    tcase_add_test(tests, broken_queries_are_refused);
    tcase_add_test(tests, keys_of_customers_do_not_stay);
    tcase_add_test(tests, an_arena_that_is_full_does_no_harm);
    tcase_add_test(tests, keys_of_many_days_are_right);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
