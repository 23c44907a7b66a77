/* tools/bale/main.c -- bale, the operator's command: finds the command, and runs it or says what it takes. */
#include "runtime/base/open_files.h"
#include "tools/bale/command.h"
#include "tools/bale/view/printable.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

extern char **environ;

enum { EXIT_USAGE = 2, EXIT_STOPPED = 3, EXIT_CHANGED = 4 };

/* `command`: NULL for all of them. */
static void print_help(const struct command *command, FILE *to)
{
    struct buffer text;
    buffer_init(&text, 0);
    if (command != NULL)
        command_help(command, &text);
    else
        command_help_all(&text);
    (void)fwrite(text.data, 1, text.size, to);
    buffer_free(&text);
}

static bool is_help(const char *word)
{
    return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0;
}

/* What was cut off may be gone on with; what it has done stands. */
static int status_of(const struct error *error)
{
    if (error->kind == ERROR_CANCELLED)
        return EXIT_STOPPED;
    return error->kind == ERROR_CHANGED ? EXIT_CHANGED : EXIT_FAILURE;
}

static int run(const struct command *command, char *const *arguments)
{
    struct command_line line;
    struct error error;
    int status = EXIT_USAGE;
    for (char *const *argument = arguments; *argument != NULL; argument++) {
        if (is_help(*argument)) { /* whatever else is wrong */
            print_help(command, stdout);
            return EXIT_SUCCESS;
        }
    }
    bool is_read = command_line_read(command, environ, arguments, &line, &error);
    if (is_read && line.keyring != NULL)
        (void)prctl(PR_SET_DUMPABLE, 0); /* as baled: what keys open is in no core file, nor any debugger's to see */
    if (is_read)
        status = command->run(&line, &error) ? EXIT_SUCCESS : status_of(&error);
    if (status != EXIT_SUCCESS) { /* it may have names, and words of servers, in it */
        (void)fprintf(stderr, "bale %s: ", command->name);
        printable_write(stderr, span_from_string(error.message));
        (void)fputc('\n', stderr);
    }
    command_line_free(command, &line);
    return status;
}

static int refuse(const char *name)
{
    if (name[0] == '\0')
        print_help(NULL, stderr);
    else
        (void)fprintf(stderr, "bale: there is no command %s; bale help lists them\n", name);
    return EXIT_USAGE;
}

int main(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "";
    const struct command *command = command_find(name);
    (void)open_files_raise(); /* every volume of a folder is one */
    if (command != NULL)
        return run(command, argv + 2);
    if (strcmp(name, "version") == 0 || strcmp(name, "--version") == 0) {
        printf("bale %s\n", BALE_VERSION);
        return EXIT_SUCCESS;
    }
    if (strcmp(name, "help") != 0 && !is_help(name))
        return refuse(name);
    const struct command *asked = argc > 2 ? command_find(argv[2]) : NULL;
    if (argc > 2 && asked == NULL)
        return refuse(argv[2]);
    print_help(asked, stdout);
    return EXIT_SUCCESS;
}
