/* server/access/policy/json.h -- a document of JSON as a tree, read strictly.
 *
 * RFC 8259 and stricter: valid UTF-8 throughout, no byte order mark, the first byte is "{", no name twice in one object
 * (every reader of JSON takes another one of them, and here that decides who may do what), at most JSON_DEPTH_MAX
 * levels and JSON_MEMBERS_MAX members in an object. Values keep how they were written: numbers are text. */
#pragma once

#include "runtime/base/arena.h"
#include "runtime/base/error.h"
#include "runtime/base/span.h"

enum { JSON_DEPTH_MAX = 8, JSON_MEMBERS_MAX = 256 };

enum json_kind { JSON_NULL, JSON_BOOLEAN, JSON_NUMBER, JSON_STRING, JSON_LIST, JSON_OBJECT };

struct json_value {
    enum json_kind kind;
    unsigned count;                 /* of children */
    struct span text;               /* STRING: decoded; NUMBER and BOOLEAN: as written */
    struct span name;               /* of a member of an object, decoded */
    const struct json_value *first; /* LIST, OBJECT: the first child */
    const struct json_value *next;  /* the next child of the same parent */
};

/* Nodes come from `nodes`, decoded strings from `texts` where they had escapes, else they are spans of the document.
 * ERROR_INVALID says what is wrong and at which byte; ERROR_TOO_LARGE: an arena is full. Neither has a code. */
bool json_parse(struct span document, struct arena *nodes, struct arena *texts, const struct json_value **ret_value,
                struct error *error);

/* A member by name; NULL. */
const struct json_value *json_member(const struct json_value *object, const char *name);
