/* runtime/base/decimal.c -- digits in both directions. */
#include "runtime/base/decimal.h"

size_t decimal_format(uint64_t value, char *ret_digits)
{
    char reversed[DECIMAL_BYTES_MAX];
    size_t count = 0;
    do {
        reversed[count++] = (char)('0' + value % 10);
        value /= 10;
    } while (value != 0);
    for (size_t i = 0; i < count; i++)
        ret_digits[i] = reversed[count - 1 - i];
    return count;
}

bool decimal_parse(struct span text, uint64_t *ret_value)
{
    if (text.size == 0)
        return false;
    uint64_t value = 0;
    for (size_t i = 0; i < text.size; i++) {
        uint8_t digit = (uint8_t)(text.data[i] - '0');
        if (digit > 9 || __builtin_mul_overflow(value, 10, &value) || __builtin_add_overflow(value, digit, &value))
            return false;
    }
    *ret_value = value;
    return true;
}

bool decimal_parse_range(struct span text, uint64_t least, uint64_t most, uint64_t *ret_value)
{
    uint64_t value;
    if (!decimal_parse(text, &value) || value < least || value > most)
        return false;
    *ret_value = value;
    return true;
}
