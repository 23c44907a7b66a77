/* tests/fuzz/replay/logged_request_fuzz.c -- any bytes as a line of a log: names lie in it, and what was read lies
 * inside a body that S3 could have. */
#include "runtime/base/assert.h"
#include "tools/bale/replay/logged_request.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_inside(struct span line, struct span part)
{
    ASSERT(part.size == 0 || (part.data >= line.data && part.data + part.size <= line.data + line.size));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct span line = span_of(data, size);
    struct logged_request request = logged_request_read(line);
    check_inside(line, request.bucket);
    check_inside(line, request.key);
    check_inside(line, request.etag);
    if (request.kind == LOGGED_READ)
        ASSERT(request.first < request.end && request.end <= request.size && request.size <= LOGGED_BYTES_MAX);
    if (request.kind == LOGGED_READ || request.kind == LOGGED_WRITTEN)
        ASSERT(request.key.size > 0);
    return 0;
}
