/* s3client/wire/xml_reader.c -- expat, with everything taken away that a request body has no need of.
 *
 * A document type declaration stops the parser at its first byte, so that no entity is ever declared or expanded. What
 * one token may hold is bounded too: expat keeps an unfinished token and looks at it again with each piece that comes.
 */
#include "s3client/wire/xml_reader.h"

#include "runtime/base/assert.h"
#include "runtime/base/buffer.h"
#include "s3client/wire/s3_error.h"

#include <expat.h>
#include <stdlib.h>

enum {
    DEPTH_MAX = 16,
    TEXT_BYTES_MAX = 64 << 10,
    TOKEN_BYTES_MAX = 128 << 10, /* a tag with its attributes, a comment */
    FEED_BYTES_MAX = 1 << 20,
};

struct xml_reader {
    XML_Parser parser;
    const struct xml_handlers *handlers;
    void *context;
    struct buffer text;           /* of all open elements, one behind the other */
    size_t text_start[DEPTH_MAX]; /* where that of each open element begins */
    unsigned depth;
    uint64_t fed_bytes;
    bool failed;
    struct error error; /* the first refusal, once failed */
};

static void refuse(struct xml_reader *reader, const char *reason)
{
    if (!reader->failed)
        (void)error_set(&reader->error, ERROR_INVALID, S3_MalformedXML, "The XML you provided %s.", reason);
    reader->failed = true;
    XML_StopParser(reader->parser, XML_FALSE);
}

/* Not malformed, but more than is taken: the kind says so. */
static void refuse_size(struct xml_reader *reader)
{
    refuse(reader, "has an element with too much text");
    reader->error.kind = ERROR_TOO_LARGE;
}

/* A handler said no; what it did not say is filled in. */
static void refuse_by_handler(struct xml_reader *reader)
{
    reader->failed = true;
    if (reader->error.kind == ERROR_NONE)
        (void)error_set(&reader->error, ERROR_INVALID, S3_MalformedXML,
                        "The XML you provided was not well-formed or did not validate against our published schema.");
    XML_StopParser(reader->parser, XML_FALSE);
}

static struct span local_name(const XML_Char *name)
{
    const char *colon = strrchr(name, ':');
    return span_from_string(colon == NULL ? name : colon + 1);
}

static bool is_blank(struct span text)
{
    for (size_t i = 0; i < text.size; i++)
        if (strchr(" \t\r\n", text.data[i]) == NULL || text.data[i] == '\0')
            return false;
    return true;
}

static struct span element_text(const struct xml_reader *reader)
{
    struct span text = buffer_span(&reader->text);
    return text.size == 0 ? SPAN_EMPTY : span_skip(text, reader->text_start[reader->depth - 1]);
}

/* Names and values in turn, up to a NULL. */
static void hand_attributes(struct xml_reader *reader, unsigned depth, const XML_Char **attributes)
{
    for (; !reader->failed && attributes[0] != NULL; attributes += 2)
        if (!reader->handlers->attribute(reader->context, depth, local_name(attributes[0]),
                                         span_from_string(attributes[1]), &reader->error))
            refuse_by_handler(reader);
}

static void on_open(void *context, const XML_Char *name, const XML_Char **attributes)
{
    struct xml_reader *reader = context;
    if (reader->failed)
        return;
    if (reader->depth == DEPTH_MAX) {
        refuse(reader, "is nested too deeply");
        return;
    }
    if (reader->depth > 0 && is_blank(element_text(reader))) /* the layout between elements is not worth keeping */
        reader->text.size = reader->text_start[reader->depth - 1];
    reader->text_start[reader->depth] = reader->text.size;
    unsigned depth = reader->depth++;
    if (!reader->handlers->open(reader->context, depth, local_name(name), &reader->error))
        refuse_by_handler(reader);
    else if (reader->handlers->attribute != NULL)
        hand_attributes(reader, depth, attributes);
}

static void on_close(void *context, const XML_Char *name)
{
    struct xml_reader *reader = context;
    if (reader->failed)
        return;
    ASSERT(reader->depth > 0);
    struct span text = element_text(reader);
    reader->depth--;
    if (!reader->handlers->close(reader->context, reader->depth, local_name(name), text, &reader->error))
        refuse_by_handler(reader);
    reader->text.size = reader->text_start[reader->depth];
}

static void on_text(void *context, const XML_Char *text, int size)
{
    struct xml_reader *reader = context;
    if (reader->failed || reader->depth == 0)
        return;
    buffer_append(&reader->text, span_of(text, (size_t)size));
    if (reader->text.overflow)
        refuse_size(reader);
}

static void on_doctype(void *context, const XML_Char *name, const XML_Char *system_id, const XML_Char *public_id,
                       int has_internal_subset)
{
    (void)name, (void)system_id, (void)public_id, (void)has_internal_subset;
    refuse(context, "has a document type declaration, which is not allowed");
}

struct xml_reader *xml_reader_create(const struct xml_handlers *handlers, void *context)
{
    struct xml_reader *reader = calloc(1, sizeof *reader);
    ASSERT(reader != NULL);
    reader->parser = XML_ParserCreate("UTF-8");
    ASSERT(reader->parser != NULL);
    reader->handlers = handlers;
    reader->context = context;
    buffer_init(&reader->text, TEXT_BYTES_MAX);
    XML_SetUserData(reader->parser, reader);
    XML_SetElementHandler(reader->parser, on_open, on_close);
    XML_SetCharacterDataHandler(reader->parser, on_text);
    XML_SetStartDoctypeDeclHandler(reader->parser, on_doctype);
    return reader;
}

void xml_reader_destroy(struct xml_reader *reader)
{
    if (reader == NULL)
        return;
    XML_ParserFree(reader->parser);
    buffer_free(&reader->text);
    free(reader);
}

static bool parse(struct xml_reader *reader, struct span bytes, bool is_last)
{
    if (reader->failed)
        return false;
    reader->fed_bytes += bytes.size;
    enum XML_Status status = XML_Parse(reader->parser, (const char *)bytes.data, (int)bytes.size, is_last);
    if (reader->failed)
        return false;
    if (status != XML_STATUS_OK) {
        reader->failed = true;
        return error_set(&reader->error, ERROR_INVALID, S3_MalformedXML,
                         "The XML you provided was not well-formed or did not validate against our published schema: "
                         "%s in line %lu.",
                         XML_ErrorString(XML_GetErrorCode(reader->parser)), XML_GetCurrentLineNumber(reader->parser));
    }
    XML_Index reached = XML_GetCurrentByteIndex(reader->parser); /* -1 before the first event */
    if (!is_last && reader->fed_bytes - (uint64_t)(reached < 0 ? 0 : reached) > TOKEN_BYTES_MAX + bytes.size) {
        refuse(reader, "has a tag or a comment that is too long");
        return false;
    }
    return true;
}

bool xml_reader_feed(struct xml_reader *reader, struct span bytes, struct error *error)
{
    while (bytes.size > 0) {
        struct span piece = span_take(bytes, FEED_BYTES_MAX);
        if (!parse(reader, piece, false)) {
            *error = reader->error;
            return false;
        }
        bytes = span_skip(bytes, piece.size);
    }
    return true;
}

bool xml_reader_finish(struct xml_reader *reader, struct error *error)
{
    if (parse(reader, SPAN_EMPTY, true))
        return true;
    *error = reader->error;
    return false;
}
