/* server/s3/settings/document.h -- what the documents of all settings share.
 *
 * Each kind of setting has a file here, with the same three functions. They are pure: no request, no store.
 *
 *   X_parse    out of a tree (s3client/wire/xml_tree.h) that a client sent or that was stored: validated, in an arena
 *   X_render   the canonical document: what is stored, and what reading the setting answers, byte for byte
 *   X_compile  out of the stored document: what requests ask (a server/settings kind)
 *
 * The message of an InvalidArgument begins with the name of the element that is wrong. */
#pragma once

#include "s3client/wire/xml_tree.h"
#include "s3client/wire/xml_writer.h"

struct bucket_info;

/* Texts of one element that may be repeated, in their order. */
struct document_texts {
    struct span *items;
    unsigned count;
};

/* All elements of a field. ERROR_TOO_LARGE: the arena is full. */
bool document_take_texts(const struct xml_field *field, struct arena *arena, struct document_texts *ret_texts,
                         struct error *error);
void document_write_texts(struct xml_writer *xml, const char *element, const struct document_texts *texts);

/* MalformedXML: the text is no whole number of at most nine digits, with a minus in front or not. */
bool document_take_integer(const struct xml_element *element, int64_t *ret_value, struct error *error);
/* MalformedXML: no size in bytes. */
bool document_take_size(const struct xml_element *element, uint64_t *ret_value, struct error *error);

void *document_allocate(struct arena *arena, size_t size, struct error *error);

/* Around what a render writes. */
void document_begin(struct xml_writer *xml, struct buffer *to, const char *root);
void document_end(struct xml_writer *xml);

/* How many characters a text has; SIZE_MAX when it is not UTF-8. */
size_t document_count_characters(struct span text);
