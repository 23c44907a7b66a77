/* runtime/log/log_line.c -- quoting and escaping: most values need neither, and are copied. */
#include "runtime/log/log_line.h"

#include "runtime/base/decimal.h"
#include "runtime/base/utf8.h"

#include <stdio.h>
#include <time.h>

enum {
    ESCAPE_BYTES_MAX = 6,                                             /* \u001f */
    TAIL_BYTES = 4,                                                   /* quote, brace, line feed: always have room */
    TEXT_END = LOG_LINE_BYTES_MAX - TAIL_BYTES,                       /* values end here */
    FIELD_BYTES_LEAST = 3 + ESCAPE_BYTES_MAX + DECIMAL_BYTES_MAX + 1, /* beside its name: with less, it is left out */
};

static const char *const level_names[] = {"error", "warning", "info", "debug"};

static const char hex_digits[] = "0123456789abcdef";

/* What needs no quotes in text. */
static const bool is_bare[256] = {
    ['!'] = 1,
    ['#' ... '<'] = 1,
    ['>' ... '['] = 1,
    [']' ... '~'] = 1,
};

static void put(struct log_line *line, const void *bytes, size_t size)
{
    memcpy(line->data + line->size, bytes, size);
    line->size += size;
}

static void put_string(struct log_line *line, const char *string)
{
    put(line, string, strlen(string));
}

static void put_byte(struct log_line *line, char byte)
{
    line->data[line->size++] = (uint8_t)byte;
}

/* Bytes of the character that `text` begins with; 0: none, or a control character (C1: U+0080 to U+009F). */
static size_t printable_character(struct span text)
{
    bool is_control = text.size >= 2 && text.data[0] == 0xc2 && text.data[1] < 0xa0;
    return is_control ? 0 : utf8_sequence_bytes(text);
}

static void put_escaped_byte(struct log_line *line, enum log_format format, uint8_t byte)
{
    static const char shorts[] = "\"\"\\\\\nn\rr\tt";
    for (size_t i = 0; i < sizeof shorts - 1; i += 2) {
        if (byte == (uint8_t)shorts[i]) {
            put_byte(line, '\\');
            put_byte(line, shorts[i + 1]);
            return;
        }
    }
    if (format == LOG_JSON)
        put_string(line, byte < 0x80 ? "\\u00" : "\\ufffd");
    else
        put_string(line, "\\x");
    if (format == LOG_TEXT || byte < 0x80) {
        put_byte(line, hex_digits[byte >> 4]);
        put_byte(line, hex_digits[byte & 15]);
    }
}

/* Between quotes; cut where the line's room ends. */
static void put_escaped(struct log_line *line, enum log_format format, struct span text)
{
    size_t i = 0;
    while (i < text.size && line->size + ESCAPE_BYTES_MAX <= TEXT_END) {
        uint8_t byte = text.data[i];
        if (byte >= 0x20 && byte < 0x7f && byte != '"' && byte != '\\') {
            put_byte(line, (char)byte);
            i++;
            continue;
        }
        size_t character = byte < 0x80 ? 0 : printable_character(span_skip(text, i));
        if (character == 0)
            put_escaped_byte(line, format, byte);
        else
            put(line, text.data + i, character);
        i += character == 0 ? 1 : character;
    }
}

static bool needs_quotes(struct span text)
{
    bool all_bare = text.size > 0;
    for (size_t i = 0; i < text.size; i++)
        all_bare &= is_bare[text.data[i]];
    return !all_bare;
}

static void put_text(struct log_line *line, enum log_format format, struct span text)
{
    if (format == LOG_TEXT && !needs_quotes(text)) {
        size_t room = TEXT_END - line->size;
        put(line, text.data, text.size < room ? text.size : room);
        return;
    }
    put_byte(line, '"');
    put_escaped(line, format, text);
    put_byte(line, '"');
}

static void put_number(struct log_line *line, int64_t number)
{
    char digits[DECIMAL_BYTES_MAX];
    if (number < 0)
        put_byte(line, '-');
    put(line, digits, decimal_format(number < 0 ? 0 - (uint64_t)number : (uint64_t)number, digits));
}

static void put_field(struct log_line *line, enum log_format format, const struct log_field *field)
{
    size_t name_size = strlen(field->name);
    if (line->size + name_size + FIELD_BYTES_LEAST > TEXT_END)
        return;
    put_string(line, format == LOG_JSON ? ",\"" : " ");
    put(line, field->name, name_size);
    put_string(line, format == LOG_JSON ? "\":" : "=");
    if (field->kind == LOG_FIELD_NUMBER)
        put_number(line, field->number);
    else
        put_text(line, format, field->text);
}

static void put_time(struct log_line *line, int64_t wall_ms)
{
    int64_t second = wall_ms / 1000;
    if (second != line->second) {
        time_t seconds = second;
        struct tm parts;
        (void)gmtime_r(&seconds, &parts);
        if (strftime(line->stamp, sizeof line->stamp, "%Y-%m-%dT%H:%M:%S", &parts) == 0)
            line->stamp[0] = 0;
        line->second = second;
    }
    unsigned rest = (unsigned)(wall_ms % 1000);
    char fraction[] = {'.', (char)('0' + rest / 100), (char)('0' + rest / 10 % 10), (char)('0' + rest % 10), 'Z'};
    put_string(line, line->stamp);
    put(line, fraction, sizeof fraction);
}

struct span log_line_build(struct log_line *line, enum log_format format, int64_t wall_ms, enum log_level level,
                           const char *event, const struct log_field *fields, unsigned count)
{
    line->size = 0;
    put_string(line, format == LOG_JSON ? "{\"time\":\"" : "");
    put_time(line, wall_ms);
    put_string(line, format == LOG_JSON ? "\",\"level\":\"" : " ");
    put_string(line, level_names[level]);
    put_string(line, format == LOG_JSON ? "\",\"event\":\"" : " ");
    put_string(line, event);
    put_string(line, format == LOG_JSON ? "\"" : "");
    for (unsigned i = 0; i < count; i++)
        put_field(line, format, &fields[i]);
    put_string(line, format == LOG_JSON ? "}\n" : "\n");
    return span_of(line->data, line->size);
}
