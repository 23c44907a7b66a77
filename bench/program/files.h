/* bench/program/files.h -- the command line of verbs that read earlier runs: files, and options. */
#pragma once

#include "bench/figures/figures.h"
#include "server/config/option.h"

enum { RUN_FILES_MAX = 6, RUN_BARS_MAX = 32 };

/* The runs that were named, in their order. */
struct run_files {
    const char *paths[RUN_FILES_MAX];
    struct run_figures runs[RUN_FILES_MAX];
    unsigned count;
};

/* What options say; texts belong to it. */
struct file_choices {
    char *out;
    char *bar; /* the last; all are in bars */
    const char *bars[RUN_BARS_MAX];
    unsigned bars_count;
};

/* Reads options of `table` into *choices, and loads each file. False: complaints have been printed; what there is must
 * be freed in any case. */
bool run_files_read(const struct option_table *table, char *const *arguments, struct file_choices *choices,
                    struct run_files *ret_files);
void run_files_free(struct run_files *files);
