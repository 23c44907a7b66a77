/* bench/drive/request.c -- builds heads with the signing of s3client/wire. */
#include "bench/drive/request.h"

#include "runtime/base/assert.h"
#include "runtime/base/clock.h"
#include "s3client/wire/uri.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ALL_HEADERS_MAX = REQUEST_HEADERS_MAX + 3, SIGNED_NAMES_BYTES = 256 };

static void make_key(const struct signer *signer, struct span day, struct hmac_sha256_key *ret_key)
{
    uint8_t key[SHA256_BYTES];
    sigv4_signing_key(span_from_string(signer->secret_key), day, span_from_string(signer->region), SPAN("s3"), key);
    hmac_sha256_prepare(ret_key, span_of(key, sizeof key));
}

static void begin(const struct signer *signer, struct signing *signing)
{
    date_format_signature(clock_wall_ms(clock_system()), signing->timestamp);
    struct span day = span_of(signing->timestamp, 8);
    (void)snprintf(signing->scope, sizeof signing->scope, "%.8s/%s/s3/aws4_request", signing->timestamp,
                   signer->region);
    struct signing_cache *cache = signer->cache;
    if (cache == NULL) {
        make_key(signer, day, &signing->key);
        return;
    }
    if (memcmp(cache->day, day.data, sizeof cache->day) != 0) {
        make_key(signer, day, &cache->key);
        memcpy(cache->day, day.data, sizeof cache->day);
    }
    signing->key = cache->key;
}

static void sign(struct signing *signing, const struct sigv4_request *request)
{
    struct buffer canonical;
    struct buffer text;
    struct span missing;
    buffer_init(&canonical, 0);
    buffer_init(&text, 0);
    if (!sigv4_canonical_request(request, &canonical, &missing))
        abort();
    sigv4_string_to_sign(span_from_string(signing->timestamp), span_from_string(signing->scope),
                         buffer_span(&canonical), &text);
    sigv4_signature_prepared(&signing->key, buffer_span(&text), signing->signature);
    buffer_free(&canonical);
    buffer_free(&text);
}

/* ---- the headers that are signed, in order of their names ---- */

struct signed_headers {
    struct sigv4_header list[ALL_HEADERS_MAX];
    unsigned count;
    char names[SIGNED_NAMES_BYTES]; /* "host;x-amz-date" */
};

static void add_header(struct signed_headers *headers, struct sigv4_header header)
{
    unsigned at = headers->count++;
    for (; at > 0 && span_compare(header.name, headers->list[at - 1].name) < 0; at--)
        headers->list[at] = headers->list[at - 1];
    headers->list[at] = header;
}

static void join_names(struct signed_headers *headers)
{
    size_t size = 0;
    for (unsigned i = 0; i < headers->count; i++) {
        int added = snprintf(headers->names + size, sizeof headers->names - size, "%s%.*s", i == 0 ? "" : ";",
                             SPAN_FORMAT(headers->list[i].name));
        size += (size_t)added;
        ASSERT(size < sizeof headers->names);
    }
}

static void begin_headers(struct signed_headers *headers, const struct signer *signer, const struct request_line *line)
{
    ASSERT(line->headers_count <= REQUEST_HEADERS_MAX);
    headers->count = 0;
    add_header(headers, (struct sigv4_header){SPAN("host"), span_from_string(signer->host)});
    for (unsigned i = 0; i < line->headers_count; i++)
        add_header(headers, line->headers[i]);
}

/* ---- what stands in every head ---- */

static bool has_body(const char *method)
{
    return strcmp(method, "PUT") == 0 || strcmp(method, "POST") == 0;
}

static void append_lines(const struct request_line *line, uint64_t body_bytes, struct buffer *to)
{
    for (unsigned i = 0; i < line->headers_count; i++)
        buffer_append_format(to, "%.*s: %.*s\r\n", SPAN_FORMAT(line->headers[i].name),
                             SPAN_FORMAT(line->headers[i].value));
    if (line->unsigned_lines != NULL)
        buffer_append_string(to, line->unsigned_lines);
    if (body_bytes > 0 || has_body(line->method))
        buffer_append_format(to, "Content-Length: %llu\r\n", (unsigned long long)body_bytes);
    buffer_append_string(to, "\r\n");
}

