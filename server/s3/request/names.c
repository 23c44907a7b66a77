/* server/s3/request/names.c -- which names of buckets and objects are allowed, and which are reserved. */
#include "server/s3/request/names.h"

#include "store/bucket.h"

static bool is_letter_or_digit(uint8_t byte)
{
    return (byte >= 'a' && byte <= 'z') || (byte >= '0' && byte <= '9');
}

/* Four numbers between dots: what a client would take for an address, in range or not. */
static bool looks_like_ipv4(struct span name)
{
    unsigned dots = 0;
    unsigned digits = 0;
    for (size_t i = 0; i < name.size; i++) {
        if (name.data[i] == '.') {
            if (digits == 0)
                return false;
            dots++;
            digits = 0;
        } else if (name.data[i] >= '0' && name.data[i] <= '9' && digits < 3) {
            digits++;
        } else {
            return false;
        }
    }
    return dots == 3 && digits > 0;
}

bool bucket_name_is_valid(struct span name)
{
    if (name.size < 3 || name.size > BUCKET_NAME_BYTES_MAX)
        return false;
    if (!is_letter_or_digit(name.data[0]) || !is_letter_or_digit(name.data[name.size - 1]))
        return false;
    for (size_t i = 0; i < name.size; i++) {
        bool is_dot = name.data[i] == '.';
        if (!is_letter_or_digit(name.data[i]) && !is_dot && name.data[i] != '-')
            return false;
        if (is_dot && name.data[i + 1] == '.') /* the last byte is no dot */
            return false;
    }
    return !looks_like_ipv4(name) && !span_starts_with(name, SPAN("xn--")) && !span_ends_with(name, SPAN("-s3alias"));
}

/* The segment up to the next '/', which is taken away from *rest with it. */
static struct span next_segment(struct span *rest)
{
    size_t slash = span_find(*rest, '/');
    struct span segment = span_take(*rest, slash);
    *rest = slash == SIZE_MAX ? span_skip(*rest, rest->size) : span_skip(*rest, slash + 1);
    return segment;
}

bool object_key_climbs(struct span key)
{
    size_t depth = 0;
    while (key.size > 0) {
        struct span segment = next_segment(&key);
        if (span_equal(segment, SPAN(".."))) {
            if (depth == 0)
                return true;
            depth--;
        } else if (segment.size > 0 && !span_equal(segment, SPAN("."))) {
            depth++;
        }
    }
    return false;
}

bool object_key_is_reserved(struct span key)
{
    return span_ends_with(key, SPAN(".s4index")) || span_starts_with(key, SPAN(".s4dict/")) ||
           span_starts_with(key, SPAN(".s4mpu/")) || span_starts_with(key, SPAN(".bale/"));
}

bool metadata_name_is_reserved(struct span name)
{
    return name.size >= 3 && span_equal_ignore_case(span_take(name, 3), SPAN("s4-"));
}

enum { VERSION_ID_BYTES_MIN = 20, VERSION_ID_BYTES_MAX = 64 };
_Static_assert((int)VERSION_ID_BYTES_MAX < (int)VERSION_TEXT_BYTES, "stores are promised that it fits");

bool version_id_is_well_formed(struct span version)
{
    if (span_equal(version, SPAN("null")))
        return true;
    if (version.size < VERSION_ID_BYTES_MIN || version.size > VERSION_ID_BYTES_MAX)
        return false;
    for (size_t i = 0; i < version.size; i++) {
        uint8_t byte = version.data[i];
        bool is_letter = (byte | 0x20) >= 'a' && (byte | 0x20) <= 'z';
        bool is_mark = byte != 0 && strchr("._-+/", byte) != NULL;
        if (!is_letter && !(byte >= '0' && byte <= '9') && !is_mark)
            return false;
    }
    return true;
}
