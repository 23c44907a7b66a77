/* s3client/wire/http_field.h -- one field of an HTTP/1.1 head, request or answer: parsed where it lies (RFC 9112,
 * section 5).
 *
 * No I/O, no allocation. Whoever parses a head bounds it, and decides what the fields together mean. */
#pragma once

#include "runtime/base/span.h"

#include <stdbool.h>
#include <stdint.h>

struct http_field {
    struct span name;  /* as sent; compare without case */
    struct span value; /* trimmed */
};

enum http_parse { HTTP_PARSE_MORE, HTTP_PARSE_DONE, HTTP_PARSE_FAILED };

/* RFC 9110, section 5.6.2. */
extern const bool http_is_token[256];

/* The first byte that is at most `most`, or DEL; `end` when there is none. */
const uint8_t *http_find_control(const uint8_t *at, const uint8_t *end, uint8_t most);

/* The line at *position. DONE: *position is behind it. MORE: `end` is not behind it yet. FAILED: *ret_reason is a
 * static sentence; obsolete folding, spaces before the colon, bare CR or LF and control bytes are refused. */
enum http_parse http_field_parse(const uint8_t **position, const uint8_t *end, struct http_field *ret_field,
                                 const char **ret_reason);

static inline uint8_t http_lower(uint8_t byte)
{
    return byte >= 'A' && byte <= 'Z' ? byte | 0x20 : byte;
}

/* `name` is lower case, and holds letters, digits and '-' only. */
static inline bool http_name_is(struct span text, struct span name)
{
    if (text.size != name.size)
        return false;
    for (size_t i = 0; i < name.size; i++) {
        if (http_lower(text.data[i]) != name.data[i])
            return false;
    }
    return true;
}

#define HTTP_NAME_IS(text, literal) http_name_is((text), SPAN(literal))

/* A filter for look-ups: the bits of all names of a head together say which names it cannot have. Names are not empty.
 */
static inline uint64_t http_name_bit(struct span name)
{
    unsigned mixed = (unsigned)name.size * 11 + (http_lower(name.data[0]) & 0x1fU) * 3 +
                     (http_lower(name.data[name.size - 1]) & 0x1fU) * 5;
    return (uint64_t)1 << (mixed & 63);
}

/* What a Connection field says; what it does not say stays. */
void http_connection_options(struct span value, bool *says_close, bool *says_keep_alive);
