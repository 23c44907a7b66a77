/* s3client/wire/xml_writer.c -- XML out. A page of a list has thousands of elements: runs of plain bytes are copied. */
#include "s3client/wire/xml_writer.h"

#include "runtime/base/assert.h"
#include "runtime/base/decimal.h"
#include "s3client/wire/uri.h"

#include <string.h>

#define REPLACEMENT_CHARACTER "\xef\xbf\xbd"

/* 0: copied as it is. 1: needs a look. */
static const uint8_t is_special[256] = {
    [0x00 ... 0x1f] = 1, ['&'] = 1, ['<'] = 1, ['>'] = 1, ['"'] = 1, [0x80 ... 0xff] = 1,
};

static void append_tag(struct buffer *out, const char *before, const char *element, const char *after)
{
    buffer_append_string(out, before);
    buffer_append_string(out, element);
    buffer_append_string(out, after);
}

static const char *escape_of(uint8_t byte)
{
    switch (byte) {
    case '&':
        return "&amp;";
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    case '"':
        return "&quot;";
    case '\t':
        return "&#9;";
    case '\n':
        return "&#10;";
    case '\r':
        return "&#13;";
    default:
        return REPLACEMENT_CHARACTER; /* XML 1.0 has no way to write it */
    }
}

/* U+FFFE and U+FFFF are valid UTF-8 and no XML characters. */
static bool is_noncharacter(struct span character)
{
    return character.size == 3 && character.data[0] == 0xef && character.data[1] == 0xbf && character.data[2] >= 0xbe;
}

static void append_escaped(struct buffer *out, struct span text)
{
    while (text.size > 0) {
        size_t plain = 0;
        while (plain < text.size && !is_special[text.data[plain]])
            plain++;
        buffer_append(out, span_take(text, plain));
        text = span_skip(text, plain);
        if (text.size == 0)
            return;
        size_t step = 1;
        if (text.data[0] < 0x80) {
            buffer_append_string(out, escape_of(text.data[0]));
        } else {
            step = utf8_sequence_bytes(text);
            struct span character = span_take(text, step);
            if (step == 0 || is_noncharacter(character))
                character = SPAN(REPLACEMENT_CHARACTER);
            buffer_append(out, character);
            step = step == 0 ? 1 : step;
        }
        text = span_skip(text, step);
    }
}

void xml_begin(struct xml_writer *writer, struct buffer *out)
{
    writer->out = out;
    writer->depth = 0;
    buffer_append_string(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
}

static void push(struct xml_writer *writer, const char *element)
{
    ASSERT(writer->depth < sizeof writer->open / sizeof writer->open[0]);
    writer->open[writer->depth++] = element;
}

void xml_open_root(struct xml_writer *writer, const char *element, const char *namespace_uri)
{
    ASSERT(writer->depth == 0);
    push(writer, element);
    append_tag(writer->out, "<", element, "");
    if (namespace_uri != NULL)
        append_tag(writer->out, " xmlns=\"", namespace_uri, "\"");
    buffer_append_byte(writer->out, '>');
}

void xml_open(struct xml_writer *writer, const char *element)
{
    push(writer, element);
    append_tag(writer->out, "<", element, ">");
}

void xml_close(struct xml_writer *writer)
{
    ASSERT(writer->depth > 0);
    append_tag(writer->out, "</", writer->open[--writer->depth], ">");
}

void xml_text(struct xml_writer *writer, const char *element, struct span text)
{
    append_tag(writer->out, "<", element, ">");
    append_escaped(writer->out, text);
    append_tag(writer->out, "</", element, ">");
}

void xml_string(struct xml_writer *writer, const char *element, const char *text)
{
    xml_text(writer, element, span_from_string(text));
}

void xml_decimal(struct xml_writer *writer, const char *element, uint64_t value)
{
    char digits[DECIMAL_BYTES_MAX];
    xml_text(writer, element, span_of(digits, decimal_format(value, digits)));
}

void xml_bool(struct xml_writer *writer, const char *element, bool value)
{
    xml_string(writer, element, value ? "true" : "false");
}

void xml_empty(struct xml_writer *writer, const char *element)
{
    append_tag(writer->out, "<", element, "/>");
}

void xml_end(struct xml_writer *writer)
{
    ASSERT(writer->depth == 0);
}
