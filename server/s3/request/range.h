/* server/s3/request/range.h -- the Range header and the partNumber parameter: which bytes of the original are asked
 * for. Pure.
 *
 * RFC 9110 section 14 as S3 has it: one range of bytes; what cannot be understood is ignored, as are several ranges. */
#pragma once

#include "runtime/base/span.h"
#include "store/bucket.h"

#include <stdbool.h>
#include <stdint.h>

enum range_verdict {
    RANGE_WHOLE,         /* no header, or one that is ignored: everything, status 200 */
    RANGE_PART,          /* [first, first + size), status 206 */
    RANGE_UNSATISFIABLE, /* 416 InvalidRange */
};

/* `header` is the value of Range, `total` the original size. */
enum range_verdict range_resolve(struct span header, uint64_t total, uint64_t *ret_first, uint64_t *ret_size);

/* The same before the size is known, for a store to fetch by: `intent` is left as it is when the header is ignored. */
void range_expect(struct span header, struct open_intent *intent);

enum { CONTENT_RANGE_BYTES = 72 };
/* "bytes 0-9/100", or "bytes *" and the total when size is 0; with a terminating zero. */
void range_format(uint64_t first, uint64_t size, uint64_t total, char ret_text[CONTENT_RANGE_BYTES]);
