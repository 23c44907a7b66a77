/* s3client/wire/xml_tree.c -- a small document in XML as a tree. */
#include "s3client/wire/xml_tree.h"

#include "runtime/base/assert.h"
#include "s3client/wire/s3_error.h"

static bool refuse_size(struct error *error)
{
    return error_set(error, ERROR_TOO_LARGE, S3_MaxMessageLengthExceeded, "The document is too large.");
}

static bool on_open(void *context, unsigned depth, struct span name, struct error *error)
{
    (void)depth;
    struct xml_tree *tree = context;
    struct xml_element *element = arena_allocate(tree->arena, sizeof *element);
    if (element == NULL)
        return refuse_size(error);
    *element = (struct xml_element){.name = arena_copy(tree->arena, name), .parent = tree->open};
    if (element->name.data == NULL)
        return refuse_size(error);
    struct xml_element *parent = tree->open;
    if (parent == NULL)
        tree->root = element;
    else if (parent->last == NULL)
        parent->children = element;
    else
        parent->last->next = element;
    if (parent != NULL)
        parent->last = element;
    tree->open = element;
    return true;
}

static bool on_close(void *context, unsigned depth, struct span name, struct span text, struct error *error)
{
    (void)depth, (void)name;
    struct xml_tree *tree = context;
    struct xml_element *element = tree->open;
    ASSERT(element != NULL);
    tree->open = element->parent;
    element->text = arena_copy(tree->arena, text);
    return element->text.data != NULL || refuse_size(error);
}

const struct xml_handlers xml_tree_handlers = {.open = on_open, .close = on_close};

bool xml_tree_parse(struct span document, struct arena *arena, const struct xml_element **ret_root, struct error *error)
{
    struct xml_tree tree = {.arena = arena};
    struct xml_reader *reader = xml_reader_create(&xml_tree_handlers, &tree);
    bool ok = xml_reader_feed(reader, document, error) && xml_reader_finish(reader, error);
    xml_reader_destroy(reader);
    *ret_root = tree.root;
    return ok;
}

static struct xml_field *find_field(struct xml_field *fields, unsigned count, struct span name)
{
    for (unsigned i = 0; i < count; i++)
        if (span_equal(name, span_from_string(fields[i].name)))
            return &fields[i];
    return NULL;
}

static bool refuse_unknown(const struct xml_element *element, struct error *error)
{
    return error_set(
        error, ERROR_INVALID, S3_MalformedXML,
        "The XML you provided was not well-formed or did not validate against our published schema: %.*s in %.*s.",
        SPAN_FORMAT(span_take(element->name, 64)), SPAN_FORMAT(span_take(element->parent->name, 64)));
}

bool xml_tree_sort(const struct xml_element *parent, struct xml_field *fields, unsigned fields_count,
                   struct error *error)
{
    for (struct xml_element *child = parent->children; child != NULL; child = child->next) {
        struct xml_field *field = find_field(fields, fields_count, child->name);
        if (field == NULL)
            return refuse_unknown(child, error);
        child->is_known = true;
        if (field->count++ == 0)
            field->first = child;
    }
    for (unsigned i = 0; i < fields_count; i++)
        if (fields[i].count < fields[i].least || fields[i].count > fields[i].most)
            return error_set(error, ERROR_INVALID, S3_MalformedXML,
                             "The XML you provided was not well-formed or did not validate against our published "
                             "schema: %s is %s in "
                             "%.*s.",
                             fields[i].name, fields[i].count < fields[i].least ? "missing" : "repeated",
                             SPAN_FORMAT(span_take(parent->name, 64)));
    return true;
}

/* Every element once: down, else on, else up and on. */
bool xml_tree_expect_known(const struct xml_element *root, struct error *error)
{
    const struct xml_element *element = root;
    for (;;) {
        if (element->children != NULL) {
            element = element->children;
        } else {
            while (element != root && element->next == NULL)
                element = element->parent;
            if (element == root)
                return true;
            element = element->next;
        }
        if (!element->is_known)
            return refuse_unknown(element, error);
    }
}

const struct xml_element *xml_tree_next(const struct xml_element *element)
{
    const struct xml_element *next = element->next;
    while (next != NULL && !span_equal(next->name, element->name))
        next = next->next;
    return next;
}

bool xml_tree_expect_root(const struct xml_element *root, const char *name, struct error *error)
{
    return span_equal(root->name, span_from_string(name)) ||
           error_set(error, ERROR_INVALID, S3_MalformedXML, "The root of the document is not %s.", name);
}
