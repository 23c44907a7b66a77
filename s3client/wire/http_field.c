/* s3client/wire/http_field.c -- the parser of one field: one pass over the bytes, sixteen at a time where it helps. */
#include "s3client/wire/http_field.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

const bool http_is_token[256] = {
    ['!'] = 1, ['#'] = 1, ['$'] = 1, ['%'] = 1,         ['&'] = 1,         ['\''] = 1,
    ['*'] = 1, ['+'] = 1, ['-'] = 1, ['.'] = 1,         ['^'] = 1,         ['_'] = 1,
    ['`'] = 1, ['|'] = 1, ['~'] = 1, ['0' ... '9'] = 1, ['A' ... 'Z'] = 1, ['a' ... 'z'] = 1,
};

static inline const uint8_t *find_control(const uint8_t *at, const uint8_t *end, uint8_t most)
{
#ifdef __SSE2__
    const __m128i limit = _mm_set1_epi8((char)most);
    const __m128i delete = _mm_set1_epi8(0x7f);
    for (; end - at >= 16; at += 16) {
        __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)at);
        __m128i low = _mm_cmpeq_epi8(_mm_min_epu8(bytes, limit), bytes);
        int found = _mm_movemask_epi8(_mm_or_si128(low, _mm_cmpeq_epi8(bytes, delete)));
        if (found != 0)
            return at + __builtin_ctz((unsigned)found);
    }
#endif
    while (at<end && * at> most && *at != 0x7f)
        at++;
    return at;
}

#ifdef __SSE2__
/* 0xff where the byte is one of least..most. */
static inline __m128i within(__m128i bytes, char least, char most)
{
    __m128i above = _mm_sub_epi8(bytes, _mm_set1_epi8(least));
    return _mm_cmpeq_epi8(_mm_min_epu8(above, _mm_set1_epi8((char)(most - least))), above);
}
#endif

/* Where a token ends. Names hardly have anything but letters, digits and hyphens; the table has the rest. */
static inline const uint8_t *find_token_end(const uint8_t *at, const uint8_t *end)
{
#ifdef __SSE2__
    const __m128i hyphen = _mm_set1_epi8('-');
    const __m128i to_lower = _mm_set1_epi8(0x20);
    for (; end - at >= 16; at += 16) {
        __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)at);
        __m128i letters = within(_mm_or_si128(bytes, to_lower), 'a', 'z');
        __m128i others = _mm_or_si128(within(bytes, '0', '9'), _mm_cmpeq_epi8(bytes, hyphen));
        unsigned known = (unsigned)_mm_movemask_epi8(_mm_or_si128(letters, others));
        if (known != 0xffff) {
            at += __builtin_ctz(~known);
            break;
        }
    }
#endif
    while (at < end && http_is_token[*at])
        at++;
    return at;
}

const uint8_t *http_find_control(const uint8_t *at, const uint8_t *end, uint8_t most)
{
    return find_control(at, end, most);
}

static enum http_parse refuse(const char *reason, const char **ret_reason)
{
    *ret_reason = reason;
    return HTTP_PARSE_FAILED;
}

enum http_parse http_field_parse(const uint8_t **position, const uint8_t *end, struct http_field *ret_field,
                                 const char **ret_reason)
{
    const uint8_t *name = *position;
    const uint8_t *at = find_token_end(name, end);
    if (at == end)
        return HTTP_PARSE_MORE;
    if (*at != ':' || at == name)
        return refuse(*name == ' ' || *name == '\t' ? "A header line begins with a space (obsolete folding)."
                                                    : "A header line is not \"name: value\".",
                      ret_reason);
    ret_field->name = span_of(name, (size_t)(at - name));
    do {
        at++;
    } while (at < end && (*at == ' ' || *at == '\t'));

    const uint8_t *value = at;
    while ((at = find_control(at, end, 0x1f)) < end && *at == '\t')
        at++;
    if (end - at < 2 && (at == end || *at == '\r'))
        return HTTP_PARSE_MORE;
    if (end - at < 2 || at[0] != '\r' || at[1] != '\n')
        return refuse("A header value holds a control byte.", ret_reason);
    *position = at + 2;
    while (at > value && (at[-1] == ' ' || at[-1] == '\t'))
        at--;
    ret_field->value = span_of(value, (size_t)(at - value));
    return HTTP_PARSE_DONE;
}

void http_connection_options(struct span value, bool *says_close, bool *says_keep_alive)
{
    while (value.size > 0) {
        size_t comma = span_find(value, ',');
        struct span option = span_trim(span_take(value, comma));
        *says_close |= HTTP_NAME_IS(option, "close");
        *says_keep_alive |= HTTP_NAME_IS(option, "keep-alive");
        value = comma == SIZE_MAX ? SPAN_EMPTY : span_skip(value, comma + 1);
    }
}
