/* server/access/policy/pattern.c -- patterns as runs of atoms between stars.
 *
 * The first run must stand at the text's beginning, the last at its end, and each one in between takes the first place
 * where it fits: a later place could only leave less for those behind it. So nothing is ever taken back further than
 * one run. */
#include "server/access/policy/pattern.h"

#include "runtime/base/assert.h"
#include "runtime/base/utf8.h"

/* ---- compiling ---- */

static size_t characters_bytes(struct span text)
{
    size_t size = utf8_sequence_bytes(text);
    return size == 0 ? 1 : size;
}

/* "${...}" at the text's beginning. */
static bool read_variable(struct span text, struct pattern_atom *ret_atom, size_t *ret_size, struct error *error)
{
    size_t end = span_find(text, '}');
    if (end == SIZE_MAX)
        return error_set(error, ERROR_INVALID, NULL, "a variable that does not end: \"${\" without \"}\"");
    struct span name = span_skip(span_take(text, end), 2);
    *ret_size = end + 1;
    if (name.size == 1 && strchr("*?$", name.data[0]) != NULL) {
        *ret_atom = (struct pattern_atom){.kind = ATOM_TEXT, .text = name};
        return true;
    }
    struct span part;
    *ret_atom = (struct pattern_atom){.kind = ATOM_VARIABLE};
    if (!condition_key_find(name, &ret_atom->variable, &part) || condition_key_form(ret_atom->variable) != KEY_FORM_ONE)
        return error_set(error, ERROR_INVALID, NULL, "an unknown variable");
    return true;
}

/* The atom at the text's beginning, and how many bytes of it. */
static bool read_atom(struct span text, struct pattern_syntax syntax, struct pattern_atom *ret_atom, size_t *ret_size,
                      struct error *error)
{
    size_t size = 0;
    *ret_size = 1;
    if (syntax.has_wildcards && (text.data[0] == '*' || text.data[0] == '?')) {
        *ret_atom = (struct pattern_atom){.kind = text.data[0] == '*' ? ATOM_MANY : ATOM_ONE};
        return true;
    }
    if (syntax.has_variables && span_starts_with(text, SPAN("${")))
        return read_variable(text, ret_atom, ret_size, error);
    while (size < text.size && !(syntax.has_wildcards && (text.data[size] == '*' || text.data[size] == '?')) &&
           !(syntax.has_variables && span_starts_with(span_skip(text, size), SPAN("${"))))
        size++;
    *ret_atom = (struct pattern_atom){.kind = ATOM_TEXT, .text = span_take(text, size)};
    *ret_size = size;
    return true;
}

/* Into `atoms`, or only counted when that is NULL. */
static bool read_atoms(struct span text, struct pattern_syntax syntax, struct pattern_atom *atoms, unsigned *ret_count,
                       struct pattern_needs *needs, struct error *error)
{
    struct pattern_atom atom;
    bool after_many = false;
    unsigned count = 0;
    for (size_t size; text.size > 0; text = span_skip(text, size)) {
        if (!read_atom(text, syntax, &atom, &size, error))
            return false;
        if (atom.kind == ATOM_MANY && after_many)
            continue;
        after_many = atom.kind == ATOM_MANY;
        if (atoms != NULL) {
            atoms[count] = atom;
            needs->tries += atom.kind == ATOM_ONE || atom.kind == ATOM_VARIABLE;
            needs->variables |= atom.kind == ATOM_VARIABLE ? CONDITION_KEY_BIT(atom.variable) : 0;
        }
        count++;
    }
    *ret_count = count;
    return true;
}

bool pattern_compile(struct span text, struct pattern_syntax syntax, struct arena *arena, struct pattern *ret_pattern,
                     struct pattern_needs *needs, struct error *error)
{
    *ret_pattern = (struct pattern){.ignores_case = syntax.ignores_case};
    if (!read_atoms(text, syntax, NULL, &ret_pattern->count, needs, error))
        return false;
    struct pattern_atom *atoms = arena_allocate(arena, ret_pattern->count * sizeof *atoms);
    if (atoms == NULL)
        return error_set(error, ERROR_TOO_LARGE, NULL, "the document has too many parts");
    ret_pattern->atoms = atoms;
    return read_atoms(text, syntax, atoms, &ret_pattern->count, needs, error);
}

bool pattern_is_fixed(const struct pattern *pattern)
{
    for (unsigned i = 0; i < pattern->count; i++)
        if (pattern->atoms[i].kind != ATOM_TEXT)
            return false;
    return true;
}

/* ---- matching ---- */

/* Atoms without a star among them. */
struct run {
    const struct pattern_atom *atoms;
    unsigned count;
    bool ignores_case;
    const struct span *variables;
};

static struct span literal_of(const struct run *run, const struct pattern_atom *atom)
{
    ASSERT(atom->kind == ATOM_TEXT || run->variables != NULL);
    return atom->kind == ATOM_TEXT ? atom->text : run->variables[atom->variable];
}

