/* server/access/policy/pattern.h -- texts of a policy that a request's text is held against: plain, with wildcards,
 * with variables.
 *
 * "*" is any number of characters, "?" exactly one; a character is one of UTF-8, or one byte of what is none. "${name}"
 * is the value of a condition key, literally, whatever is in it; "${*}", "${?}" and "${$}" are those characters
 * themselves. Source: 512, 519, 542. */
#pragma once

#include "runtime/base/arena.h"
#include "runtime/base/error.h"
#include "runtime/base/span.h"
#include "server/access/actions.h"

#include <stdbool.h>

enum atom_kind { ATOM_TEXT, ATOM_ONE, ATOM_MANY, ATOM_VARIABLE };

struct pattern_atom {
    enum atom_kind kind;
    enum condition_key variable;
    struct span text;
};

struct pattern {
    const struct pattern_atom *atoms; /* never two ATOM_MANY in a row */
    unsigned count;
    bool ignores_case; /* of ASCII */
};

/* What patterns need of whoever asks them, added up by compiling. */
struct pattern_needs {
    uint64_t variables; /* CONDITION_KEY_BIT of those that they name */
    unsigned tries;     /* "?" and variables: a run of text with these in it is tried place by place */
};

struct pattern_syntax {
    bool has_wildcards;
    bool has_variables;
    bool ignores_case;
};

/* Spans of `text` and memory of the arena stay in it. *needs grows by what it needs. ERROR_INVALID: a variable that
 * there is not, or without "}"; ERROR_TOO_LARGE: the arena is full. No code. */
bool pattern_compile(struct span text, struct pattern_syntax syntax, struct arena *arena, struct pattern *ret_pattern,
                     struct pattern_needs *needs, struct error *error);

/* `variables` is indexed by condition key; those that the pattern names must be there. NULL when it names none. */
bool pattern_match(const struct pattern *pattern, const struct span *variables, struct span text);

/* Can it match this text, and can it match some longer text that begins with it and a slash, whatever variables stand
 * for? False: the arena (for the moment of the call) is full. */
bool pattern_reach(const struct pattern *pattern, struct span text, struct arena *scratch, bool *ret_itself,
                   bool *ret_below);

/* It has neither wildcards nor variables. */
bool pattern_is_fixed(const struct pattern *pattern);
