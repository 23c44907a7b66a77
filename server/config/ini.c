/* server/config/ini.c -- what inih would cut is found first; then inih reads; then duplicates are looked for. */
#include "server/config/ini.h"

#include "runtime/base/assert.h"
#include "runtime/base/read_file.h"

#include <ini.h>
#include <stdio.h>
#include <stdlib.h>

static bool refuse_line(const char *path, unsigned line, struct error *error, const char *reason)
{
    return error_set(error, ERROR_INVALID, NULL, "%s:%u: %s", path, line, reason);
}

bool ini_refuse(const struct ini_file *file, const struct ini_entry *entry, struct error *error, const char *format,
                ...)
{
    char reason[ERROR_MESSAGE_BYTES];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(reason, sizeof reason, format, arguments);
    va_end(arguments);
    return refuse_line(file->path, entry->line, error, reason);
}

/* ---- lines ---- */

struct lines {
    struct span rest;
    unsigned number; /* of the line taken last */
};

/* Without its line feed, and without a carriage return before it. */
static bool next_line(struct lines *lines, struct span *ret_line)
{
    if (lines->rest.size == 0)
        return false;
    size_t end = span_find(lines->rest, '\n');
    struct span line = end == SIZE_MAX ? lines->rest : span_take(lines->rest, end);
    lines->rest = span_skip(lines->rest, end == SIZE_MAX ? lines->rest.size : end + 1);
    lines->number++;
    if (line.size > 0 && line.data[line.size - 1] == '\r')
        line.size--;
    *ret_line = line;
    return true;
}

static bool is_blank(uint8_t byte)
{
    return byte == ' ' || byte == '\t';
}

static bool is_comment(struct span line)
{
    struct span text = span_trim(line);
    return text.size > 0 && (text.data[0] == ';' || text.data[0] == '#');
}

static bool has_control_byte(struct span line)
{
    for (size_t i = 0; i < line.size; i++)
        if ((line.data[i] < 0x20 && line.data[i] != '\t') || line.data[i] == 0x7f)
            return true;
    return false;
}

static bool has_inline_comment(struct span line)
{
    for (size_t i = 1; i < line.size; i++)
        if (line.data[i] == ';' && is_blank(line.data[i - 1]))
            return true;
    return false;
}

/* ---- the check before inih ---- */

static bool check_section(const char *path, unsigned number, struct span line, struct error *error)
{
    size_t end = span_find(line, ']');
    if (end == SIZE_MAX)
        return refuse_line(path, number, error, "the name of the section does not end in ].");
    if (end + 1 != line.size)
        return refuse_line(path, number, error, "nothing may follow the ] of a section.");
    struct span name = span_take(span_skip(line, 1), end - 1);
    if (name.size == 0 || span_trim(name).size != name.size)
        return refuse_line(path, number, error, "the name of a section must not be empty or begin or end in a space.");
    if (name.size > INI_NAME_BYTES_MAX)
        return refuse_line(path, number, error, "the name of the section is longer than 49 bytes.");
    return true;
}

static bool check_pair(const char *path, unsigned number, struct span line, struct error *error)
{
    size_t end = 0;
    while (end < line.size && line.data[end] != '=' && line.data[end] != ':')
        end++;
    if (end == line.size)
        return refuse_line(path, number, error, "this is neither [section] nor name = value nor a comment.");
    struct span name = span_trim(span_take(line, end));
    if (name.size == 0)
        return refuse_line(path, number, error, "there is no name before the =.");
    if (name.size > INI_NAME_BYTES_MAX)
        return refuse_line(path, number, error, "the name before the = is longer than 49 bytes.");
    return true;
}

static bool check_line(const char *path, unsigned number, struct span line, struct error *error)
{
    if (line.size > INI_LINE_BYTES_MAX)
        return refuse_line(path, number, error, "the line is longer than 190 bytes.");
    if (has_control_byte(line))
        return refuse_line(path, number, error, "the line holds a control byte.");
    if (span_trim(line).size == 0 || is_comment(line))
        return true;
    if (is_blank(line.data[0]))
        return refuse_line(path, number, error, "the line begins with a space: values cannot go on in a second line.");
    if (has_inline_comment(line))
        return refuse_line(path, number, error,
                           "a ; behind a space would begin a comment: comments need a line of their own.");
    while (is_blank(line.data[line.size - 1]))
        line.size--;
    return line.data[0] == '[' ? check_section(path, number, line, error) : check_pair(path, number, line, error);
}

/* Also: a section must hold something. */
static bool check_text(const char *path, struct span text, struct error *error)
{
    struct lines lines = {.rest = text};
    unsigned section_line = 0; /* of a section in which nothing was seen yet; 0: none */
    for (struct span line; next_line(&lines, &line);) {
        if (!check_line(path, lines.number, line, error))
            return false;
        if (span_trim(line).size == 0 || is_comment(line))
            continue;
        bool is_section = line.data[0] == '[';
        if (is_section && section_line != 0)
            break;
        section_line = is_section ? lines.number : 0;
    }
    return section_line == 0 || refuse_line(path, section_line, error, "the section is empty.");
}

/* ---- through inih ---- */

struct reading {
    struct lines lines;
    struct ini_file *file;
    unsigned capacity;
    unsigned section_line;
};

/* inih's fgets: exactly one line each time, so that the handler knows where it is. */
static char *read_line(char *to, int size, void *context)
{
    struct reading *reading = context;
    struct span line;
    if (!next_line(&reading->lines, &line))
        return NULL;
    ASSERT(size > 0 && line.size < (size_t)size);
    if (line.size > 0 && line.data[0] == '[')
        reading->section_line = reading->lines.number;
    if (line.size > 0)
        memcpy(to, line.data, line.size);
    to[line.size] = '\0';
    return to;
}

