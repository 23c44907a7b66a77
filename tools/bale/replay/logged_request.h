/* tools/bale/replay/logged_request.h -- one line of a log of requests, as far as a tier is concerned.
 *
 * Two kinds of lines are understood:
 *
 * - the request log of baled before a bucket (docs/operations.md), as text or JSON, also behind what a collector puts
 * in front of a text line. It names revision and stored bytes, so that nothing else need be known;
 * - the server access log of S3. It says of no range which bytes it was, and names no revision: one is told from the
 *   next by what the log says was written in between.
 *
 * Spans lie in the line, names as they are written there: the same name is written the same way. Pure. */
#pragma once

#include "runtime/base/span.h"

#include <stdint.h>

/* S3 has no larger objects: a line that says so is none of ours. */
#define LOGGED_BYTES_MAX (UINT64_C(5) << 40)

enum logged_kind {
    LOGGED_OTHER,    /* nothing that a tier notices */
    LOGGED_READ,     /* stored bytes [first, end), which lie inside the body, at least one */
    LOGGED_UNPLACED, /* some bytes; the log does not say which */
    LOGGED_WRITTEN,  /* the key holds another revision now, or none */
};

struct logged_request {
    enum logged_kind kind;
    struct span bucket;
    struct span key;
    struct span etag; /* the stored revision's; empty: the log names none */
    uint64_t size;    /* of the stored body */
    uint64_t first;
    uint64_t end;
};

/* `line` without its end. */
struct logged_request logged_request_read(struct span line);
