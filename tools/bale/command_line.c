/* tools/bale/command_line.c -- reads the command line of one command, and prints what there is to give. */
#include "runtime/base/environment.h"
#include "tools/bale/command.h"

#include <string.h>

/* ---- reading ---- */

/* An option that this command lacks and another one has: then that one was meant, perhaps. */
static bool refuse_option(const struct command *command, const char *text, struct error *error)
{
    struct span name = span_take(span_from_string(text + 2), strcspn(text + 2, "="));
    for (unsigned i = 0; command_at(i) != NULL; i++) {
        if (option_find(&command_at(i)->table, name) != NULL)
            return error_set(error, ERROR_INVALID, NULL,
                             "%s: this is an option of bale %s; bale %s --help lists its own", text,
                             command_at(i)->name, command->name);
    }
    return option_refuse_unknown(&command->table, text, name, error);
}

static bool takes_two(const struct command *command)
{
    return command->target != NULL && strchr(command->target, ' ') != NULL;
}

/* Returns how many arguments it took; 0: refused. */
static int read_one(const struct command *command, char *const *arguments, struct command_line *line,
                    struct error *error)
{
    struct option_argument argument;
    const char *text = arguments[0];
    if (strncmp(text, "--", 2) == 0 && text[2] != '\0') {
        struct span name = span_take(span_from_string(text + 2), strcspn(text + 2, "="));
        if (option_find(&command->table, name) == NULL)
            return refuse_option(command, text, error);
        if (!option_argument_read(&command->table, arguments, &argument, error))
            return 0;
        return option_argument_apply(&argument, line, error) ? argument.count : 0;
    }
    if (line->target != NULL && line->what == NULL && takes_two(command)) {
        line->what = text;
        return 1;
    }
    unsigned targets_max = command->target == NULL ? 0 : command->takes_many ? COMMAND_TARGETS_MAX : 1;
    if (line->targets_count == targets_max)
        return error_set(error, ERROR_INVALID, NULL, "%s: one argument too many; bale %s --help says what it takes",
                         text, command->name);
    line->targets[line->targets_count++] = text;
    line->target = line->targets[0];
    return 1;
}

static bool read_environment(const struct command *command, char *const *environment, struct command_line *line,
                             struct error *error)
{
    for (unsigned i = 0; i < command->table.count; i++) {
        const struct option *option = &command->table.options[i];
        char name[OPTION_VARIABLE_BYTES];
        option_variable(option, name);
        const struct setting setting = {option, name, environment_find(environment, name)};
        if (option->has_variable && setting.value != NULL && !option_read(&setting, line, error))
            return false;
    }
    return true;
}

bool command_line_read(const struct command *command, char *const *environment, char *const *arguments,
                       struct command_line *ret_line, struct error *error)
{
    *ret_line = (struct command_line){0};
    option_table_default(&command->table, ret_line);
    if (!read_environment(command, environment, ret_line, error))
        return false;
    for (int taken; *arguments != NULL; arguments += taken) {
        taken = read_one(command, arguments, ret_line, error);
        if (taken == 0)
            return false;
    }
    if (command->target != NULL && command->target[0] != '[' && ret_line->target == NULL)
        return error_set(error, ERROR_INVALID, NULL, "it needs a %s; bale %s --help says what it takes",
                         command->target, command->name);
    if (ret_line->backend != NULL)
        ret_line->folder = ret_line->backend + strlen("dir:");
    return command->check == NULL || command->check(ret_line, error);
}

struct control_place command_place(const struct command_line *line)
{
    return (struct control_place){.folder = line->state != NULL ? line->state : line->folder,
                                  .socket = line->admin_socket};
}

void command_line_free(const struct command *command, struct command_line *line)
{
    option_table_free(&command->table, line);
    *line = (struct command_line){0};
}

/* ---- help ---- */

void command_usage(const struct command *command, struct buffer *to)
{
    buffer_append_format(to, "bale %s%s%s%s [--OPTION ...]", command->name, command->target != NULL ? " " : "",
                         command->target != NULL ? command->target : "", command->takes_many ? " ..." : "");
}

void command_help(const struct command *command, struct buffer *to)
{
    buffer_append_string(to, "Usage: ");
    command_usage(command, to);
    buffer_append_string(to, "\n\n");
    option_help_text(command->text, 0, to);
    buffer_append_string(to, "\n\n");
    option_table_help(&command->table, to);
}

void command_help_all(struct buffer *to)
{
    buffer_append_string(to, "Usage: bale COMMAND [--OPTION ...]\n\n");
    for (unsigned i = 0; command_at(i) != NULL; i++)
        buffer_append_format(to, "  %-10s %s\n", command_at(i)->name, command_at(i)->summary);
    buffer_append_string(to, "  version    say which version this is\n"
                             "  help       print this\n\n"
                             "bale COMMAND --help says what a command takes. Most take --backend dir:PATH, the folder "
                             "of the embedded store\n"
                             "[dir:./bale-data]; cat, inspect, journal, keyring, maintain, repair, savings and verify "
                             "take s3:BUCKET[/PREFIX]\n"
                             "as well, backend, fleet and stamp that alone; get and put speak with any S3 server.\n");
}
