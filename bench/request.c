/* bench/request.c -- builds heads with the signing of s3client/wire. */
#include "bench/request.h"

#include "runtime/base/clock.h"
#include "s3client/wire/date.h"
#include "s3client/wire/sigv4.h"
#include "s3client/wire/uri.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct moment {
    char timestamp[DATE_TEXT_BYTES];
    char scope[96];
    uint8_t key[SHA256_BYTES];
};

static void begin(const struct signer *signer, struct moment *moment)
{
    date_format_signature(clock_wall_ms(clock_system()), moment->timestamp);
    struct span day = span_of(moment->timestamp, 8);
    snprintf(moment->scope, sizeof moment->scope, "%.8s/%s/s3/aws4_request", moment->timestamp, signer->region);
    sigv4_signing_key(span_from_string(signer->secret_key), day, span_from_string(signer->region), SPAN("s3"),
                      moment->key);
}

static void sign(const struct moment *moment, const struct sigv4_request *request, char ret_hex[64])
{
    struct buffer canonical;
    struct buffer text;
    struct span missing;
    buffer_init(&canonical, 0);
    buffer_init(&text, 0);
    if (!sigv4_canonical_request(request, &canonical, &missing))
        abort();
    sigv4_string_to_sign(span_from_string(moment->timestamp), span_from_string(moment->scope), buffer_span(&canonical),
                         &text);
    sigv4_signature(moment->key, buffer_span(&text), ret_hex);
    buffer_free(&canonical);
    buffer_free(&text);
}

void request_presigned(const struct signer *signer, const struct request_line *line, struct buffer *to)
{
    struct moment moment;
    begin(signer, &moment);
    struct buffer query;
    buffer_init(&query, 0);
    buffer_append_string(&query, "X-Amz-Algorithm=" SIGV4_ALGORITHM "&X-Amz-Credential=");
    uri_encode(&query, span_from_string(signer->access_key), URI_ENCODE_ALL);
    buffer_append_string(&query, "%2F");
    uri_encode(&query, span_from_string(moment.scope), URI_ENCODE_ALL);
    buffer_append_format(&query, "&X-Amz-Date=%s&X-Amz-Expires=86400&X-Amz-SignedHeaders=host", moment.timestamp);
    if (line->query[0] != '\0')
        buffer_append_format(&query, "&%s", line->query);
    struct sigv4_header host = {SPAN("host"), span_from_string(signer->host)};
    struct sigv4_request request = {.method = span_from_string(line->method),
                                    .path = span_from_string(line->path),
                                    .query = buffer_span(&query),
                                    .headers = &host,
                                    .headers_count = 1,
                                    .signed_headers = SPAN("host"),
                                    .payload_hash = SPAN("UNSIGNED-PAYLOAD")};
    char signature[64];
    sign(&moment, &request, signature);
    buffer_append_format(to, "%s %s?%.*s&X-Amz-Signature=%.64s HTTP/1.1\r\nHost: %s\r\n\r\n", line->method, line->path,
                         SPAN_FORMAT(buffer_span(&query)), signature, signer->host);
    buffer_free(&query);
}

void request_signed(const struct signer *signer, const struct request_line *line, struct span payload_hash,
                    uint64_t body_bytes, struct buffer *to)
{
    struct moment moment;
    begin(signer, &moment);
    const struct sigv4_header headers[] = {{SPAN("host"), span_from_string(signer->host)},
                                           {SPAN("x-amz-content-sha256"), payload_hash},
                                           {SPAN("x-amz-date"), span_from_string(moment.timestamp)}};
    struct sigv4_request request = {.method = span_from_string(line->method),
                                    .path = span_from_string(line->path),
                                    .query = span_from_string(line->query),
                                    .headers = headers,
                                    .headers_count = 3,
                                    .signed_headers = SPAN("host;x-amz-content-sha256;x-amz-date"),
                                    .payload_hash = payload_hash};
    char signature[64];
    sign(&moment, &request, signature);
    buffer_append_format(to, "%s %s%s%s HTTP/1.1\r\nHost: %s\r\nx-amz-date: %s\r\nx-amz-content-sha256: %.*s\r\n",
                         line->method, line->path, line->query[0] != '\0' ? "?" : "", line->query, signer->host,
                         moment.timestamp, SPAN_FORMAT(payload_hash));
    buffer_append_format(to,
                         "Authorization: " SIGV4_ALGORITHM " Credential=%s/%s, SignedHeaders=host;x-amz-content-sha256;"
                         "x-amz-date, Signature=%.64s\r\n",
                         signer->access_key, moment.scope, signature);
    if (body_bytes > 0 || strcmp(line->method, "PUT") == 0)
        buffer_append_format(to, "Content-Length: %llu\r\n", (unsigned long long)body_bytes);
    buffer_append_string(to, "\r\n");
}

void request_bare(const struct signer *signer, const struct request_line *line, struct buffer *to)
{
    buffer_append_format(to, "%s %s%s%s HTTP/1.1\r\nHost: %s\r\n\r\n", line->method, line->path,
                         line->query[0] != '\0' ? "?" : "", line->query, signer->host);
}
