/* bench/program/files.c -- arguments that are options, and those that are files. */
#include "bench/program/files.h"

#include "bench/program/verb.h"
#include "bench/report/figures_json.h"

#include <string.h>

static bool take_option(const struct option_table *table, char *const *arguments, struct file_choices *choices,
                        int *ret_count, struct error *error)
{
    struct option_argument argument;
    if (!option_argument_read(table, arguments, &argument, error))
        return false;
    *ret_count = argument.count;
    if (!option_argument_apply(&argument, choices, error))
        return false;
    if (strcmp(argument.option->name, "bar") != 0)
        return true;
    if (choices->bars_count == RUN_BARS_MAX)
        return error_set(error, ERROR_INVALID, NULL, "--bar: there are more than %d", RUN_BARS_MAX);
    choices->bars[choices->bars_count++] = argument.value;
    return true;
}

static bool take_file(struct run_files *files, const char *path, struct error *error)
{
    if (files->count == RUN_FILES_MAX)
        return error_set(error, ERROR_INVALID, NULL, "%s: there are more than %d files", path, RUN_FILES_MAX);
    if (!figures_json_load(path, &files->runs[files->count], error))
        return false;
    files->paths[files->count++] = path;
    return true;
}

bool run_files_read(const struct option_table *table, char *const *arguments, struct file_choices *choices,
                    struct run_files *ret_files)
{
    struct error error;
    bool good = true;
    *ret_files = (struct run_files){0};
    *choices = (struct file_choices){0};
    option_table_default(table, choices);
    while (good && *arguments != NULL) {
        int count = 1;
        good = strncmp(*arguments, "--", 2) == 0 ? take_option(table, arguments, choices, &count, &error)
                                                 : take_file(ret_files, *arguments, &error);
        arguments += count;
    }
    if (good && ret_files->count == 0)
        good = error_set(&error, ERROR_INVALID, NULL, "which runs? A FILE.json that bale-bench run --json wrote");
    if (!good)
        (void)verb_refuse(VERB_WRONG_USE, "%s", error.message);
    return good;
}

void run_files_free(struct run_files *files)
{
    for (unsigned i = 0; i < files->count; i++)
        run_figures_free(&files->runs[i]);
}
