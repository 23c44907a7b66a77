/* runtime/base/utf8.c -- RFC 3629, without overlong forms, surrogates, and what is beyond U+10FFFF. */
#include "runtime/base/utf8.h"

#include <stdint.h>
#include <string.h>

static bool is_continuation(uint8_t byte)
{
    return (byte & 0xc0) == 0x80;
}

size_t utf8_sequence_bytes(struct span text)
{
    if (text.size == 0)
        return 0;
    const uint8_t *at = text.data;
    if (at[0] < 0x80)
        return 1;
    if (at[0] >= 0xc2 && at[0] <= 0xdf)
        return text.size >= 2 && is_continuation(at[1]) ? 2 : 0;
    if (text.size >= 3 && (at[0] & 0xf0) == 0xe0 && is_continuation(at[1]) && is_continuation(at[2])) {
        bool is_overlong = at[0] == 0xe0 && at[1] < 0xa0;
        bool is_surrogate = at[0] == 0xed && at[1] > 0x9f;
        return is_overlong || is_surrogate ? 0 : 3;
    }
    if (text.size >= 4 && at[0] >= 0xf0 && at[0] <= 0xf4 && is_continuation(at[1]) && is_continuation(at[2]) &&
        is_continuation(at[3])) {
        bool is_overlong = at[0] == 0xf0 && at[1] < 0x90;
        bool is_beyond = at[0] == 0xf4 && at[1] > 0x8f;
        return is_overlong || is_beyond ? 0 : 4;
    }
    return 0;
}

bool utf8_is_valid(struct span text)
{
    while (text.size > 0) {
        uint64_t eight;
        if (text.size >= sizeof eight) { /* keys are ASCII, nearly always */
            memcpy(&eight, text.data, sizeof eight);
            if ((eight & 0x8080808080808080U) == 0) {
                text = span_skip(text, sizeof eight);
                continue;
            }
        }
        size_t step = utf8_sequence_bytes(text);
        if (step == 0)
            return false;
        text = span_skip(text, step);
    }
    return true;
}
