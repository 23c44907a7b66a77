/* bench/program/main.c -- bale-bench: loads an S3 server as a job file says, and measures what comes of it. */
#include "bench/program/verb.h"
#include "runtime/base/open_files.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

static void append_usages(struct buffer *to)
{
    const struct verb *verb;
    for (unsigned i = 0; (verb = verb_at(i)) != NULL; i++)
        buffer_append_format(to, "  bale-bench %-9s %-24s %s\n", verb->name, verb->target, verb->summary);
}

static enum verb_status print_help(void)
{
    struct buffer text;
    buffer_init(&text, 0);
    buffer_append_string(&text, "bale-bench -- loads an S3 server, and measures what comes of it\n\n");
    append_usages(&text);
    buffer_append_string(&text, "\nbale-bench VERB --help has the options of each; --version.\n");
    enum verb_status status = verb_print(&text);
    buffer_free(&text);
    return status;
}

static enum verb_status print_help_of(const struct verb *verb)
{
    struct buffer text;
    buffer_init(&text, 0);
    buffer_append_format(&text, "bale-bench %s %s [--OPTION ...]: %s\n\n", verb->name, verb->target, verb->summary);
    option_help_text(verb->text, 0, &text);
    buffer_append_string(&text, "\n\n");
    for (unsigned i = 0; i < VERB_TABLES_MAX && verb->options[i] != NULL; i++)
        option_table_help(verb->options[i](), &text);
    enum verb_status status = verb_print(&text);
    buffer_free(&text);
    return status;
}

static enum verb_status run_verb(const struct verb *verb, char *const *arguments)
{
    for (char *const *argument = arguments; *argument != NULL; argument++)
        if (strcmp(*argument, "--help") == 0)
            return print_help_of(verb);
    return verb->run(arguments);
}

int main(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "--help";
    (void)signal(SIGPIPE, SIG_IGN);
    (void)open_files_raise();
    if (strcmp(name, "--help") == 0 || strcmp(name, "help") == 0)
        return (int)print_help();
    if (strcmp(name, "--version") == 0) {
        (void)printf("bale-bench %s\n", BALE_VERSION);
        return VERB_DONE;
    }
    const struct verb *verb;
    for (unsigned i = 0; (verb = verb_at(i)) != NULL; i++)
        if (strcmp(verb->name, name) == 0)
            return (int)run_verb(verb, argv + 2);
    return (int)verb_refuse(VERB_WRONG_USE, "%s: there is no such verb; bale-bench --help lists all", name);
}
