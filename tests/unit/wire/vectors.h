/* tests/unit/wire/vectors.h -- requests that botocore signed, all by one key at 2013-05-24T00:00:00Z; see
 * make_vectors.py. */
#pragma once

#include <stdbool.h>

#define VECTOR_ACCESS_KEY "AKIAIOSFODNN7EXAMPLE"
#define VECTOR_SECRET_KEY "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
#define VECTOR_TIME_MS 1369353600000

struct vector {
    const char *name;
    bool is_presigned;
    const char *method;
    const char *target; /* on the wire: path?query */
    const char *path;   /* decoded */
    const char *query;
    struct {
        const char *name;
        const char *value;
    } headers[8];
    unsigned headers_count;
    const char *signed_headers;
    const char *payload_hash;
    const char *canonical_request;
    const char *signature;
};

static const struct vector vectors[] = {
#include "tests/unit/wire/vectors.inc"
};

enum { VECTORS_COUNT = sizeof vectors / sizeof vectors[0] };
