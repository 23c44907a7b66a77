/* s3client/wire/xml_writer.h -- XML out, well-formed for any text.
 *
 * & < > " are escaped, CR and LF (and TAB) become character references, what XML 1.0 forbids becomes U+FFFD, as does
 * invalid UTF-8. Element names are the programmer's and static. */
#pragma once

#include "runtime/base/buffer.h"
#include "runtime/base/span.h"

struct xml_writer {
    struct buffer *out;
    struct span open[16]; /* the open elements, for xml_close and asserts */
    unsigned depth;
};

/* What every document begins with. */
#define XML_DECLARATION "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
#define XML_NAMESPACE_S3 "http://s3.amazonaws.com/doc/2006-03-01/"

/* Writes the declaration. */
void xml_begin(struct xml_writer *writer, struct buffer *out);
/* `namespace_uri` may be NULL. */
void xml_open_root(struct xml_writer *writer, const char *element, const char *namespace_uri);
/* With xsi:type, as a Grantee has it; `type` needs no escape. */
void xml_open_typed(struct xml_writer *writer, const char *element, const char *type);
void xml_close(struct xml_writer *writer);
void xml_decimal(struct xml_writer *writer, const char *element, uint64_t value);
void xml_bool(struct xml_writer *writer, const char *element, bool value);
void xml_empty(struct xml_writer *writer, const char *element);
/* Everything closed; asserts that nothing is left open. */
void xml_end(struct xml_writer *writer);

/* The same as xml_open, xml_plain, xml_text and xml_quoted, for names whose length is known. */
void xml_open_span(struct xml_writer *writer, struct span element);
void xml_plain_span(struct xml_writer *writer, struct span element, struct span text);
void xml_text_span(struct xml_writer *writer, struct span element, struct span text);
void xml_quoted_span(struct xml_writer *writer, struct span element, struct span text);

/* Inline, as the compiler then measures the names, which are literals: a page of a list has 10,000. */
static inline void xml_open(struct xml_writer *writer, const char *element)
{
    xml_open_span(writer, span_from_string(element));
}
/* For text that we made, of letters and digits and the like: nothing in it needs an escape, and nobody looks. */
static inline void xml_plain(struct xml_writer *writer, const char *element, struct span text)
{
    xml_plain_span(writer, span_from_string(element), text);
}
static inline void xml_text(struct xml_writer *writer, const char *element, struct span text)
{
    xml_text_span(writer, span_from_string(element), text);
}
/* With quotation marks around the text, as ETags have them. */
static inline void xml_quoted(struct xml_writer *writer, const char *element, struct span text)
{
    xml_quoted_span(writer, span_from_string(element), text);
}
static inline void xml_string(struct xml_writer *writer, const char *element, const char *text)
{
    xml_text_span(writer, span_from_string(element), span_from_string(text));
}
