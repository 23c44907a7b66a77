/* tools/manual/manual.c -- puts options and commands, from the programs' own tables, into a manual page.
 *
 * usage: manual FILE.in, which is mdoc(7), to standard output. Lines that are replaced: @OPTIONS@, the options of
 * baled;
 * @USAGES@ and @COMMANDS@, the commands of bale, in short and with their options; @VERBS@, the verbs of bale-bench with
 * theirs. @VERSION@ is replaced anywhere. */
#include "bench/program/verb.h"
#include "runtime/base/read_file.h"
#include "server/config/config.h"
#include "tools/bale/command.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TEMPLATE_BYTES_MAX = 1 << 20 };

/* One word. What is typed ("--repair") keeps its hyphens, and is not broken at the end of a line. */
static void put_word(struct buffer *to, struct span word)
{
    size_t before = strspn((const char *)word.data, "(");
    bool is_typed = word.size > before && word.data[before] == '-';
    if (is_typed)
        buffer_append_string(to, "\\%");
    for (size_t i = 0; i < word.size; i++) {
        if (word.data[i] == '\\')
            buffer_append_string(to, "\\e");
        else if (word.data[i] == '-' && is_typed)
            buffer_append_string(to, "\\-");
        else
            buffer_append_byte(to, word.data[i]);
    }
}

/* Sentences, as mdoc wants them: each on a line of its own, none of which begins like a macro. */
static void put_text(struct buffer *to, const char *text)
{
    bool is_line_start = true;
    while (*text != '\0') {
        struct span word = span_of(text, strcspn(text, " "));
        text += word.size + (text[word.size] == ' ');
        if (!is_line_start)
            buffer_append_byte(to, ' ');
        else if (word.size > 0 && (word.data[0] == '.' || word.data[0] == '\''))
            buffer_append_string(to, "\\&");
        put_word(to, word);
        is_line_start = word.size > 0 && word.data[word.size - 1] == '.' && *text != '\0';
        if (is_line_start)
            buffer_append_byte(to, '\n');
    }
    buffer_append_byte(to, '\n');
}

/* ---- options ---- */

/* "--zstd-level N", "--json". */
static void put_option_head(struct buffer *to, const struct option *option)
{
    buffer_append_string(to, ".It Fl ");
    buffer_append_string(to, "\\-");
    for (const char *byte = option->name; *byte != '\0'; byte++)
        buffer_append_string(to, *byte == '-' ? "\\-" : (const char[]){*byte, '\0'});
    if (option->value_name[0] != '\0')
        buffer_append_format(to, " Ar %s", option->value_name);
    buffer_append_byte(to, '\n');
}

static void put_options(struct buffer *to, const struct option_table *table)
{
    buffer_append_string(to, ".Bl -tag -width Ds\n");
    for (unsigned i = 0; i < table->count; i++) {
        const struct option *option = &table->options[i];
        struct buffer allowed = {0};
        option_help_allowed(option, &allowed); /* as --help has it */
        buffer_append_byte(&allowed, '\0');
        put_option_head(to, option);
        put_text(to, option->help);
        if (allowed.size > 1)
            put_text(to, (const char *)allowed.data + 1); /* without the blank before it */
        buffer_free(&allowed);
    }
    buffer_append_string(to, ".El\n");
}

/* ---- commands ---- */

static void put_usages(struct buffer *to)
{
    const struct command *command;
    for (unsigned i = 0; (command = command_at(i)) != NULL; i++)
        buffer_append_format(to, ".Nm\n.Cm %s\n%s%s%s%s.Op Fl \\-OPTION No ...\n", command->name,
                             command->target != NULL ? ".Ar " : "", command->target != NULL ? command->target : "",
                             command->takes_many ? " ..." : "", command->target != NULL ? "\n" : "");
}

static void put_commands(struct buffer *to)
{
    const struct command *command;
    for (unsigned i = 0; (command = command_at(i)) != NULL; i++) {
        buffer_append_format(to, ".Ss %s: %s\n", command->name, command->summary);
        put_text(to, command->text);
        put_options(to, &command->table);
    }
}

static void put_verbs(struct buffer *to)
{
    const struct verb *verb;
    for (unsigned i = 0; (verb = verb_at(i)) != NULL; i++) {
        buffer_append_format(to, ".Ss %s %s: %s\n", verb->name, verb->target, verb->summary);
        put_text(to, verb->text);
        for (unsigned j = 0; j < VERB_TABLES_MAX && verb->options[j] != NULL; j++)
            put_options(to, verb->options[j]());
    }
}

/* ---- the page ---- */

static void put_with_version(struct buffer *to, struct span line)
{
    static const struct span VERSION = SPAN("@VERSION@");
    while (line.size > 0) {
        bool is_version = span_starts_with(line, VERSION);
        if (is_version)
            buffer_append_string(to, BALE_VERSION);
        else
            buffer_append_byte(to, line.data[0]);
        line = span_skip(line, is_version ? VERSION.size : 1);
    }
    buffer_append_byte(to, '\n');
}

static void put_page(struct buffer *to, struct span template)
{
    while (template.size > 0) {
        size_t end = span_find(template, '\n');
        struct span line = span_take(template, end);
        template = end == SIZE_MAX ? SPAN_EMPTY : span_skip(template, end + 1);
        if (span_equal(line, SPAN("@OPTIONS@")))
            put_options(to, config_options());
        else if (span_equal(line, SPAN("@USAGES@")))
            put_usages(to);
        else if (span_equal(line, SPAN("@COMMANDS@")))
            put_commands(to);
        else if (span_equal(line, SPAN("@VERBS@")))
            put_verbs(to);
        else
            put_with_version(to, line);
    }
}

int main(int argc, char **argv)
{
    struct buffer template;
    struct buffer page = {0};
    struct error error;
    if (argc != 2 || !read_file(argv[1], TEMPLATE_BYTES_MAX, &template, &error)) {
        (void)fprintf(stderr, "manual: %s\n", argc != 2 ? "it takes one template" : error.message);
        return EXIT_FAILURE;
    }
    put_page(&page, buffer_span(&template));
    bool is_written = fwrite(page.data, 1, page.size, stdout) == page.size && fflush(stdout) == 0;
    buffer_free(&template);
    buffer_free(&page);
    return is_written ? EXIT_SUCCESS : EXIT_FAILURE;
}