/* Does the run stand at *at? Then *at goes behind it. */
static bool run_stands(const struct run *run, struct span text, size_t *at)
{
    size_t end = *at;
    for (unsigned i = 0; i < run->count; i++) {
        struct span rest = span_skip(text, end);
        if (run->atoms[i].kind == ATOM_ONE) {
            if (rest.size == 0)
                return false;
            end += characters_bytes(rest);
            continue;
        }
        struct span literal = literal_of(run, &run->atoms[i]);
        if (run->ignores_case ? !span_equal_ignore_case(span_take(rest, literal.size), literal)
                              : !span_starts_with(rest, literal))
            return false;
        end += literal.size;
    }
    *at = end;
    return true;
}

/* The next place from `at` on where the run may stand: SIZE_MAX, none. A literal is looked for as a whole. */
static size_t next_place(const struct run *run, struct span text, size_t at)
{
    ASSERT(!run->ignores_case); /* those have no stars */
    if (run->atoms[0].kind == ATOM_ONE)
        return at;
    struct span literal = literal_of(run, &run->atoms[0]);
    if (literal.size == 0)
        return at;
    const uint8_t *found = at == text.size ? NULL : memmem(text.data + at, text.size - at, literal.data, literal.size);
    return found == NULL ? SIZE_MAX : (size_t)(found - text.data);
}

/* The first place from *at on where the run stands, and with `to_end` reaches the text's end. */
static bool run_is_somewhere(const struct run *run, struct span text, bool to_end, size_t *at)
{
    for (size_t place = *at; (place = next_place(run, text, place)) != SIZE_MAX;) {
        size_t end = place;
        if (run_stands(run, text, &end) && (!to_end || end == text.size)) {
            *at = end;
            return true;
        }
        if (place == text.size)
            return false;
        place += characters_bytes(span_skip(text, place));
    }
    return false;
}

static struct run run_from(const struct pattern *pattern, unsigned from, const struct span *variables)
{
    unsigned to = from;
    while (to < pattern->count && pattern->atoms[to].kind != ATOM_MANY)
        to++;
    return (struct run){pattern->atoms + from, to - from, pattern->ignores_case, variables};
}

bool pattern_match(const struct pattern *pattern, const struct span *variables, struct span text)
{
    size_t at = 0;
    struct run run = run_from(pattern, 0, variables);
    if (!run_stands(&run, text, &at))
        return false;
    unsigned next = run.count;
    if (next == pattern->count)
        return at == text.size;
    while (++next < pattern->count) { /* behind a star */
        run = run_from(pattern, next, variables);
        next += run.count;
        if (!run_is_somewhere(&run, text, next == pattern->count, &at))
            return false;
    }
    return true;
}

/* ---- what a pattern can match ---- */

enum { SYMBOL_ONE = 256, SYMBOL_MANY };

/* The pattern byte by byte, variables as stars. */
static uint16_t *symbols_of(const struct pattern *pattern, struct arena *scratch, size_t *ret_count)
{
    size_t count = 0;
    for (unsigned i = 0; i < pattern->count; i++)
        count += pattern->atoms[i].kind == ATOM_TEXT ? pattern->atoms[i].text.size : 1;
    uint16_t *symbols = arena_allocate(scratch, count * sizeof *symbols);
    if (symbols == NULL)
        return NULL;
    *ret_count = 0;
    for (unsigned i = 0; i < pattern->count; i++) {
        const struct pattern_atom *atom = &pattern->atoms[i];
        if (atom->kind != ATOM_TEXT)
            symbols[(*ret_count)++] = atom->kind == ATOM_ONE ? SYMBOL_ONE : SYMBOL_MANY;
        for (size_t j = 0; atom->kind == ATOM_TEXT && j < atom->text.size; j++)
            symbols[(*ret_count)++] = atom->text.data[j];
    }
    ASSERT(*ret_count == count);
    return symbols;
}

/* states[i]: what was read so far can be matched by the first i symbols. From the last to the first, so that each looks
 * at states of before `byte`. */
static void step(bool *states, const uint16_t *symbols, size_t count, uint8_t byte)
{
    for (size_t i = count; i > 0; i--) {
        uint16_t symbol = symbols[i - 1];
        if (symbol == SYMBOL_MANY)
            states[i] = states[i] || states[i - 1];
        else
            states[i] = states[i - 1] && (symbol == SYMBOL_ONE || symbol == byte);
    }
    states[0] = false;
}

/* A star matches nothing as well. */
static void pass_stars(bool *states, const uint16_t *symbols, size_t count)
{
    for (size_t i = 1; i <= count; i++)
        states[i] |= states[i - 1] && symbols[i - 1] == SYMBOL_MANY;
}

bool pattern_reach(const struct pattern *pattern, struct span text, struct arena *scratch, bool *ret_itself,
                   bool *ret_below)
{
    size_t count;
    uint16_t *symbols = symbols_of(pattern, scratch, &count);
    bool *states = symbols == NULL ? NULL : arena_allocate(scratch, count + 1);
    if (states == NULL)
        return false;
    memset(states, 0, count + 1);
    states[0] = true;
    pass_stars(states, symbols, count);
    for (size_t i = 0; i < text.size; i++) {
        step(states, symbols, count, text.data[i]);
        pass_stars(states, symbols, count);
    }
    *ret_itself = states[count];
    step(states, symbols, count, '/');
    pass_stars(states, symbols, count);
    *ret_below = memchr(states, true, count + 1) != NULL;
    return true;
}
