/* s3client/wire/uri.h -- percent-encoding as S3 has it (RFC 3986, and "Create a signed AWS API request"). */
#pragma once

#include "runtime/base/buffer.h"
#include "runtime/base/error.h"
#include "runtime/base/span.h"

#include <stdbool.h>

enum uri_encoding {
    URI_ENCODE_ALL,        /* everything but A-Z a-z 0-9 - . _ ~ : query names and values in signatures */
    URI_ENCODE_KEEP_SLASH, /* '/' stays: paths in signatures, encoding-type=url in lists */
};

void uri_encode(struct buffer *to, struct span text, enum uri_encoding encoding);

/* Whether decoding and encoding (URI_ENCODE_ALL) would give just this. */
bool uri_is_encoded(struct span text);

/* The byte that the text begins with an escape of; false: it is broken. */
bool uri_decode_escape(struct span text, uint8_t *ret_byte);
/* Decodes once into ret_text, which must have room for text.size bytes, and may be where the text lies; *ret_size says
 * how many came out. '+' stays a plus. False on a broken escape. */
bool uri_decode(struct span text, uint8_t *ret_text, size_t *ret_size);
/* The same where '+' means a space, as in forms: queries, x-amz-copy-source and x-amz-tagging. */
bool uri_decode_form(struct span text, uint8_t *ret_text, size_t *ret_size);

/* Steps through `a=b&c&d=e` without decoding; *position starts at 0. A name without "=" has an empty value and
 * *ret_has_value false. Empty pieces ("a&&b") are skipped. False at the end. */
bool uri_query_next(struct span query, size_t *position, struct span *ret_name, struct span *ret_value,
                    bool *ret_has_value);
