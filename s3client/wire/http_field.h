/* s3client/wire/http_field.h -- one field of an HTTP head, as client and server of S3 pass it around. */
#pragma once

#include "runtime/base/span.h"

struct http_field {
    struct span name;  /* as sent; compare without case */
    struct span value; /* trimmed */
};
