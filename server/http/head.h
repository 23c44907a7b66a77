/* server/http/head.h -- an HTTP/1.1 request head: parsed where it lies, no copy, every length bounded (RFC 9112).
 *
 * Bounds: request line 16 KiB, header section 8 KiB beside it, 100 fields. A parser of bytes: no I/O, no allocation;
 * fuzzed. */
#pragma once

#include "runtime/base/error.h"
#include "runtime/base/span.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    HTTP_REQUEST_LINE_BYTES_MAX = 16 << 10,
    HTTP_HEADER_SECTION_BYTES_MAX = 8 << 10,
    HTTP_HEAD_BYTES_MAX = HTTP_REQUEST_LINE_BYTES_MAX + HTTP_HEADER_SECTION_BYTES_MAX,
    HTTP_FIELDS_MAX = 100,
};

struct http_field {
    struct span name;  /* as sent; compare without case */
    struct span value; /* trimmed */
};

enum http_body_kind { HTTP_BODY_NONE, HTTP_BODY_LENGTH, HTTP_BODY_CHUNKED };

struct http_head {
    struct span method;
    struct span target; /* as sent, origin form: "/path?query" (absolute form is reduced to it) */
    struct span path;   /* as sent, still percent-encoded */
    struct span query;  /* without "?", as sent */
    struct span host;   /* as sent, with the port if it was sent */
    unsigned minor_version;
    struct http_field fields[HTTP_FIELDS_MAX];
    unsigned fields_count;
    enum http_body_kind body_kind;
    bool has_content_length;
    uint64_t content_length;
    bool keep_alive;
    bool expects_continue;
};

enum http_parse { HTTP_PARSE_MORE, HTTP_PARSE_DONE, HTTP_PARSE_FAILED };

/* `bytes` is what was received so far from the head's first byte. MORE: read on. DONE: *ret_size bytes are the head.
 * FAILED: the error has an S3 code (BadRequest-like InvalidRequest, RequestHeaderSectionTooLarge, InvalidURI,
 * NotImplemented) and the connection must be closed after the answer. Refused: two different Content-Length values,
 * Content-Length beside Transfer-Encoding, obsolete folding, spaces before the colon, bare CR, control bytes, an
 * unknown transfer coding, HTTP/1.1 without Host. */
enum http_parse http_head_parse(struct span bytes, struct http_head *ret_head, size_t *ret_size, struct error *error);

/* The first field of that name; empty span and false when there is none. Names are given lower case. */
bool http_head_find(const struct http_head *head, const char *name, struct span *ret_value);
unsigned http_head_count(const struct http_head *head, const char *name);
