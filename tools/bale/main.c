/* tools/bale/main.c -- bale, the operator's command: finds the subcommand and reads its options. */
#include "tools/bale/command.h"

#include "runtime/base/open_files.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { EXIT_USAGE = 2 };

struct command {
    const char *name;
    bool (*run)(const struct command_line *line, struct error *error);
    const char *options; /* that it takes, separated by spaces */
    const char *target;  /* what its argument is called; NULL: it takes none */
    const char *usage;
    const char *help;
};

static const struct command COMMANDS[] = {
    {"backup", command_backup, "--backend", "FILE", "backup FILE",
     "copies the catalogue into FILE, also while baled runs: small objects\n"
     "                                       and open uploads are known to it alone"},
    {"check", command_check, "--backend --repair --copy", NULL, "check [--repair [--copy FILE]]",
     "reads everything of a folder and says what is damaged;\n"
     "                                       --repair rebuilds what can be rebuilt, a lost catalogue too;\n"
     "                                       --copy begins with a copy that bale backup made"},
    {"export", command_export, "--backend --bucket", "FOLDER", "export FOLDER --bucket NAME",
     "writes the objects of a bucket into FOLDER as S4 keeps them:\n"
     "                                       bodies, .s4index and objects.json"},
    {"import", command_import, "--backend --bucket --owner --credentials", "FOLDER", "import FOLDER [--bucket NAME]",
     "puts what lies in FOLDER so into a bucket (default: the one that\n"
     "                                       objects.json names), which is made when it is missing"},
    {"journal", command_journal,
     "--backend --json --follow --verify --restore --adopt --begin-anew --test-store --release --yes", NULL,
     "journal [--verify] [--follow] [--json]",
     "how the journal stands, beside a running server or without; --verify reads\n"
     "                                       every object of it, --follow prints what changes. Without a server:\n"
     "                                       --restore goes on from a copy of a lost head, --adopt makes a copied\n"
     "                                       journal one of its own, --begin-anew an empty one where nothing is left\n"
     "                                       (they say what that loses, and do it with --yes),\n"
     "                                       --test-store tests what the journal needs of a store, --release KEY\n"
     "                                       resolves a segment in quarantine"},
    {"savings", command_savings, "--backend --bucket --json --recount --price-per-gb-month", NULL,
     "savings [--bucket NAME] [--json]",
     "what every bucket holds, what is stored of it, what that saves, beside\n"
     "                                       a running server or without; --recount counts all objects anew"},
};
enum { COMMANDS_COUNT = sizeof COMMANDS / sizeof COMMANDS[0] };

static void print_help(FILE *to)
{
    (void)fprintf(to, "Usage: bale COMMAND [OPTIONS]\n\n");
    for (unsigned i = 0; i < COMMANDS_COUNT; i++)
        (void)fprintf(to, "  %-36s %s\n", COMMANDS[i].usage, COMMANDS[i].help);
    (void)fprintf(to, "  %-36s %s\n", "version", "says which version this is");
    (void)fprintf(to, "  %-36s %s\n\n", "help", "prints this");
    (void)fprintf(to,
                  "  --backend dir:PATH    the folder of the embedded store [dir:./bale-data], also BALE_BACKEND; no\n"
                  "                        baled may have it open, but for `savings`, `backup` and a `journal`\n"
                  "                        that only reads: stop it first\n"
                  "  --bucket NAME         the bucket\n"
                  "  --price-per-gb-month P  what a GiB costs a month [0.023]\n"
                  "  --owner ID            the account (its id) that a new bucket belongs to; default: the first of\n"
                  "  --credentials FILE    the accounts file, also BALE_CREDENTIALS [PATH/credentials]\n");
}

static bool wrong(struct error *error, const char *what, const char *why)
{
    return error_set(error, ERROR_INVALID, NULL, "%s: %s; bale help lists all", what, why);
}

/* Is the word in the list of words? */
static bool is_listed(const char *list, const char *word, size_t size)
{
    for (const char *at = list; (at = strstr(at, word)) != NULL; at += size) {
        if (strncmp(at, word, size) == 0 && (at[size] == ' ' || at[size] == '\0'))
            return true;
    }
    return false;
}

static bool set_backend(struct command_line *line, const char *origin, const char *value, struct error *error)
{
    if (strncmp(value, "dir:", 4) != 0 || value[4] == '\0')
        return error_set(error, ERROR_INVALID, NULL, "%s: \"%s\" is not allowed; allowed is dir:PATH", origin, value);
    line->folder = value + 4;
    return true;
}

static bool set_price(struct command_line *line, const char *value, struct error *error)
{
    char *end;
    line->price = strtod(value, &end);
    line->has_price = end != value && *end == '\0' && line->price >= 0 && line->price <= 1e6;
    return line->has_price || error_set(error, ERROR_INVALID, NULL,
                                        "--price-per-gb-month: \"%s\" is not allowed; allowed is 0 .. 1e6", value);
}

