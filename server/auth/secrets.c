/* server/auth/secrets.c -- one list of names, and where they are looked for. */
#include "server/auth/secrets.h"

#include "runtime/base/base64.h"
#include "runtime/base/buffer.h"

#include <string.h>

static const char *const names[] = {
    "x-amz-server-side-encryption-customer-key",
    "x-amz-copy-source-server-side-encryption-customer-key",
};

enum { NAMES = sizeof names / sizeof names[0] };

bool secret_is_named(struct span name)
{
    for (size_t i = 0; i < NAMES; i++)
        if (span_equal_ignore_case(name, span_from_string(names[i])))
            return true;
    return false;
}

struct span secret_hide(struct span name, struct span value)
{
    return secret_is_named(name) ? SPAN(SECRET_HIDDEN) : value;
}

bool secret_is_sent(const struct http_head *head)
{
    struct span value;
    for (size_t i = 0; i < NAMES; i++)
        if (http_head_find(head, names[i], &value))
            return true;
    return false;
}

/* ---- canonical requests ---- */

/* Up to the first of these bytes, or all of it. */
static struct span take_until(struct span text, const char *stops)
{
    size_t size = 0;
    while (size < text.size && (text.data[size] == '\0' || strchr(stops, text.data[size]) == NULL))
        size++;
    return span_take(text, size);
}

/* Appends "name=value", which ends at the next '&' or line, or "name:value", which ends with its line, and the byte
 * behind it. Lines of neither kind are names without a value. Returns what is left. */
static struct span hide_next(struct span text, struct buffer *to)
{
    struct span name = take_until(text, ":=&\n");
    struct span rest = span_skip(text, name.size);
    buffer_append(to, name);
    if (rest.size > 0 && (rest.data[0] == ':' || rest.data[0] == '=')) {
        const char *ends = rest.data[0] == ':' ? "\n" : "&\n";
        buffer_append_byte(to, rest.data[0]);
        struct span value = take_until(span_skip(rest, 1), ends);
        buffer_append(to, secret_hide(name, value));
        rest = span_skip(rest, 1 + value.size);
    }
    if (rest.size == 0)
        return rest;
    buffer_append_byte(to, rest.data[0]);
    return span_skip(rest, 1);
}

struct span secret_hide_canonical(struct arena *arena, struct span canonical)
{
    struct buffer hidden;
    buffer_init(&hidden, 0);
    while (canonical.size > 0)
        canonical = hide_next(canonical, &hidden);
    struct span copy = arena_copy(arena, buffer_span(&hidden));
    buffer_free(&hidden);
    return copy;
}

/* ---- policies of forms ---- */

static bool holds_name(struct span text)
{
    for (size_t at = 0; at < text.size; at++)
        for (size_t i = 0; i < NAMES; i++)
            if (span_equal_ignore_case(span_take(span_skip(text, at), strlen(names[i])), span_from_string(names[i])))
                return true;
    return false;
}

struct span secret_hide_policy(struct arena *arena, struct span base64)
{
    size_t size = base64_decoded_bytes(base64);
    uint8_t *decoded = arena_allocate(arena, size + 1);
    if (decoded == NULL)
        return SPAN_EMPTY;
    bool is_base64 = base64_decode(base64, decoded, size); /* else it may be the policy itself */
    return holds_name(is_base64 ? span_of(decoded, size) : base64) ? SPAN(SECRET_HIDDEN) : base64;
}
