/* tools/bale/commands/maintain.c -- bale maintain: walks over all objects, each by the first rule that acts on it. */
#include "server/keys/keyring.h"
#include "tools/bale/command.h"
#include "tools/bale/maintain/maintenance.h"
#include "tools/bale/maintain/maintenance_report.h"
#include "tools/bale/session/backend_session.h"
#include "tools/bale/session/replica_session.h"
#include "tools/bale/session/stopping.h"

#include <errno.h>
#include <stdio.h>

enum { FORMAT_TABLE, FORMAT_JSON }; /* in the order of the option's words */

static bool walk(const struct command_line *line, struct maintenance *maintenance, struct error *error)
{
    maintenance->walks_cut = 0;
    maintenance->has_begun = false;
    if (!line->execute)
        return backend_session_look(&line->where, maintenance_run, maintenance, error);
    return line->state != NULL ? replica_session_run(&line->where, line->state, maintenance_run, maintenance, error)
                               : backend_session_run(&line->where, maintenance_run, maintenance, error);
}

static bool run_once(const struct command_line *line, struct maintenance *maintenance, struct error *error)
{
    bool done = walk(line, maintenance, error);
    bool has_begun = maintenance->has_begun;
    if (has_begun && line->format == FORMAT_JSON)
        maintenance_print_json(maintenance, done);
    else if (has_begun)
        maintenance_print_table(maintenance);
    (void)fflush(stdout);
    if (!done && has_begun) /* it is not at its end */
        error->kind = ERROR_CANCELLED;
    return done && maintenance_judge(maintenance, error);
}

/* Until it is stopped; what one run failed of is said, and the next one tries again. */
static bool run_again_and_again(const struct command_line *line, struct maintenance *maintenance, struct error *error)
{
    bool done;
    do {
        done = run_once(line, maintenance, error);
        if (!done && stopping_go_on(&(struct error){0}))
            (void)fprintf(stderr, "bale maintain: %s\n", error->message);
    } while (stopping_wait(line->interval_ms));
    return done;
}

static bool check_keyring(const struct maintenance *maintenance, struct error *error)
{
    const struct keyring *keyring = maintenance->settings.keyring;
    return !policy_encrypts(&maintenance->policy) || (keyring != NULL && keyring_active(keyring) != NULL) ||
           error_set(error, ERROR_INVALID, NULL, "encrypt needs --keyring FILE, with a key that is active");
}

static bool run(const struct command_line *line, struct maintenance *maintenance, struct error *error)
{
    const struct maintenance_settings settings = {.executes = line->execute,
                                                  .is_forced = line->force,
                                                  .is_bucket = config_is_bucket(&line->where),
                                                  .folder = config_folder(&line->where),
                                                  .level = (int)line->zstd_level,
                                                  .columns = (enum config_columns)line->columns};
    maintenance->settings = settings;
    if (line->keyring != NULL && (maintenance->settings.keyring = keyring_load(line->keyring, error)) == NULL)
        return false;
    if (!policy_load(line->policy, &maintenance->policy, stderr, error) || !check_keyring(maintenance, error) ||
        !prices_load(line->prices, &maintenance->prices, error))
        return false;
    if (line->log != NULL && (maintenance->log = fopen(line->log, "a")) == NULL)
        return error_set_errno(error, errno, "%s", line->log);
    stopping_watch();
    return line->interval_ms == 0 ? run_once(line, maintenance, error) : run_again_and_again(line, maintenance, error);
}

bool command_maintain(const struct command_line *line, struct error *error)
{
    static struct maintenance maintenance; /* large */
    bool done = run(line, &maintenance, error);
    maintenance_free(&maintenance);
    keyring_free(maintenance.settings.keyring);
    return done;
}
