/* bench/program/verb.h -- what bale-bench can be asked for: one table, from which its help and its manual page come. */
#pragma once

#include "runtime/base/buffer.h"
#include "server/config/option.h"

enum verb_status { VERB_DONE = 0, VERB_FAILED = 1, VERB_WRONG_USE = 2 };

enum { VERB_TABLES_MAX = 2 };

struct verb {
    const char *name;
    const char *target; /* what its arguments are: "[FILE.ini]" */
    const char *summary;
    const char *text;
    const struct option_table *(*options[VERB_TABLES_MAX])(void);
    /* `arguments` are those behind the verb, NULL behind the last. */
    enum verb_status (*run)(char *const *arguments);
};

const struct verb *verb_at(unsigned index); /* NULL behind the last */

const struct option_table *run_options(void);
enum verb_status verb_run(char *const *arguments);
const struct option_table *analyze_options(void);
enum verb_status verb_analyze(char *const *arguments);
const struct option_table *plot_options(void);
enum verb_status verb_plot(char *const *arguments);
const struct option_table *self_test_options(void);
enum verb_status verb_self_test(char *const *arguments);

/* "bale-bench: what is wrong" on standard error; returns `status`. */
__attribute__((format(printf, 2, 3))) enum verb_status verb_refuse(enum verb_status status, const char *format, ...);

/* All of it to standard output. */
enum verb_status verb_print(const struct buffer *text);
/* A file of that text. */
bool verb_write_file(const char *path, const struct buffer *text, struct error *error);
