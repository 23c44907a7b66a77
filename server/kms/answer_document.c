/* server/kms/answer_document.c -- two arenas, wiped. */
#include "server/kms/answer_document.h"

enum { NODES_BYTES_MAX = 64 << 10, TEXTS_BYTES_MAX = 64 << 10 };

void answer_document_open(struct answer_document *document, struct span body)
{
    struct error ignored;
    arena_init(&document->nodes, NODES_BYTES_MAX);
    arena_init(&document->texts, TEXTS_BYTES_MAX);
    if (!json_parse(body, &document->nodes, &document->texts, &document->root, &ignored))
        document->root = NULL;
}

void answer_document_close(struct answer_document *document)
{
    document->root = NULL;
    arena_wipe(&document->nodes);
    arena_wipe(&document->texts);
}

struct span answer_document_text(const struct json_value *object, const char *name)
{
    const struct json_value *value = object != NULL && object->kind == JSON_OBJECT ? json_member(object, name) : NULL;
    return value != NULL && value->kind == JSON_STRING ? value->text : SPAN_EMPTY;
}
