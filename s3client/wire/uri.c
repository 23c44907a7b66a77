/* s3client/wire/uri.c -- percent-encoding, and steps through a query. */
#include "s3client/wire/uri.h"

#include "runtime/base/hex.h"

#include <string.h>

/* 1: never encoded; 2: a slash, encoded or not as the caller says. */
static const uint8_t unreserved[256] = {
    ['A' ... 'Z'] = 1, ['a' ... 'z'] = 1, ['0' ... '9'] = 1, ['-'] = 1, ['.'] = 1, ['_'] = 1, ['~'] = 1, ['/'] = 2,
};

/* How many bytes at the beginning need no encoding. Four at a time: nearly all of what is signed is plain. */
static size_t count_plain(struct span text, uint8_t kept)
{
    const uint8_t *at = text.data;
    const uint8_t *end = at + text.size;
    while (end - at >= 4 && (unreserved[at[0]] & kept) != 0 && (unreserved[at[1]] & kept) != 0 &&
           (unreserved[at[2]] & kept) != 0 && (unreserved[at[3]] & kept) != 0)
        at += 4;
    while (at < end && (unreserved[*at] & kept) != 0)
        at++;
    return (size_t)(at - text.data);
}

void uri_encode(struct buffer *to, struct span text, enum uri_encoding encoding)
{
    static const char digits[] = "0123456789ABCDEF";
    uint8_t kept = encoding == URI_ENCODE_KEEP_SLASH ? 1 | 2 : 1;
    size_t most;
    if (__builtin_mul_overflow(text.size, (size_t)3, &most))
        most = SIZE_MAX;
    if (to->limit != 0 && most > to->limit - to->size) { /* near the limit: only what it really takes counts */
        most = text.size;
        for (size_t i = 0; i < text.size; i++)
            if ((unreserved[text.data[i]] & kept) == 0)
                most += 2;
    }
    if (text.size == 0 || !buffer_reserve(to, most))
        return;
    uint8_t *out = to->data + to->size;
    while (text.size > 0) {
        size_t plain = count_plain(text, kept);
        out = mempcpy(out, text.data, plain);
        text = span_skip(text, plain);
        if (text.size == 0)
            break;
        *out++ = '%';
        *out++ = (uint8_t)digits[text.data[0] >> 4];
        *out++ = (uint8_t)digits[text.data[0] & 15];
        text = span_skip(text, 1);
    }
    to->size = (size_t)(out - to->data);
}

bool uri_decode_escape(struct span text, uint8_t *ret_byte)
{
    if (text.size < 3)
        return false;
    int high = hex_digit_value(text.data[1]);
    int low = hex_digit_value(text.data[2]);
    if (high < 0 || low < 0)
        return false;
    *ret_byte = (uint8_t)(high << 4 | low);
    return true;
}

bool uri_is_encoded(struct span text)
{
    for (;;) {
        uint8_t byte;
        text = span_skip(text, count_plain(text, 1));
        if (text.size == 0)
            return true;
        if (text.data[0] != '%' || !uri_decode_escape(text, &byte) || (unreserved[byte] & 1) != 0 ||
            text.data[1] >= 'a' || text.data[2] >= 'a')
            return false;
        text = span_skip(text, 3);
    }
}

bool uri_decode(struct span text, uint8_t *ret_text, size_t *ret_size)
{
    uint8_t *out = ret_text;
    while (text.size > 0) {
        struct span plain = span_take(text, span_find(text, '%'));
        memmove(out, text.data, plain.size);
        out += plain.size;
        text = span_skip(text, plain.size);
        if (text.size == 0)
            break;
        if (!uri_decode_escape(text, out++))
            return false;
        text = span_skip(text, 3);
    }
    *ret_size = (size_t)(out - ret_text);
    return true;
}

bool uri_decode_form(struct span text, uint8_t *ret_text, size_t *ret_size)
{
    for (size_t i = 0; i < text.size; i++)
        ret_text[i] = text.data[i] == '+' ? ' ' : text.data[i];
    return uri_decode(span_of(ret_text, text.size), ret_text, ret_size);
}

bool uri_query_next(struct span query, size_t *position, struct span *ret_name, struct span *ret_value,
                    bool *ret_has_value)
{
    while (*position < query.size) {
        struct span rest = span_skip(query, *position);
        size_t end = span_find(rest, '&');
        struct span pair = end == SIZE_MAX ? rest : span_take(rest, end);
        *position += pair.size + 1;
        if (pair.size == 0)
            continue;
        size_t equals = span_find(pair, '=');
        *ret_has_value = equals != SIZE_MAX;
        *ret_name = *ret_has_value ? span_take(pair, equals) : pair;
        *ret_value = *ret_has_value ? span_skip(pair, equals + 1) : span_skip(pair, pair.size);
        return true;
    }
    return false;
}
