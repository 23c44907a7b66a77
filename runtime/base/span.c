/* runtime/base/span.c -- the verbs of span.h that are more than a line. */
#include "runtime/base/span.h"

bool span_equal_letters(struct span a, struct span b)
{
    for (size_t i = 0; i < a.size; i++) {
        uint8_t difference = a.data[i] ^ b.data[i];
        uint8_t lower = a.data[i] | 0x20; /* if it is a letter: the case is this one bit */
        if (difference != 0 && (difference != 0x20 || lower < 'a' || lower > 'z'))
            return false;
    }
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
    uint64_t difference = 0;
    size_t i = 0;
    for (; a.size - i >= sizeof difference; i += sizeof difference) {
        uint64_t left;
        uint64_t right;
        memcpy(&left, a.data + i, sizeof left);
        memcpy(&right, b.data + i, sizeof right);
        difference |= left ^ right;
        __asm__("" : "+r"(difference)); /* for all that the compiler knows, it may be 0 again: it cannot stop early */
    }
    for (; i < a.size; i++)
        difference |= (uint64_t)(a.data[i] ^ b.data[i]);
    return difference == 0;
}