/* The parameters of a presigned request. A client's own in small letters sort behind them. */
static void append_query(struct buffer *query, const struct signer *signer, const struct signing *signing,
                         const struct signed_headers *headers, const struct request_line *line)
{
    buffer_append_string(query, "X-Amz-Algorithm=" SIGV4_ALGORITHM "&X-Amz-Credential=");
    uri_encode(query, span_from_string(signer->access_key), URI_ENCODE_ALL);
    buffer_append_string(query, "%2F");
    uri_encode(query, span_from_string(signing->scope), URI_ENCODE_ALL);
    buffer_append_format(query, "&X-Amz-Date=%s&X-Amz-Expires=86400&X-Amz-SignedHeaders=", signing->timestamp);
    uri_encode(query, span_from_string(headers->names), URI_ENCODE_ALL);
    if (line->query[0] != '\0')
        buffer_append_format(query, "&%s", line->query);
}

void request_presigned(const struct signer *signer, const struct request_line *line, uint64_t body_bytes,
                       struct buffer *to)
{
    struct signing signing;
    struct signed_headers headers;
    struct buffer query;
    begin(signer, &signing);
    begin_headers(&headers, signer, line);
    join_names(&headers);
    buffer_init(&query, 0);
    append_query(&query, signer, &signing, &headers, line);
    struct sigv4_request request = {.method = span_from_string(line->method),
                                    .path = span_from_string(line->path),
                                    .query = buffer_span(&query),
                                    .headers = headers.list,
                                    .headers_count = headers.count,
                                    .signed_headers = span_from_string(headers.names),
                                    .payload_hash = SPAN("UNSIGNED-PAYLOAD")};
    sign(&signing, &request);
    buffer_append_format(to, "%s %s?%.*s&X-Amz-Signature=%.64s HTTP/1.1\r\nHost: %s\r\n", line->method, line->path,
                         SPAN_FORMAT(buffer_span(&query)), signing.signature, signer->host);
    append_lines(line, body_bytes, to);
    buffer_free(&query);
}

static void append_request_line(const struct signer *signer, const struct request_line *line, struct buffer *to)
{
    buffer_append_format(to, "%s %s%s%s HTTP/1.1\r\nHost: %s\r\n", line->method, line->path,
                         line->query[0] != '\0' ? "?" : "", line->query, signer->host);
}

void request_signed(const struct signer *signer, const struct request_line *line, struct span payload_hash,
                    uint64_t body_bytes, struct buffer *to, struct signing *ret_signing)
{
    struct signing signing;
    struct signed_headers headers;
    begin(signer, &signing);
    begin_headers(&headers, signer, line);
    add_header(&headers, (struct sigv4_header){SPAN("x-amz-content-sha256"), payload_hash});
    add_header(&headers, (struct sigv4_header){SPAN("x-amz-date"), span_from_string(signing.timestamp)});
    join_names(&headers);
    struct sigv4_request request = {.method = span_from_string(line->method),
                                    .path = span_from_string(line->path),
                                    .query = span_from_string(line->query),
                                    .headers = headers.list,
                                    .headers_count = headers.count,
                                    .are_headers_in_order = true,
                                    .signed_headers = span_from_string(headers.names),
                                    .payload_hash = payload_hash};
    sign(&signing, &request);
    append_request_line(signer, line, to);
    buffer_append_format(to,
                         "x-amz-date: %s\r\nx-amz-content-sha256: %.*s\r\nAuthorization: " SIGV4_ALGORITHM
                         " Credential=%s/%s, SignedHeaders=%s, Signature=%.64s\r\n",
                         signing.timestamp, SPAN_FORMAT(payload_hash), signer->access_key, signing.scope, headers.names,
                         signing.signature);
    append_lines(line, body_bytes, to);
    if (ret_signing != NULL)
        *ret_signing = signing;
}

void request_bare(const struct signer *signer, const struct request_line *line, struct buffer *to)
{
    append_request_line(signer, line, to);
    append_lines(line, 0, to);
}
