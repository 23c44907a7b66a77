/* runtime/base/span.c -- the verbs of span.h that are more than a line. */
#include "runtime/base/span.h"

static uint8_t to_lower(uint8_t byte)
{
    return byte >= 'A' && byte <= 'Z' ? (uint8_t)(byte | 0x20) : byte;
}

bool span_equal_ignore_case(struct span a, struct span b)
{
    if (a.size != b.size)
        return false;
    for (size_t i = 0; i < a.size; i++)
        if (to_lower(a.data[i]) != to_lower(b.data[i]))
            return false;
    return true;
}

static bool is_blank(uint8_t byte)
{
    return byte == ' ' || byte == '\t';
}

struct span span_trim(struct span text)
{
    while (text.size > 0 && is_blank(text.data[0]))
        text = span_skip(text, 1);
    while (text.size > 0 && is_blank(text.data[text.size - 1]))
        text.size--;
    return text;
}

bool span_equal_constant_time(struct span a, struct span b)
{
    if (a.size != b.size)
        return false;
    volatile uint8_t difference = 0;
    for (size_t i = 0; i < a.size; i++)
        difference |= (uint8_t)(a.data[i] ^ b.data[i]);
    return difference == 0;
}
