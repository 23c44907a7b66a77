/* s3client/credentials/shared_file.c -- goes over the lines of a shared file, profile by profile. */
#include "s3client/credentials/shared_file.h"

static bool is_blank(uint8_t byte)
{
    return byte == ' ' || byte == '\t';
}

/* ---- lines ---- */

/* Without its line feed, and without a carriage return before it. */
static bool next_line(struct span *text, struct span *ret_line)
{
    if (text->size == 0)
        return false;
    size_t end = span_find(*text, '\n');
    struct span line = span_take(*text, end);
    *text = end == SIZE_MAX ? SPAN_EMPTY : span_skip(*text, end + 1);
    if (line.size > 0 && line.data[line.size - 1] == '\r')
        line.size--;
    *ret_line = line;
    return true;
}

static bool is_nothing(struct span line)
{
    struct span text = span_trim(line);
    return text.size == 0 || text.data[0] == '#' || text.data[0] == ';';
}

static struct span without_comment(struct span value)
{
    for (size_t i = 1; i < value.size; i++) {
        if ((value.data[i] == '#' || value.data[i] == ';') && is_blank(value.data[i - 1]))
            return span_take(value, i - 1);
    }
    return value;
}

/* ---- sections ---- */

/* "p", 'p' or p without blanks in it; otherwise nothing. */
static struct span unquoted(struct span name)
{
    uint8_t first = name.size > 0 ? name.data[0] : 0;
    if (first == '"' || first == '\'')
        return name.size >= 2 && name.data[name.size - 1] == first ? span_take(span_skip(name, 1), name.size - 2)
                                                                   : SPAN_EMPTY;
    for (size_t i = 0; i < name.size; i++) {
        if (is_blank(name.data[i]))
            return SPAN_EMPTY;
    }
    return name;
}

struct section {
    struct span profile; /* empty: the section is no profile */
    bool has_prefix;     /* "profile " stands before it */
};

static struct section read_section(struct span line, enum shared_file_kind kind)
{
    size_t end = span_find(line, ']');
    struct span name = end == SIZE_MAX ? SPAN_EMPTY : span_trim(span_take(span_skip(line, 1), end - 1));
    if (kind == SHARED_CREDENTIALS)
        return (struct section){.profile = unquoted(name)};
    bool has_prefix = span_starts_with(name, SPAN("profile")) && name.size > 7 && is_blank(name.data[7]);
    if (has_prefix)
        return (struct section){unquoted(span_trim(span_skip(name, 7))), true};
    return (struct section){.profile = span_equal(name, SPAN("default")) ? name : SPAN_EMPTY};
}

/* ---- entries ---- */

/* Line by line through the sections of one profile. */
struct walk {
    struct span rest;
    enum shared_file_kind kind;
    struct span profile;
    bool needs_prefix; /* [default] does not count */
    bool is_inside;
    size_t indent; /* of the last entry; SIZE_MAX: the section has none yet */
};

static bool begins_section(struct span line)
{
    return line.size > 0 && line.data[0] == '[';
}

/* A line that stands further in than the entry before it belongs to that. */
static bool is_own_entry(struct walk *walk, struct span line)
{
    size_t indent = 0;
    while (is_blank(line.data[indent])) /* there is something else, or the line would be nothing */
        indent++;
    if (indent > walk->indent)
        return false;
    walk->indent = indent;
    return true;
}

/* The next line of an entry of the profile's own. */
static bool next_entry(struct walk *walk, struct span *ret_line)
{
    while (next_line(&walk->rest, ret_line)) {
        if (begins_section(*ret_line)) {
            struct section section = read_section(*ret_line, walk->kind);
            walk->is_inside = section.profile.size > 0 && span_equal(section.profile, walk->profile) &&
                              (section.has_prefix || !walk->needs_prefix);
            walk->indent = SIZE_MAX;
        } else if (walk->is_inside && !is_nothing(*ret_line) && is_own_entry(walk, *ret_line)) {
            return true;
        }
    }
    return false;
}

/* Of name and value; the line's size: there is none. */
static size_t find_separator(struct span line)
{
    size_t end = 0;
    while (end < line.size && line.data[end] != '=' && line.data[end] != ':')
        end++;
    return end;
}

static struct span without_mark(struct span text)
{
    return span_starts_with(text, SPAN("\xef\xbb\xbf")) ? span_skip(text, 3) : text;
}

/* Is the profile there, and is it there with "profile " before its name? */
static bool find_profile(struct span text, enum shared_file_kind kind, struct span profile, bool *ret_has_prefix)
{
    struct span line;
    bool is_there = false;
    *ret_has_prefix = false;
    for (struct span rest = without_mark(text); next_line(&rest, &line);) {
        struct section section = begins_section(line) ? read_section(line, kind) : (struct section){0};
        if (section.profile.size == 0 || !span_equal(section.profile, profile))
            continue;
        is_there = true;
        *ret_has_prefix |= section.has_prefix;
    }
    return is_there;
}

bool shared_file_has_profile(struct span text, enum shared_file_kind kind, struct span profile)
{
    bool has_prefix;
    return find_profile(text, kind, profile, &has_prefix);
}

struct span shared_file_value(struct span text, enum shared_file_kind kind, struct span profile, const char *name)
{
    struct span line;
    struct span found = SPAN_EMPTY;
    struct walk walk = {.rest = without_mark(text), .kind = kind, .profile = profile};
    if (!find_profile(text, kind, profile, &walk.needs_prefix))
        return found;
    while (next_entry(&walk, &line)) {
        size_t end = find_separator(line);
        if (end < line.size && span_equal_ignore_case(span_trim(span_take(line, end)), span_from_string(name)))
            found = span_trim(without_comment(span_skip(line, end + 1)));
    }
    return found;
}
