/* s3client/wire/xml_tree.h -- a small document in XML as a tree, for those whose parts depend on each other.
 *
 * Over xml_reader, whose bounds and refusals hold. Elements and texts live in the caller's arena, whose limit bounds
 * the tree: ERROR_TOO_LARGE. A document that streams is built with xml_tree_handlers; one that is in memory is parsed
 * by xml_tree_parse. What a tree must look like is said by a table of fields (xml_tree_sort). */
#pragma once

#include "runtime/base/arena.h"
#include "s3client/wire/xml_reader.h"

struct xml_element {
    struct span name; /* local name */
    struct span text; /* all character data directly inside the element, with white space */
    struct xml_element *children;
    struct xml_element *next; /* behind it in the same parent */
    struct xml_element *parent;
    struct xml_element *last; /* of the children */
    bool is_known;            /* xml_tree_sort has put it to a field */
};

/* The context of xml_tree_handlers: begin with {.arena = ...}; `root` is set when the document is at its end. */
struct xml_tree {
    struct arena *arena;
    struct xml_element *root;
    struct xml_element *open;
};

extern const struct xml_handlers xml_tree_handlers;

/* MalformedXML. */
bool xml_tree_parse(struct span document, struct arena *arena, const struct xml_element **ret_root,
                    struct error *error);

/* What may stand in an element: how often at least and at most, and after xml_tree_sort what does. */
struct xml_field {
    const char *name;
    unsigned least;
    unsigned most;
    const struct xml_element *first; /* NULL: none */
    unsigned count;
};

/* Puts the children of an element to the fields that they are. MalformedXML: one that is none of them, or the wrong
 * number of one. */
bool xml_tree_sort(const struct xml_element *parent, struct xml_field *fields, unsigned fields_count,
                   struct error *error);

/* MalformedXML: somewhere below is an element that no xml_tree_sort has seen, as in <Days>1<Other/></Days>. For whoever
 * has taken all that may be there. */
bool xml_tree_expect_known(const struct xml_element *root, struct error *error);

/* The next one of the same name in the same parent; NULL: none. */
const struct xml_element *xml_tree_next(const struct xml_element *element);

/* MalformedXML, unless the element is called so. */
bool xml_tree_expect_root(const struct xml_element *root, const char *name, struct error *error);