static bool set_flag(struct command_line *line, const char *name)
{
    bool *flag = strcmp(name, "--repair") == 0       ? &line->repair
                 : strcmp(name, "--json") == 0       ? &line->json
                 : strcmp(name, "--recount") == 0    ? &line->recount
                 : strcmp(name, "--follow") == 0     ? &line->follow
                 : strcmp(name, "--verify") == 0     ? &line->verify
                 : strcmp(name, "--restore") == 0    ? &line->restore
                 : strcmp(name, "--begin-anew") == 0 ? &line->begin_anew
                 : strcmp(name, "--adopt") == 0      ? &line->adopt
                 : strcmp(name, "--test-store") == 0 ? &line->test_store
                 : strcmp(name, "--yes") == 0        ? &line->yes
                                                     : NULL;
    if (flag != NULL)
        *flag = true;
    return flag != NULL;
}

static bool set_option(struct command_line *line, const char *name, const char *value, struct error *error)
{
    if (strcmp(name, "--backend") == 0)
        return set_backend(line, name, value, error);
    if (strcmp(name, "--price-per-gb-month") == 0)
        return set_price(line, value, error);
    const char **member = strcmp(name, "--bucket") == 0    ? &line->bucket
                          : strcmp(name, "--copy") == 0    ? &line->copy
                          : strcmp(name, "--owner") == 0   ? &line->owner
                          : strcmp(name, "--release") == 0 ? &line->release
                                                           : &line->credentials;
    *member = value;
    return true;
}

/* Reads one argument (and its value); returns how many of argv it took, 0: refused. */
static int read_argument(const struct command *command, char **argv, struct command_line *line, struct error *error)
{
    const char *text = argv[0];
    if (strncmp(text, "--", 2) != 0) {
        if (command->target == NULL || line->target != NULL)
            return wrong(error, text, "one argument too many");
        line->target = text;
        return 1;
    }
    char name[32] = "";
    size_t size = strcspn(text, "=");
    if (size < sizeof name)
        memcpy(name, text, size);
    if (name[0] == '\0' || !is_listed(command->options, name, size))
        return wrong(error, text, "there is no such option here");
    if (set_flag(line, text))
        return 1;
    bool is_joined = text[size] == '=';
    const char *value = is_joined ? text + size + 1 : argv[1];
    if (value == NULL)
        return wrong(error, text, "its value is missing");
    return set_option(line, name, value, error) ? 2 - is_joined : 0;
}

static bool read_command_line(const struct command *command, char **argv, struct command_line *line,
                              struct error *error)
{
    *line = (struct command_line){.folder = "./bale-data", .credentials = getenv("BALE_CREDENTIALS")};
    const char *backend = getenv("BALE_BACKEND");
    if (backend != NULL && !set_backend(line, "BALE_BACKEND", backend, error))
        return false;
    for (int taken; *argv != NULL; argv += taken) {
        taken = read_argument(command, argv, line, error);
        if (taken == 0)
            return false;
    }
    if (command->target != NULL && line->target == NULL)
        return error_set(error, ERROR_INVALID, NULL, "it needs a %s; bale help lists all", command->target);
    unsigned works = line->restore + line->adopt + line->begin_anew + line->test_store + (line->release != NULL);
    if (works > 1 || (works == 1 && (line->follow || line->verify || line->json)))
        return wrong(error, command->name, "--restore, --adopt, --begin-anew, --test-store and --release go alone");
    if (line->yes && !line->restore && !line->adopt && !line->begin_anew)
        return wrong(error, "--yes", "it goes with --restore, --adopt and --begin-anew");
    return true;
}

static int run(const struct command *command, char **argv)
{
    struct command_line line;
    struct error error;
    int status = EXIT_USAGE;
    if (read_command_line(command, argv, &line, &error)) {
        if (command->run(&line, &error))
            return EXIT_SUCCESS;
        status = EXIT_FAILURE;
    }
    (void)fprintf(stderr, "bale %s: %s\n", command->name, error.message);
    return status;
}

int main(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "";
    (void)open_files_raise(); /* every volume of a folder is one */
    for (unsigned i = 0; i < COMMANDS_COUNT; i++) {
        if (strcmp(name, COMMANDS[i].name) == 0)
            return run(&COMMANDS[i], argv + 2);
    }
    if (strcmp(name, "version") == 0 || strcmp(name, "--version") == 0) {
        printf("bale %s\n", BALE_VERSION);
        return EXIT_SUCCESS;
    }
    bool is_asked = strcmp(name, "help") == 0 || strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0;
    if (!is_asked && argc > 1)
        (void)fprintf(stderr, "bale: there is no command %s\n\n", name);
    print_help(is_asked ? stdout : stderr);
    return is_asked ? EXIT_SUCCESS : EXIT_USAGE;
}
