/* runtime/base/base64.c -- strict in, canonical out. */
#include "runtime/base/base64.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void base64_encode(struct span bytes, char *ret_text)
{
    size_t i = 0;
    for (; i + 3 <= bytes.size; i += 3) {
        uint32_t group = (uint32_t)bytes.data[i] << 16 | (uint32_t)bytes.data[i + 1] << 8 | bytes.data[i + 2];
        *ret_text++ = alphabet[group >> 18];
        *ret_text++ = alphabet[group >> 12 & 63];
        *ret_text++ = alphabet[group >> 6 & 63];
        *ret_text++ = alphabet[group & 63];
    }
    size_t left = bytes.size - i;
    if (left == 0)
        return;
    uint32_t group = (uint32_t)bytes.data[i] << 16 | (left == 2 ? (uint32_t)bytes.data[i + 1] << 8 : 0);
    *ret_text++ = alphabet[group >> 18];
    *ret_text++ = alphabet[group >> 12 & 63];
    *ret_text++ = left == 2 ? alphabet[group >> 6 & 63] : '=';
    *ret_text = '=';
}

/* -1: none of the alphabet, whose last two digits are given. */
static int digit_value(uint8_t digit, uint8_t last_but_one, uint8_t last)
{
    if (digit >= 'A' && digit <= 'Z')
        return digit - 'A';
    if (digit >= 'a' && digit <= 'z')
        return digit - 'a' + 26;
    if (digit >= '0' && digit <= '9')
        return digit - '0' + 52;
    return digit == last_but_one ? 62 : digit == last ? 63 : -1;
}

/* `text` is digits alone. False: one is none, or bits that are left over mean something. */
static bool decode_digits(struct span text, uint8_t last_but_one, uint8_t last, uint8_t *ret_bytes)
{
    uint32_t bits = 0;
    unsigned count = 0;
    for (size_t i = 0; i < text.size; i++) {
        int value = digit_value(text.data[i], last_but_one, last);
        if (value < 0)
            return false;
        bits = bits << 6 | (uint32_t)value;
        count += 6;
        if (count >= 8) {
            count -= 8;
            *ret_bytes++ = (uint8_t)(bits >> count);
        }
    }
    return (bits & ((1U << count) - 1)) == 0;
}

bool base64_decode(struct span text, uint8_t *ret_bytes, size_t size)
{
    if (text.size != BASE64_ENCODED_BYTES(size))
        return false;
    size_t digits = (size * 8 + 5) / 6;
    for (size_t i = digits; i < text.size; i++) {
        if (text.data[i] != '=')
            return false;
    }
    return decode_digits(span_take(text, digits), '+', '/', ret_bytes);
}

/* ---- the alphabet for names ---- */

static const char url_alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

void base64_url_encode(struct span bytes, char *ret_text)
{
    uint32_t bits = 0;
    unsigned count = 0;
    for (size_t i = 0; i < bytes.size; i++) {
        bits = bits << 8 | bytes.data[i];
        for (count += 8; count >= 6; count -= 6)
            *ret_text++ = url_alphabet[bits >> (count - 6) & 63];
    }
    if (count > 0)
        *ret_text = url_alphabet[bits << (6 - count) & 63];
}

bool base64_url_decode(struct span text, uint8_t *ret_bytes, size_t size)
{
    return text.size == BASE64_URL_BYTES(size) && decode_digits(text, '-', '_', ret_bytes);
}
