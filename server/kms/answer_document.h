/* server/kms/answer_document.h -- the JSON that a key service answers, read, and overwritten when that was done: it
 * holds keys. */
#pragma once

#include "runtime/base/arena.h"
#include "server/access/policy/json.h"

struct answer_document {
    const struct json_value *root; /* an object; NULL: the answer is none, as that of a proxy */
    struct arena nodes;
    struct arena texts; /* what was escaped */
};

/* `body` must live as long. */
void answer_document_open(struct answer_document *document, struct span body);
void answer_document_close(struct answer_document *document);

/* A text of an object; empty: it is not there. `object` NULL: so is none of its. */
struct span answer_document_text(const struct json_value *object, const char *name);
