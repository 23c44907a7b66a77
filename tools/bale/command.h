/* tools/bale/command.h -- what a subcommand of bale is given, and the subcommands. */
#pragma once

#include "runtime/base/error.h"

#include <stdbool.h>

/* Options and arguments of the command line, in any order. Texts point into argv or the environment; NULL: not given.
 */
struct command_line {
    const char *folder;      /* of --backend dir:FOLDER, else of BALE_BACKEND, else "./bale-data" */
    const char *bucket;      /* --bucket */
    const char *owner;       /* --owner: an account's id */
    const char *credentials; /* --credentials, else BALE_CREDENTIALS */
    bool repair;             /* --repair */
    const char *copy;        /* --copy: a file that bale backup wrote */
    bool json;               /* --json */
    bool recount;            /* --recount */
    bool follow, verify;     /* --follow, --verify */
    bool restore, adopt;     /* --restore, --adopt: of one journal command only one ... */
    bool begin_anew;         /* ... or --begin-anew ... */
    bool test_store;         /* ... or --test-store ... */
    const char *release;     /* ... or --release */
    bool yes;                /* --yes */
    bool has_price;
    double price;       /* --price-per-gb-month */
    const char *target; /* the one argument that is no option: the FOLDER of export and import, the FILE of backup */
};

/* Each prints what it did and returns true, or fails with a sentence. */
bool command_backup(const struct command_line *line, struct error *error);
bool command_check(const struct command_line *line, struct error *error);
bool command_export(const struct command_line *line, struct error *error);
bool command_import(const struct command_line *line, struct error *error);
bool command_journal(const struct command_line *line, struct error *error);
bool command_savings(const struct command_line *line, struct error *error);
