/* tools/bale/maintain/local_maintenance.c -- signals, progress and the log of a walk. */
#include "tools/bale/maintain/local_maintenance.h"

#include "tools/bale/session/session.h"
#include "tools/bale/session/stopping.h"

#include <errno.h>
#include <unistd.h>

enum { SNAPSHOTS_MAX = 3 };

static bool go_on(void *context, uint64_t objects, struct error *error)
{
    struct local_maintenance *local = context;
    progress_show(&local->progress, objects);
    return stopping_go_on(error);
}

static bool note(void *context, struct span line, struct error *error)
{
    const struct local_maintenance *local = context;
    bool done = fprintf(local->log, "%.*s\n", SPAN_FORMAT(line)) > 0 && fflush(local->log) == 0;
    return done || error_set_errno(error, errno, "the log");
}

/* What could not be read under a snapshot may have been written over since it was taken. True: the error says so
 * (ERROR_DAMAGED), or why it cannot be done. */
static bool must_walk_again(struct local_maintenance *local, off_t log_start, struct error *error)
{
    bool is_snapshot = local->folder != NULL && !local->maintenance->settings.executes;
    if (!is_snapshot || maintenance_count(local->maintenance, OUTCOME_UNREADABLE) == 0 ||
        ++local->walks_cut == SNAPSHOTS_MAX)
        return false;
    if (local->log != NULL && ftruncate(fileno(local->log), log_start) != 0)
        return !error_set_errno(error, errno, "the log cannot be shortened to where the walk began");
    return !error_set(error, ERROR_DAMAGED, NULL, "something could not be read");
}

SUSPENDS bool local_maintenance_run(struct bucket_store *store, void *context, struct error *error)
{
    struct local_maintenance *local = context;
    off_t log_start = local->log != NULL ? lseek(fileno(local->log), 0, SEEK_END) : 0;
    if (local->folder != NULL && !session_check_ledger(store, local->folder, error))
        return false;
    local->maintenance->watcher =
        (struct maintenance_watcher){.go_on = go_on, .note = local->log == NULL ? NULL : note, .context = local};
    progress_begin(&local->progress, "objects", 0);
    bool done = maintenance_run(store, local->maintenance, error);
    progress_end(&local->progress);
    return done && !must_walk_again(local, log_start, error);
}
