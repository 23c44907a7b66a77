/* tools/bale/commands/maintain.c -- bale maintain: walks over all objects, each by the first rule that acts on it; in
 * the server that has them, or here where none has. */
#include "server/keys/keyring.h"
#include "tools/bale/command.h"
#include "tools/bale/maintain/asked_maintenance.h"
#include "tools/bale/maintain/local_maintenance.h"
#include "tools/bale/maintain/maintenance_report.h"
#include "tools/bale/session/backend_session.h"
#include "tools/bale/session/replica_session.h"
#include "tools/bale/session/stopping.h"

#include <errno.h>
#include <stdio.h>

enum { FORMAT_TABLE, FORMAT_JSON }; /* in the order of the option's words */

/* All runs of one command. */
struct runs {
    const struct command_line *line;
    struct policy policy;
    struct prices prices;
    struct maintenance maintenance;
    FILE *log; /* NULL: none is kept */
};

/* ---- one walk ---- */

static bool walk_here(struct runs *runs, struct error *error)
{
    const struct command_line *line = runs->line;
    struct local_maintenance local = {.maintenance = &runs->maintenance,
                                      .folder = config_is_bucket(&line->where) ? NULL : config_folder(&line->where),
                                      .log = runs->log};
    if (!line->execute)
        return backend_session_look(&line->where, local_maintenance_run, &local, error);
    return line->state != NULL ? replica_session_run(&line->where, line->state, local_maintenance_run, &local, error)
                               : backend_session_run(&line->where, local_maintenance_run, &local, error);
}

/* In a bucket many may serve: the one that is meant has --admin-socket, or --state. */
static struct control_place place_of(const struct command_line *line)
{
    const char *folder = config_is_bucket(&line->where) ? line->state : config_folder(&line->where);
    return (struct control_place){.folder = folder, .socket = line->admin_socket};
}

static bool walk(struct runs *runs, struct error *error)
{
    const struct command_line *line = runs->line;
    struct asked_maintenance asked = {
        .place = place_of(line), .policy = line->policy, .prices = line->prices, .log = runs->log};
    bool is_served = false;
    runs->maintenance.has_begun = false;
    if (asked.place.folder != NULL || asked.place.socket != NULL) {
        if (!asked_maintenance_find(&asked.place, &is_served, error))
            return false;
    }
    return is_served ? asked_maintenance_run(&asked, &runs->maintenance, error) : walk_here(runs, error);
}

static bool run_once(struct runs *runs, struct error *error)
{
    const struct maintenance *maintenance = &runs->maintenance;
    bool done = walk(runs, error);
    bool has_begun = maintenance->has_begun;
    if (has_begun && runs->line->format == FORMAT_JSON)
        maintenance_print_json(maintenance, done);
    else if (has_begun)
        maintenance_print_table(maintenance);
    (void)fflush(stdout);
    if (!done && has_begun) /* it is not at its end */
        error->kind = ERROR_CANCELLED;
    return done && maintenance_judge(maintenance, error);
}

/* ---- all of them ---- */

/* Until it is stopped; what one run failed of is said, and the next one tries again. */
static bool run_again_and_again(struct runs *runs, struct error *error)
{
    bool done;
    do {
        done = run_once(runs, error);
        if (!done && stopping_go_on(&(struct error){0}))
            (void)fprintf(stderr, "bale maintain: %s\n", error->message);
    } while (stopping_wait(runs->line->interval_ms));
    return done;
}

/* Of a server that does it, its own counts. */
static bool check_keyring(const struct runs *runs, struct error *error)
{
    const struct keyring *keyring = runs->maintenance.settings.keyring;
    return !policy_encrypts(&runs->policy) || runs->line->admin_socket != NULL ||
           (keyring != NULL && keyring_active(keyring) != NULL) ||
           error_set(error, ERROR_INVALID, NULL, "encrypt needs --keyring FILE, with a key that is active");
}

static bool run(struct runs *runs, struct error *error)
{
    const struct command_line *line = runs->line;
    const struct maintenance_settings settings = {.executes = line->execute,
                                                  .is_forced = line->force,
                                                  .is_bucket = config_is_bucket(&line->where),
                                                  .level = (int)line->zstd_level,
                                                  .pace = line->pace,
                                                  .columns = (enum config_columns)line->columns};
    runs->maintenance.settings = settings;
    runs->maintenance.policy = &runs->policy;
    runs->maintenance.prices = &runs->prices;
    if (line->keyring != NULL && (runs->maintenance.settings.keyring = keyring_load(line->keyring, error)) == NULL)
        return false;
    if (!policy_load(line->policy, &runs->policy, stderr, error) || !check_keyring(runs, error) ||
        !prices_load(line->prices, &runs->prices, error))
        return false;
    if (line->log != NULL && (runs->log = fopen(line->log, "a")) == NULL)
        return error_set_errno(error, errno, "%s", line->log);
    stopping_watch();
    return line->interval_ms == 0 ? run_once(runs, error) : run_again_and_again(runs, error);
}

bool command_maintain(const struct command_line *line, struct error *error)
{
    static struct runs runs; /* large */
    runs.line = line;
    bool done = run(&runs, error);
    policy_free(&runs.policy);
    keyring_free(runs.maintenance.settings.keyring);
    if (runs.log != NULL)
        (void)fclose(runs.log);
    return done;
}
