/* store/key_class.c -- looks at a key segment by segment. */
#include "store/key_class.h"

#include "runtime/base/assert.h"

static unsigned segment_classes(struct span segment, bool is_first, bool is_last)
{
    if (segment.size == 0) {
        unsigned at_an_end = (is_first ? KEY_LEADING_SLASH : 0) | (is_last ? KEY_TRAILING_SLASH : 0);
        return at_an_end != 0 ? at_an_end : KEY_EMPTY_SEGMENT;
    }
    if (span_equal(segment, SPAN(".")) || span_equal(segment, SPAN("..")))
        return KEY_DOT_SEGMENT;
    return segment.size > KEY_SEGMENT_BYTES ? KEY_LONG_SEGMENT : 0;
}

unsigned key_classes(struct span key)
{
    unsigned classes = 0;
    for (size_t i = 0; i < key.size; i++)
        if (key.data[i] < 0x20 || key.data[i] == 0x7f)
            classes |= KEY_CONTROL_BYTES;
    bool is_first = true;
    for (;;) {
        size_t slash = span_find(key, '/');
        bool is_last = slash == SIZE_MAX;
        classes |= segment_classes(span_take(key, slash), is_first, is_last && !is_first);
        if (is_last)
            return classes;
        key = span_skip(key, slash + 1);
        is_first = false;
    }
}

const char *key_class_text(unsigned classes)
{
    static const struct {
        enum key_class class;
        const char *text;
    } texts[] = {
        {KEY_LEADING_SLASH, "a slash at its beginning"},
        {KEY_EMPTY_SEGMENT, "two slashes in a row"},
        {KEY_DOT_SEGMENT, "a dot or two dots alone between slashes"},
        {KEY_CONTROL_BYTES, "control characters"},
        {KEY_LONG_SEGMENT, "more than 255 bytes between two slashes"},
        {KEY_TRAILING_SLASH, "a slash at its end"},
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        if ((classes & texts[i].class) != 0)
            return texts[i].text;
    UNREACHABLE();
}
