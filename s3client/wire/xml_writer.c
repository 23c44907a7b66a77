/* s3client/wire/xml_writer.c -- XML out. A page of a list has thousands of elements: runs of plain bytes are copied. */
#include "s3client/wire/xml_writer.h"

#include "runtime/base/assert.h"
#include "runtime/base/decimal.h"
#include "runtime/base/utf8.h"

#include <string.h>

#define REPLACEMENT_CHARACTER "\xef\xbf\xbd"

/* 0: copied as it is. 1: needs a look. */
static const uint8_t is_special[256] = {
    [0x00 ... 0x1f] = 1, ['&'] = 1, ['<'] = 1, ['>'] = 1, ['"'] = 1, [0x80 ... 0xff] = 1,
};

/* Names and values are short: a call of memcpy for each would cost more than the bytes. */
static inline uint8_t *put(uint8_t *to, const void *from, size_t size)
{
    if (size > 16) {
        memcpy(to, from, size);
    } else if (size >= 8) {
        uint64_t first;
        uint64_t last;
        memcpy(&first, from, 8);
        memcpy(&last, (const uint8_t *)from + size - 8, 8);
        memcpy(to, &first, 8);
        memcpy(to + size - 8, &last, 8);
    } else if (size >= 4) {
        uint32_t first;
        uint32_t last;
        memcpy(&first, from, 4);
        memcpy(&last, (const uint8_t *)from + size - 4, 4);
        memcpy(to, &first, 4);
        memcpy(to + size - 4, &last, 4);
    } else {
        for (size_t i = 0; i < size; i++)
            to[i] = ((const uint8_t *)from)[i];
    }
    return to + size;
}

/* before, element and after, with one look at the room that is left. `before` and `after` are literals. */
static inline void append_tag(struct buffer *out, struct span before, struct span element, struct span after)
{
    if (!buffer_reserve(out, before.size + element.size + after.size))
        return;
    uint8_t *at = put(out->data + out->size, before.data, before.size);
    at = put(at, element.data, element.size);
    at = put(at, after.data, after.size);
    out->size = (size_t)(at - out->data);
}

typedef uint8_t block __attribute__((vector_size(16)));

static bool is_block_plain(const uint8_t *from)
{
    block bytes;
    uint64_t special[2];
    memcpy(&bytes, from, sizeof bytes);
    block found =
        (block)((bytes < 0x20) | (bytes > 0x7f) | (bytes == '&') | (bytes == '<') | (bytes == '>') | (bytes == '"'));
    memcpy(special, &found, sizeof special);
    return (special[0] | special[1]) == 0;
}

/* How many bytes from the first on can be copied as they are. */
static size_t count_plain(struct span text)
{
    size_t plain = 0;
    while (text.size - plain >= sizeof(block) && is_block_plain(text.data + plain))
        plain += sizeof(block);
    bool is_at_tail = plain > 0 && text.size - plain < sizeof(block);
    if (is_at_tail && is_block_plain(text.data + text.size - sizeof(block)))
        return text.size;
    while (plain < text.size && !is_special[text.data[plain]])
        plain++;
    return plain;
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
        size_t plain = count_plain(text);
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
    buffer_append_string(out, XML_DECLARATION);
}

static void push(struct xml_writer *writer, struct span element)
{
    ASSERT(writer->depth < sizeof writer->open / sizeof writer->open[0]);
    writer->open[writer->depth++] = element;
}

void xml_open_root(struct xml_writer *writer, const char *element, const char *namespace_uri)
{
    ASSERT(writer->depth == 0);
    struct span name = span_from_string(element);
    push(writer, name);
    append_tag(writer->out, SPAN("<"), name, SPAN(""));
    if (namespace_uri != NULL)
        append_tag(writer->out, SPAN(" xmlns=\""), span_from_string(namespace_uri), SPAN("\""));
    buffer_append_byte(writer->out, '>');
}

void xml_open_span(struct xml_writer *writer, struct span element)
{
    push(writer, element);
    append_tag(writer->out, SPAN("<"), element, SPAN(">"));
}

void xml_open_typed(struct xml_writer *writer, const char *element, const char *type)
{
    struct span name = span_from_string(element);
    push(writer, name);
    append_tag(writer->out, SPAN("<"), name,
               SPAN(" xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" xsi:type=\""));
    append_tag(writer->out, SPAN_EMPTY, span_from_string(type), SPAN("\">"));
}

void xml_close(struct xml_writer *writer)
{
    ASSERT(writer->depth > 0);
    append_tag(writer->out, SPAN("</"), writer->open[--writer->depth], SPAN(">"));
}

/* Most texts are plain and short: the whole element with one look at the room. `quote` is a literal. */
static inline void append_element(struct buffer *out, struct span element, struct span quote, struct span text)
{
    size_t around = 2 * (element.size + quote.size) + sizeof "<></>" - 1;
    if (!buffer_reserve(out, around + text.size))
        return;
    uint8_t *at = out->data + out->size;
    at = put(at, "<", 1);
    at = put(at, element.data, element.size);
    at = put(at, ">", 1);
    at = put(at, quote.data, quote.size);
    at = put(at, text.data, text.size);
    at = put(at, quote.data, quote.size);
    at = put(at, "</", 2);
    at = put(at, element.data, element.size);
    at = put(at, ">", 1);
    out->size = (size_t)(at - out->data);
}

void xml_plain_span(struct xml_writer *writer, struct span element, struct span text)
{
    append_element(writer->out, element, SPAN(""), text);
}

void xml_text_span(struct xml_writer *writer, struct span element, struct span text)
{
    if (count_plain(text) == text.size) {
        append_element(writer->out, element, SPAN(""), text);
        return;
    }
    append_tag(writer->out, SPAN("<"), element, SPAN(">"));
    append_escaped(writer->out, text);
    append_tag(writer->out, SPAN("</"), element, SPAN(">"));
}

void xml_quoted_span(struct xml_writer *writer, struct span element, struct span text)
{
    if (count_plain(text) == text.size) {
        append_element(writer->out, element, SPAN("&quot;"), text);
        return;
    }
    append_tag(writer->out, SPAN("<"), element, SPAN(">&quot;"));
    append_escaped(writer->out, text);
    append_tag(writer->out, SPAN("&quot;</"), element, SPAN(">"));
}

void xml_decimal(struct xml_writer *writer, const char *element, uint64_t value)
{
    char digits[DECIMAL_BYTES_MAX];
    xml_plain(writer, element, span_of(digits, decimal_format(value, digits)));
}

void xml_bool(struct xml_writer *writer, const char *element, bool value)
{
    xml_string(writer, element, value ? "true" : "false");
}

void xml_empty(struct xml_writer *writer, const char *element)
{
    append_tag(writer->out, SPAN("<"), span_from_string(element), SPAN("/>"));
}

void xml_end(struct xml_writer *writer)
{
    ASSERT(writer->depth == 0);
}
