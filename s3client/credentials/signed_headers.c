/* s3client/credentials/signed_headers.c -- canonical form, scope, signature, and the lines that say so. */
#include "s3client/credentials/signed_headers.h"

#include "runtime/base/assert.h"
#include "runtime/base/hex.h"
#include "s3client/wire/date.h"
#include "s3client/wire/sigv4.h"

#include <stdio.h>

enum { HEADERS_MAX = 5, NAMES_BYTES = 96 };

/* In the order of their names, which `ret_names` has. */
static unsigned list_headers(const struct signed_request *request, const char *timestamp,
                             struct sigv4_header ret_headers[HEADERS_MAX], char ret_names[NAMES_BYTES])
{
    bool has_token = request->session_token.size > 0;
    bool has_target = request->target != NULL;
    unsigned count = 0;
    ret_headers[count++] = (struct sigv4_header){SPAN("content-type"), span_from_string(request->content_type)};
    ret_headers[count++] = (struct sigv4_header){SPAN("host"), span_from_string(request->url->authority)};
    ret_headers[count++] = (struct sigv4_header){SPAN("x-amz-date"), span_from_string(timestamp)};
    if (has_token)
        ret_headers[count++] = (struct sigv4_header){SPAN("x-amz-security-token"), request->session_token};
    if (has_target)
        ret_headers[count++] = (struct sigv4_header){SPAN("x-amz-target"), span_from_string(request->target)};
    (void)snprintf(ret_names, NAMES_BYTES, "content-type;host;x-amz-date%s%s", has_token ? ";x-amz-security-token" : "",
                   has_target ? ";x-amz-target" : "");
    return count;
}

static void sign(const struct signed_request *request, const char *timestamp, const char *scope, struct span canonical,
                 char ret_signature[64])
{
    uint8_t key[SHA256_BYTES];
    struct buffer to_sign = {0};
    sigv4_string_to_sign(span_from_string(timestamp), span_from_string(scope), canonical, &to_sign);
    sigv4_signing_key(request->secret_key, span_of(timestamp, 8), span_from_string(request->region),
                      span_from_string(request->service), key);
    sigv4_signature(key, buffer_span(&to_sign), ret_signature);
    explicit_bzero(key, sizeof key);
    buffer_free(&to_sign);
}

/* All at once: a buffer that grew would leave a copy of the session token behind. */
static size_t canonical_bytes_max(const struct signed_request *request)
{
    enum { REST_BYTES = 1024 }; /* names, separators, the method, the date and the body's hash */
    size_t target_size = request->target != NULL ? strlen(request->target) : 0;
    return request->session_token.size + 3 * strlen(request->url->path) + strlen(request->url->authority) +
           strlen(request->content_type) + target_size + REST_BYTES;
}

void signed_headers_make(const struct signed_request *request, struct signed_headers *ret_headers)
{
    char timestamp[DATE_TEXT_BYTES];
    char scope[128];
    char names[NAMES_BYTES];
    char body_hash[2 * SHA256_BYTES];
    char signature[64];
    uint8_t digest[SHA256_BYTES];
    struct sigv4_header headers[HEADERS_MAX];
    struct span missing;
    struct buffer canonical = {0};
    date_format_signature(clock_wall_ms(clock_system()), timestamp);
    (void)snprintf(scope, sizeof scope, "%.8s/%s/%s/aws4_request", timestamp, request->region, request->service);
    sha256_of(request->body, digest);
    hex_encode(span_of(digest, sizeof digest), body_hash);
    const struct sigv4_request to_sign = {.method = SPAN("POST"),
                                          .path = span_from_string(request->url->path),
                                          .headers = headers,
                                          .headers_count = list_headers(request, timestamp, headers, names),
                                          .signed_headers = span_from_string(names),
                                          .payload_hash = span_of(body_hash, sizeof body_hash)};
    size_t room = canonical_bytes_max(request);
    bool is_complete = buffer_reserve(&canonical, room) && sigv4_canonical_request(&to_sign, &canonical, &missing);
    ASSERT(is_complete && canonical.size <= room);
    sign(request, timestamp, scope, buffer_span(&canonical), signature);
    explicit_bzero(canonical.data, canonical.size);
    buffer_free(&canonical);
    *ret_headers = (struct signed_headers){.token = ""};
    (void)snprintf(ret_headers->date, sizeof ret_headers->date, "X-Amz-Date: %s", timestamp);
    (void)snprintf(ret_headers->authorization, sizeof ret_headers->authorization,
                   "Authorization: " SIGV4_ALGORITHM " Credential=%.*s/%s, SignedHeaders=%s, Signature=%.64s",
                   SPAN_FORMAT(request->access_key_id), scope, names, signature);
    if (request->session_token.size > 0)
        (void)snprintf(ret_headers->token, sizeof ret_headers->token, "X-Amz-Security-Token: %.*s",
                       SPAN_FORMAT(request->session_token));
    if (request->target != NULL)
        (void)snprintf(ret_headers->target, sizeof ret_headers->target, "X-Amz-Target: %s", request->target);
}

void signed_headers_add(const struct signed_headers *headers, unsigned count, struct fetch_request *request)
{
    const char *const lines[] = {headers->date, headers->authorization, headers->token, headers->target};
    for (unsigned i = 0; i < sizeof lines / sizeof lines[0]; i++)
        if (lines[i][0] != '\0') {
            ASSERT(count < FETCH_HEADERS_MAX);
            request->headers[count++] = lines[i];
        }
}
