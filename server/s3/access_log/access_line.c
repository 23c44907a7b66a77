/* server/s3/access_log/access_line.c -- a line of an access log, field by field. */
#include "server/s3/access_log/access_line.h"

#include "runtime/base/hex.h"
#include "server/auth/secrets.h"

#include <time.h>

enum { TEXT_BYTES_MAX = 8 << 10 }; /* of each text that a client has sent */

/* ---- pieces ---- */

static void put_raw(struct buffer *to, struct span text)
{
    if (text.size == 0)
        buffer_append_string(to, "-");
    else
        buffer_append(to, text);
}

static void put_string(struct buffer *to, const char *text)
{
    buffer_append_byte(to, ' ');
    put_raw(to, text == NULL ? SPAN_EMPTY : span_from_string(text));
}

static void put_text(struct buffer *to, struct span text)
{
    buffer_append_byte(to, ' ');
    put_raw(to, text);
}

static void put_number(struct buffer *to, bool is_there, uint64_t number)
{
    buffer_append_byte(to, ' ');
    if (is_there)
        buffer_append_decimal(to, number);
    else
        buffer_append_byte(to, '-');
}

/* '%' stays as it is in what came encoded, so that it is not encoded twice. */
static void put_encoded(struct buffer *to, struct span text, bool is_encoded)
{
    static const char digits[] = "0123456789ABCDEF";
    text = span_take(text, TEXT_BYTES_MAX);
    for (size_t i = 0; i < text.size; i++) {
        uint8_t byte = text.data[i];
        if (byte > ' ' && byte < 0x7f && byte != '"' && (is_encoded || byte != '%')) {
            buffer_append_byte(to, byte);
            continue;
        }
        buffer_append_byte(to, '%');
        buffer_append_byte(to, (uint8_t)digits[byte >> 4]);
        buffer_append_byte(to, (uint8_t)digits[byte & 15]);
    }
}

static void put_quoted(struct buffer *to, struct span text)
{
    buffer_append_string(to, " \"");
    if (text.size == 0)
        buffer_append_byte(to, '-');
    put_encoded(to, text, true);
    buffer_append_byte(to, '"');
}

static void put_time(struct buffer *to, int64_t time_ms)
{
    char text[64];
    struct tm parts;
    time_t seconds = (time_t)(time_ms / 1000);
    (void)gmtime_r(&seconds, &parts);
    size_t size = strftime(text, sizeof text, " [%d/%b/%Y:%H:%M:%S +0000]", &parts);
    buffer_append(to, span_of(text, size));
}

/* ---- the target ---- */

/* A name that is percent-encoded in part is the same name. */
static struct span decode_name(struct span name, uint8_t *ret_bytes, size_t capacity)
{
    size_t size = 0;
    for (size_t i = 0; i < name.size && size < capacity; i++) {
        bool is_escape =
            name.data[i] == '%' && name.size - i > 2 && hex_decode(span_of(name.data + i + 1, 2), ret_bytes + size, 1);
        if (!is_escape)
            ret_bytes[size] = name.data[i];
        i += is_escape ? 2 : 0;
        size++;
    }
    return span_of(ret_bytes, size);
}

static bool is_secret(struct span text)
{
    uint8_t bytes[64]; /* a longer name is none of them */
    struct span name = decode_name(text, bytes, sizeof bytes);
    static const struct span secrets[] = {SPAN("X-Amz-Signature"), SPAN("X-Amz-Security-Token"), SPAN("Signature")};
    for (size_t i = 0; i < sizeof secrets / sizeof secrets[0]; i++) {
        if (span_equal_ignore_case(name, secrets[i]))
            return true;
    }
    return secret_is_named(name); /* a customer's key, which was refused there */
}

static void put_query(struct buffer *to, struct span query)
{
    for (bool is_first = true; is_first || query.size > 0; is_first = false) {
        size_t end = span_find(query, '&');
        struct span field = span_take(query, end);
        size_t equals = span_find(field, '=');
        buffer_append_byte(to, is_first ? '?' : '&');
        bool is_masked = equals != SIZE_MAX && is_secret(span_take(field, equals));
        put_encoded(to, is_masked ? span_take(field, equals + 1) : field, true);
        if (is_masked)
            buffer_append_string(to, "***");
        query = span_skip(query, end == SIZE_MAX ? query.size : end + 1);
    }
}

static void put_request(struct buffer *to, const struct access_line *line)
{
    struct span target = span_take(line->target, TEXT_BYTES_MAX);
    size_t question = span_find(target, '?');
    buffer_append_string(to, " \"");
    put_encoded(to, line->method, true);
    buffer_append_byte(to, ' ');
    put_encoded(to, span_take(target, question), true);
    if (question != SIZE_MAX)
        put_query(to, span_skip(target, question + 1));
    buffer_append_string(to, " HTTP/1.1\"");
}

/* ---- the line ---- */

void access_line_write(const struct access_line *line, struct buffer *to)
{
    put_raw(to, line->bucket_owner);
    put_text(to, line->bucket);
    put_time(to, line->time_ms);
    put_text(to, line->remote);
    put_text(to, line->requester);
    put_text(to, line->request_id);
    put_text(to, line->operation);
    buffer_append_byte(to, ' ');
    if (line->key.size > 0)
        put_encoded(to, line->key, false);
    else
        buffer_append_byte(to, '-');
    put_request(to, line);
    put_number(to, line->status != 0, (uint64_t)line->status);
    put_string(to, line->code);
    put_number(to, line->bytes_sent != 0, line->bytes_sent);
    put_number(to, line->has_size, line->object_size);
    put_number(to, true, line->total_ms);
    put_number(to, true, line->turn_around_ms);
    put_quoted(to, line->referer);
    put_quoted(to, line->agent);
    buffer_append_byte(to, ' ');
    if (line->version.size > 0)
        put_encoded(to, line->version, false);
    else
        buffer_append_byte(to, '-');
    put_text(to, line->host_id);
    put_string(to, line->signature);
    put_string(to, line->cipher);
    put_string(to, line->authentication);
    buffer_append_byte(to, ' ');
    if (line->host.size > 0)
        put_encoded(to, line->host, true);
    else
        buffer_append_byte(to, '-');
    put_string(to, line->tls_version);
    put_string(to, NULL); /* access points are not offered */
    put_string(to, line->is_by_acl ? "Yes" : NULL);
    put_text(to, line->region);
    buffer_append_byte(to, '\n');
}