static void copy_text(char *to, size_t size, const char *text)
{
    size_t length = strlen(text);
    ASSERT(length < size);
    memcpy(to, text, length + 1);
}

static int take_entry(void *context, const char *section, const char *name, const char *value)
{
    struct reading *reading = context;
    struct ini_file *file = reading->file;
    ASSERT(file->count < reading->capacity);
    struct ini_entry *entry = &file->entries[file->count++];
    entry->line = reading->lines.number;
    entry->section_line = reading->section_line;
    copy_text(entry->section, sizeof entry->section, section);
    copy_text(entry->name, sizeof entry->name, name);
    copy_text(entry->value, sizeof entry->value, value);
    return 1;
}

/* An upper bound of the entries, and so one allocation: lines with a separator. */
static unsigned count_pairs(struct span text)
{
    unsigned count = 0;
    struct lines lines = {.rest = text};
    for (struct span line; next_line(&lines, &line);)
        if (span_trim(line).size > 0 && !is_comment(line) && line.data[0] != '[')
            count++;
    return count;
}

/* ---- duplicates: entries that are alike become neighbours when their numbers are sorted ---- */

static int compare_numbers(unsigned a, unsigned b)
{
    return (a > b) - (a < b);
}

/* By section, then by place. */
static int compare_sections(const void *a, const void *b, void *context)
{
    const struct ini_entry *entries = context;
    unsigned left = *(const unsigned *)a;
    unsigned right = *(const unsigned *)b;
    int order = strcmp(entries[left].section, entries[right].section);
    return order != 0 ? order : compare_numbers(left, right);
}

/* By section, name, then by place. */
static int compare_names(const void *a, const void *b, void *context)
{
    const struct ini_entry *entries = context;
    unsigned left = *(const unsigned *)a;
    unsigned right = *(const unsigned *)b;
    int order = strcmp(entries[left].section, entries[right].section);
    if (order == 0)
        order = strcmp(entries[left].name, entries[right].name);
    return order != 0 ? order : compare_numbers(left, right);
}

static bool check_names(const struct ini_file *file, unsigned *sorted, struct error *error)
{
    for (unsigned i = 0; i < file->count; i++)
        sorted[i] = i;
    qsort_r(sorted, file->count, sizeof *sorted, compare_names, file->entries);
    for (unsigned i = 1; i < file->count; i++) {
        const struct ini_entry *first = &file->entries[sorted[i - 1]];
        const struct ini_entry *second = &file->entries[sorted[i]];
        if (strcmp(first->section, second->section) == 0 && strcmp(first->name, second->name) == 0)
            return ini_refuse(file, second, error, "%s stands here a second time, first in line %u.", second->name,
                              first->line);
    }
    return true;
}

/* The same over the first entry of each section. */
static bool check_sections(const struct ini_file *file, unsigned *sorted, struct error *error)
{
    unsigned count = 0;
    for (unsigned i = 0; i < file->count; i++)
        if (i == 0 || file->entries[i].section_line != file->entries[i - 1].section_line)
            sorted[count++] = i;
    qsort_r(sorted, count, sizeof *sorted, compare_sections, file->entries);
    for (unsigned i = 1; i < count; i++) {
        const struct ini_entry *first = &file->entries[sorted[i - 1]];
        const struct ini_entry *second = &file->entries[sorted[i]];
        if (strcmp(first->section, second->section) == 0)
            return error_set(error, ERROR_INVALID, NULL,
                             "%s:%u: the section [%s] stands here a second time, first in line %u.", file->path,
                             second->section_line, second->section, first->section_line);
    }
    return true;
}

static bool check_duplicates(const struct ini_file *file, struct error *error)
{
    unsigned *sorted = calloc(file->count + 1U, sizeof *sorted);
    ASSERT(sorted != NULL);
    bool good = check_sections(file, sorted, error) && check_names(file, sorted, error);
    free(sorted);
    return good;
}

bool ini_file_parse(const char *path, struct span text, struct ini_file *ret_file, struct error *error)
{
    *ret_file = (struct ini_file){0};
    if (span_starts_with(text, SPAN("\xef\xbb\xbf")))
        text = span_skip(text, 3);
    if (text.size > INI_FILE_BYTES_MAX)
        return error_set(error, ERROR_TOO_LARGE, NULL, "%s is larger than 1 MiB.", path);
    if (!check_text(path, text, error))
        return false;
    struct reading reading = {.lines = {.rest = text}, .file = ret_file, .capacity = count_pairs(text)};
    ret_file->path = strdup(path);
    ret_file->entries = calloc(reading.capacity + 1U, sizeof *ret_file->entries);
    ASSERT(ret_file->path != NULL && ret_file->entries != NULL);
    int line = ini_parse_stream(read_line, &reading, take_entry, &reading);
    bool good = line == 0 || refuse_line(path, line > 0 ? (unsigned)line : 1, error, "this line cannot be read.");
    good = good && check_duplicates(ret_file, error);
    if (!good)
        ini_file_free(ret_file);
    return good;
}

bool ini_file_load(const char *path, struct ini_file *ret_file, struct error *error)
{
    struct buffer bytes;
    *ret_file = (struct ini_file){0};
    if (!read_file(path, INI_FILE_BYTES_MAX, &bytes, error))
        return false;
    bool good = ini_file_parse(path, buffer_span(&bytes), ret_file, error);
    read_file_wipe(&bytes);
    return good;
}

void ini_file_free(struct ini_file *file)
{
    if (file->entries != NULL)
        explicit_bzero(file->entries, file->count * sizeof *file->entries);
    free(file->entries);
    free(file->path);
    *file = (struct ini_file){0};
}
