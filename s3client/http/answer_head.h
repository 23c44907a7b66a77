/* s3client/http/answer_head.h -- the head of an HTTP/1.1 answer: parsed where it lies, no copy, every length bounded
 * (RFC 9112).
 *
 * A parser of bytes: no I/O, no allocation; fuzzed. Strict where two readers could disagree about where the body ends.
 */
#pragma once

#include "runtime/base/error.h"
#include "runtime/base/span.h"
#include "s3client/wire/http_field.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    HTTP_ANSWER_HEAD_BYTES_MAX = 64 << 10,
    HTTP_ANSWER_FIELDS_MAX = 256,
};

enum http_answer_body {
    HTTP_ANSWER_NO_BODY,
    HTTP_ANSWER_LENGTH,
    HTTP_ANSWER_CHUNKED,
    HTTP_ANSWER_UNTIL_CLOSE,
};

struct http_answer_head {
    int status; /* 100 .. 999 */
    unsigned minor_version;
    struct http_field fields[HTTP_ANSWER_FIELDS_MAX];
    unsigned fields_count;
    uint64_t names_present;
    enum http_answer_body body_kind;
    bool has_content_length; /* also of an answer to HEAD, and of a 304, which have no body */
    uint64_t content_length; /* at most INT64_MAX */
    bool keep_alive;
};

/* `bytes` is what was received so far from the head's first byte; `is_to_head`: the request's verb was HEAD. DONE:
 * *ret_size bytes are the head. MORE: read on, then parse from the first byte again; not when
 * HTTP_ANSWER_HEAD_BYTES_MAX bytes are there. FAILED: ERROR_DAMAGED with a sentence: no HTTP/1.x, a head or a number of
 * fields beyond its bound, a broken field (http_field.h), a Content-Length that is no number or comes twice with
 * different values or beside Transfer-Encoding, a transfer coding that is not chunked. */
enum http_parse http_answer_head_parse(struct span bytes, bool is_to_head, struct http_answer_head *ret_head,
                                       size_t *ret_size, struct error *error);

/* The first field of that name (lower case); empty span and false when there is none. */
bool http_answer_head_find(const struct http_answer_head *head, struct span name, struct span *ret_value);
