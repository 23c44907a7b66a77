/* server/s3/access_log/access_line.h -- one line of an access log, as S3 writes it (statement 604).
 *
 * Fields with single spaces between them, `-` for what there is not. What a client has sent (key, URI, referer, agent)
 * is percent-encoded where it has blanks, quotes, control bytes or bytes above ASCII: a line stays a line, and splits
 * where it should. Pure. */
#pragma once

#include "runtime/base/buffer.h"
#include "runtime/base/span.h"

#include <stdbool.h>
#include <stdint.h>

enum { ACCESS_LINE_BYTES_MAX = 128 << 10 }; /* what clients have sent is cut at 8 KiB a field, each byte up to three */

/* Empty spans and NULL: there is none. */
struct access_line {
    struct span bucket_owner;
    struct span bucket;
    int64_t time_ms;
    struct span remote;
    struct span requester; /* account id */
    struct span request_id;
    struct span operation; /* "REST.GET.OBJECT" */
    struct span key;
    struct span method;
    struct span target; /* as sent; signatures and tokens in its query are masked here */
    int status;
    const char *code;
    uint64_t bytes_sent; /* 0: none */
    bool has_size;
    uint64_t object_size; /* original */
    uint64_t total_ms;
    uint64_t turn_around_ms;
    struct span referer;
    struct span agent;
    struct span version;
    struct span host_id;
    const char *signature; /* "SigV4" */
    const char *cipher;
    const char *authentication; /* "AuthHeader", "QueryString" */
    struct span host;
    const char *tls_version; /* "1.3" */
    bool is_by_acl;
    struct span region;
};

/* Appends the line and its end. */
void access_line_write(const struct access_line *line, struct buffer *to);
