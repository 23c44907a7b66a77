/* tools/bale/command.h -- the subcommands of bale: one table from which parsing, refusals, --help and the manual come.
 */
#pragma once

#include "runtime/base/buffer.h"
#include "runtime/base/error.h"
#include "server/config/config.h"
#include "server/config/option.h"
#include "tools/bale/session/control_call.h"
#include "tools/bale/session/s3_place.h"

#include <stdbool.h>

enum { COMMAND_TARGETS_MAX = 8 };

/* In the order of the choices of --on-change. */
enum get_change { GET_FAIL, GET_RESTART };

/* What the rows of a command's options point to. Texts belong to it; NULL: not given. Options that a command does not
 * have keep what is zero. */
struct command_line {
    char *backend;      /* --backend, else BALE_BACKEND */
    const char *folder; /* the PATH in it */
    char *bucket;
    char *owner; /* an account's id */
    char *credentials;
    bool repair;
    bool as_stored;
    char *copy; /* a file that bale backup wrote */
    bool json;
    bool recount;
    bool follow, verify;
    bool restore, adopt, begin_anew, test_store; /* of these and `release` only one */
    char *release;
    bool yes;
    double price;
    char *currency;
    struct config where; /* of commands that work on any backend, instead of `backend`: which it is */
    char *prefix;
    bool deep;
    bool frames;       /* of inspect */
    bool skip_damaged; /* of cat */
    bool etags;
    bool test, forget;
    char *account, *action, *resource, *context; /* of explain */
    bool s4;
    char *explain, *version, *native; /* of lifecycle, as is the next one */
    bool confirm_clock;
    bool drop;    /* of tier, as are the next two */
    char *replay; /* a log */
    uint64_t tier_size;
    char *state;
    char *admin_socket; /* of commands that ask a running server */
    int64_t zstd_level; /* of pack */
    char *plot;         /* of pack and estimate: a file for a picture */
    uint64_t columns;   /* of estimate, as are those up to prices: enum config_columns; also of maintain */
    uint64_t sample_frames, max_keys, seed;
    uint64_t format;      /* also of maintain: 0: a table, 1: JSON */
    double within;        /* percent points; 0: not asked for */
    char *prices;         /* a file; also of maintain */
    uint64_t interval_ms; /* of maintain, as are the next four; 0: once */
    uint64_t pace;        /* bytes a second; 0: no limit */
    char *policy;         /* a file */
    bool execute;         /* also of repair */
    bool force;
    char *log; /* a file */
    /* Of get and put. */
    struct s3_place server;
    uint64_t parts; /* connections at once */
    uint64_t part_size;
    uint64_t on_change; /* enum get_change */
    uint64_t check;     /* enum check_wish */
    char *version_id;
    char *include, *exclude; /* of get */
    char *content_type;      /* of put */
    bool if_none_match;      /* of put */
    bool tree, resume, sparse, no_sync, quiet;
    char *from;       /* of keyring rotate and adopt */
    char *keyring;    /* a file of keys (server/keys/keyring.h) */
    const char *what; /* the second one, of commands that take two */
    /* The arguments that are no options: the FOLDER of export and import, the FILE of backup. `target` is the first. */
    const char *target;
    const char *targets[COMMAND_TARGETS_MAX];
    unsigned targets_count;
};

struct command {
    const char *name;
    bool (*run)(const struct command_line *line,
                struct error *error); /* prints what it did, or fails with a sentence */
    bool (*check)(const struct command_line *line, struct error *error); /* do its options fit together? NULL: always */
    const char
        *target; /* what its argument is; NULL: it takes none. In brackets, as a second word, it may be left out */
    const char *summary; /* one line */
    const char *text;    /* one paragraph of --help */
    struct option_table table;
    bool takes_many; /* up to COMMAND_TARGETS_MAX of its argument */
};

const struct command *command_at(unsigned index);     /* NULL behind the last */
const struct command *command_find(const char *name); /* NULL: there is none */

/* Environment and arguments (NULL behind the last) into *ret_line, which command_line_free is due on in either case. */
bool command_line_read(const struct command *command, char *const *environment, char *const *arguments,
                       struct command_line *ret_line, struct error *error);
/* The running server that is meant: --admin-socket, else by the control file in --state, else in that of the backend.
 */
struct control_place command_place(const struct command_line *line);
void command_line_free(const struct command *command, struct command_line *line);

/* What `bale help` prints, and `bale COMMAND --help`. */
void command_help_all(struct buffer *to);
void command_help(const struct command *command, struct buffer *to);
/* "bale export FOLDER [--OPTION ...]" */
void command_usage(const struct command *command, struct buffer *to);

bool command_backup(const struct command_line *line, struct error *error);
bool command_backend(const struct command_line *line, struct error *error);
bool command_cat(const struct command_line *line, struct error *error);
bool command_check(const struct command_line *line, struct error *error);
bool command_dict(const struct command_line *line, struct error *error);
bool command_estimate(const struct command_line *line, struct error *error);
bool command_explain(const struct command_line *line, struct error *error);
bool command_export(const struct command_line *line, struct error *error);
bool command_fleet(const struct command_line *line, struct error *error);
bool command_get(const struct command_line *line, struct error *error);
bool command_check_get(const struct command_line *line, struct error *error);
bool command_import(const struct command_line *line, struct error *error);
bool command_inspect(const struct command_line *line, struct error *error);
bool command_journal(const struct command_line *line, struct error *error);
bool command_keyring(const struct command_line *line, struct error *error);
bool command_tier(const struct command_line *line, struct error *error);
bool command_lifecycle(const struct command_line *line, struct error *error);
bool command_maintain(const struct command_line *line, struct error *error);
bool command_pack(const struct command_line *line, struct error *error);
bool command_put(const struct command_line *line, struct error *error);
bool command_check_put(const struct command_line *line, struct error *error);
bool command_repair(const struct command_line *line, struct error *error);
bool command_savings(const struct command_line *line, struct error *error);
bool command_stamp(const struct command_line *line, struct error *error);
bool command_verify(const struct command_line *line, struct error *error);
