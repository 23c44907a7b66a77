/* runtime/base/hex.c -- hexadecimal text. */
#include "runtime/base/hex.h"

/* Computed rather than looked up: the compiler makes vectors of it. */
static inline char digit_of(uint8_t value)
{
    return (char)(value + '0' + (value > 9 ? 'a' - '0' - 10 : 0));
}

void hex_encode(struct span bytes, char *restrict ret_text)
{
    for (size_t i = 0; i < bytes.size; i++) {
        ret_text[2 * i] = digit_of(bytes.data[i] >> 4);
        ret_text[2 * i + 1] = digit_of(bytes.data[i] & 15);
    }
}

/* 1 more than the value; 0: no digit. Looked up: names of the journal and signatures are read all the time. */
static const uint8_t digit_values[256] = {
    ['0'] = 1,  ['1'] = 2,  ['2'] = 3,  ['3'] = 4,  ['4'] = 5,  ['5'] = 6,  ['6'] = 7,  ['7'] = 8,
    ['8'] = 9,  ['9'] = 10, ['a'] = 11, ['b'] = 12, ['c'] = 13, ['d'] = 14, ['e'] = 15, ['f'] = 16,
    ['A'] = 11, ['B'] = 12, ['C'] = 13, ['D'] = 14, ['E'] = 15, ['F'] = 16,
};

int hex_digit_value(uint8_t digit)
{
    return digit_values[digit] - 1;
}

bool hex_decode(struct span text, uint8_t *ret_bytes, size_t size)
{
    if (text.size != size * 2)
        return false;
    for (size_t i = 0; i < size; i++) {
        int high = hex_digit_value(text.data[2 * i]);
        int low = hex_digit_value(text.data[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        ret_bytes[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}
