/* s3client/wire/xml_reader.h -- XML in, as it streams: elements with text, nothing else.
 *
 * Over expat. DTDs and entity declarations are refused, depth is bounded (16), text of one element is bounded (64 KiB),
 * namespaces are ignored, and attributes unless somebody asks for them. Every refusal is MalformedXML (ERROR_TOO_LARGE
 * when it is too much text). The handlers run inside xml_reader_feed, must not suspend, and return false to refuse the
 * document (the reason is set by them, or MalformedXML). */
#pragma once

#include "runtime/base/error.h"
#include "runtime/base/span.h"

#include <stdbool.h>

struct xml_reader;

struct xml_handlers {
    /* Local name; depth 0 is the root. */
    bool (*open)(void *context, unsigned depth, struct span element, struct error *error);
    /* NULL, or called behind `open` for each attribute of the element, by its local name. */
    bool (*attribute)(void *context, unsigned depth, struct span name, struct span value, struct error *error);
    /* text: all character data directly inside the element. */
    bool (*close)(void *context, unsigned depth, struct span element, struct span text, struct error *error);
};

struct xml_reader *xml_reader_create(const struct xml_handlers *handlers, void *context);
void xml_reader_destroy(struct xml_reader *reader);
bool xml_reader_feed(struct xml_reader *reader, struct span bytes, struct error *error);
/* After the last byte: the document must be complete. */
bool xml_reader_finish(struct xml_reader *reader, struct error *error);
