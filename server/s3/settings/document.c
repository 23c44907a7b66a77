/* server/s3/settings/document.c -- what the documents of all settings share. */
#include "server/s3/settings/document.h"

#include "runtime/base/decimal.h"
#include "runtime/base/utf8.h"
#include "s3client/wire/s3_error.h"

enum { INTEGER_MAX = 999999999 };

void *document_allocate(struct arena *arena, size_t size, struct error *error)
{
    void *memory = arena_allocate(arena, size);
    if (memory == NULL)
        error_set(error, ERROR_TOO_LARGE, S3_MaxMessageLengthExceeded, "The document is too large.");
    return memory;
}

bool document_take_texts(const struct xml_field *field, struct arena *arena, struct document_texts *ret_texts,
                         struct error *error)
{
    *ret_texts = (struct document_texts){.count = field->count};
    if (field->count == 0)
        return true;
    ret_texts->items = document_allocate(arena, field->count * sizeof ret_texts->items[0], error);
    if (ret_texts->items == NULL)
        return false;
    const struct xml_element *element = field->first;
    for (unsigned i = 0; i < field->count; i++, element = xml_tree_next(element))
        ret_texts->items[i] = element->text;
    return true;
}

void document_write_texts(struct xml_writer *xml, const char *element, const struct document_texts *texts)
{
    for (unsigned i = 0; i < texts->count; i++)
        xml_text(xml, element, texts->items[i]);
}

static bool refuse_number(const struct xml_element *element, struct error *error)
{
    return error_set(error, ERROR_INVALID, S3_MalformedXML, "The XML you provided has no number in %.*s.",
                     SPAN_FORMAT(span_take(element->name, 64)));
}

bool document_take_integer(const struct xml_element *element, int64_t *ret_value, struct error *error)
{
    uint64_t value;
    bool is_negative = span_starts_with(element->text, SPAN("-"));
    if (!decimal_parse_range(span_skip(element->text, is_negative ? 1 : 0), 0, INTEGER_MAX, &value))
        return refuse_number(element, error);
    *ret_value = is_negative ? -(int64_t)value : (int64_t)value;
    return true;
}

bool document_take_size(const struct xml_element *element, uint64_t *ret_value, struct error *error)
{
    return decimal_parse(element->text, ret_value) || refuse_number(element, error);
}

void document_begin(struct xml_writer *xml, struct buffer *to, const char *root)
{
    xml_begin(xml, to);
    xml_open_root(xml, root, XML_NAMESPACE_S3);
}

void document_end(struct xml_writer *xml)
{
    xml_close(xml);
    xml_end(xml);
}

size_t document_count_characters(struct span text)
{
    size_t characters = 0;
    for (size_t bytes; text.size > 0; text = span_skip(text, bytes), characters++)
        if ((bytes = utf8_sequence_bytes(text)) == 0)
            return SIZE_MAX;
    return characters;
}
