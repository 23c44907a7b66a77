/* server/http/head.h -- an HTTP/1.1 request head: parsed where it lies, no copy, every length bounded (RFC 9112).
 *
 * Bounds: request line 16 KiB, header section 8 KiB beside it, 100 fields. A parser of bytes: no I/O, no allocation;
 * fuzzed. */
#pragma once

#include "runtime/base/error.h"
#include "runtime/base/span.h"
#include "s3client/wire/http_field.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    HTTP_REQUEST_LINE_BYTES_MAX = 16 << 10,
    HTTP_HEADER_SECTION_BYTES_MAX = 8 << 10,
    /* both, and what neither counts: the version, empty lines before and after */
    HTTP_HEAD_BYTES_MAX = HTTP_REQUEST_LINE_BYTES_MAX + HTTP_HEADER_SECTION_BYTES_MAX + 32,
    HTTP_FIELDS_MAX = 100,
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
    uint64_t names_present; /* a filter for http_head_find: a bit for each name that is there; 0: not built */
};

/* The codes with which this room refuses a request, spelled as S3 spells them. */
#define HTTP_BAD_REQUEST "BadRequest"
#define HTTP_INVALID_URI "InvalidURI"
#define HTTP_SECTION_TOO_LARGE "RequestHeaderSectionTooLarge" /* MaxSizeAllowed: HTTP_HEADER_SECTION_BYTES_MAX */
#define HTTP_NOT_IMPLEMENTED "NotImplemented"
#define HTTP_INCOMPLETE_BODY "IncompleteBody"
#define HTTP_REQUEST_TIMEOUT "RequestTimeout"

/* `bytes` is what was received so far from the head's first byte. MORE: read on, then parse from the first byte again
 * (worth it when a line feed has come, or HTTP_HEAD_BYTES_MAX bytes are there). DONE: *ret_size bytes are the head.
 * FAILED: the error has one of the codes above, *ret_head holds what was recognized until then (nothing, or method and
 * target), and the connection must be closed after the answer.
 *
 * BadRequest: a line that is not HTTP/1.x, two different Content-Length values or one that is no number,
 * Content-Length beside Transfer-Encoding, a Transfer-Encoding that does not end with chunked, obsolete folding, spaces
 * before the colon, bare CR or LF, control bytes, HTTP/1.1 without Host, two of them, or one that is no host.
 * InvalidURI: a target with a control byte or a fragment, neither "/..." nor "http://host/...", or above its bound.
 * NotImplemented: an unknown transfer coding. Percent escapes are looked at by whoever decodes the path
 * (s3client/wire/uri.h).
 *
 * An absolute target must name the same host as the Host field: the signature covers the field, and a request that is
 * signed for one host must not reach another. */
enum http_parse http_head_parse(struct span bytes, struct http_head *ret_head, size_t *ret_size, struct error *error);

/* The first field of that name; empty span and false when there is none. Names are given lower case. */
bool http_head_find_name(const struct http_head *head, struct span name, struct span *ret_value);
static inline bool http_head_find(const struct http_head *head, const char *name, struct span *ret_value)
{
    return http_head_find_name(head, span_from_string(name), ret_value);
}
unsigned http_head_count(const struct http_head *head, const char *name);
/* Overwrites the values of all fields of that name, lower case, where they were received. */
void http_head_wipe(const struct http_head *head, const char *name);
