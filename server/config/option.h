/* server/config/option.h -- options as rows of a table: those of baled, and of each command of bale.
 *
 * From the table come what is accepted and in which words it is refused, the defaults, --help and the manual pages.
 * Whoever has a table has a struct whose members the rows point to:
 *
 *     static const struct option OPTIONS[] = {
 *         {"shards", OPTION_NUMBER, offsetof(struct config, shards), "auto", "N", .word = "auto", .least = 1, .most =
 * 256, .help = "threads that serve"}}; static const struct option_table TABLE = {OPTIONS, 1, "baled"};
 *
 * Members: char * for texts (owned by the struct: option_table_free), bool for flags, uint64_t for choices (the index),
 * numbers, sizes (bytes) and durations (milliseconds), int64_t for integers, double for amounts of money. */
#pragma once

#include "runtime/base/buffer.h"
#include "runtime/base/error.h"
#include "runtime/base/span.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum option_kind {
    OPTION_TEXT,     /* anything but nothing, unless nothing is its default */
    OPTION_ADDRESS,  /* host:port, [ipv6]:port or :port */
    OPTION_BACKEND,  /* dir:PATH or s3:BUCKET[/PREFIX] */
    OPTION_FOLDER,   /* dir:PATH alone */
    OPTION_REGION,   /* a region as AWS names them */
    OPTION_DOMAIN,   /* a host name, kept in lower case; nothing is allowed */
    OPTION_FLAG,     /* yes or no; on the command line the name alone is yes */
    OPTION_CHOICE,   /* one of `allowed`, words separated by "|" */
    OPTION_NUMBER,   /* unsigned, or `word` for 0 */
    OPTION_INTEGER,  /* signed */
    OPTION_SIZE,     /* bytes, with K, M, G or T for powers of 1024 */
    OPTION_DURATION, /* seconds, or with ms, s, m or h */
    OPTION_PRICE,    /* a decimal number from 0 to a million */
};

struct option {
    const char *name; /* without "--" */
    enum option_kind kind;
    size_t offset;            /* of its member */
    const char *default_text; /* NULL, of texts: the member stays NULL */
    const char *value_name;   /* "" of flags */
    const char *allowed;      /* choices */
    const char *word;         /* that stands for 0 */
    int64_t least;
    int64_t most; /* of sizes and durations in their smallest unit */
    const char *help;
    bool has_variable; /* of bale's commands: BALE_NAME is looked at; of baled's options all are */
};

struct option_table {
    const struct option *options;
    unsigned count;
    const char *command; /* whose --help lists them */
};

/* `origin` is how the option was named where it stands: "--shards", "BALE_SHARDS", "bale.ini:3: shards". */
struct setting {
    const struct option *option;
    const char *origin;
    const char *value;
};

/* Into the member; the refusal says which option, and what is allowed. */
bool option_read(const struct setting *setting, void *target, struct error *error);

/* A zeroed struct gets the defaults of all options. */
void option_table_default(const struct option_table *table, void *target);
/* The texts of all options. */
void option_table_free(const struct option_table *table, void *target);

/* NULL: there is none of that name. */
const struct option *option_find(const struct option_table *table, struct span name);
/* Returns false: there is no such option, with the one that was meant or the command that lists all. */
bool option_refuse_unknown(const struct option_table *table, const char *origin, struct span name, struct error *error);

enum { OPTION_VARIABLE_BYTES = 64 };
/* "zstd-level": BALE_ZSTD_LEVEL. */
void option_variable(const struct option *option, char ret_name[OPTION_VARIABLE_BYTES]);

/* One option of a command line, which is one or two arguments: --name value, --name=value, or --name for a flag. */
struct option_argument {
    const struct option *option;
    const char *value;
    int count; /* of arguments */
};
/* arguments[0] begins with "--"; a NULL is behind the last. An unknown option and a missing value are refused. */
bool option_argument_read(const struct option_table *table, char *const *arguments,
                          struct option_argument *ret_argument, struct error *error);
bool option_argument_apply(const struct option_argument *argument, void *target, struct error *error);

/* ---- help ---- */

enum { OPTION_HELP_INDENT = 31, OPTION_HELP_COLUMNS = 100 };

/* "--shards N  threads that serve (auto or 1 to 256) [auto]", one option behind the other, wrapped. */
void option_table_help(const struct option_table *table, struct buffer *to);
/* Words of `text` in lines of at most OPTION_HELP_COLUMNS columns; all but the first begin at column `indent`. */
void option_help_text(const char *text, unsigned indent, struct buffer *to);
/* What is allowed and what is the default, as it stands behind an option's text: " (auto or 1 to 256) [auto]". */
void option_help_allowed(const struct option *option, struct buffer *to);
