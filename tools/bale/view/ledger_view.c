/* tools/bale/view/ledger_view.c -- reads the journal of a folder, and sets its ledger right. */
#include "tools/bale/view/ledger_view.h"

#include "journal/fiber_scheduler.h"
#include "journal/home.h"
#include "journal/savings/savings.h"
#include "runtime/base/assert.h"
#include "runtime/fiber/loop.h"
#include "runtime/io/io.h"
#include "tools/bale/session/session.h"

#include <stdio.h>
#include <stdlib.h>

enum { SNAPSHOTS_MAX = 10, STOP_MS = 5000, AGAIN_MS = 50 };

struct ledger_view {
    struct fiber_scheduler scheduler;
    struct journal_bucket *bucket;
    struct journal *journal; /* NULL: there is none yet */
    struct state empty;
};

/* ---- the journal's state ---- */

SUSPENDS struct ledger_view *ledger_view_open(struct bucket_store *store, struct error *error)
{
    struct ledger_view *view = calloc(1, sizeof *view);
    ASSERT(view != NULL);
    const struct journal_options options = {0};
    state_init(&view->empty, NULL, 0);
    fiber_scheduler_init(&view->scheduler);
    const struct journal_home home = journal_home_of_store(store);
    view->bucket = journal_room_open(&home, ROOM_JOURNAL);
    const struct journal_environment environment = {
        .store = journal_bucket_store(view->bucket),
        .clock = clock_system(),
        .random = random_system(),
        .scheduler = &view->scheduler.base,
    };
    view->journal = journal_load(&environment, &options, error);
    if (view->journal != NULL || error->kind == ERROR_NOT_FOUND)
        return view;
    ledger_view_close(view);
    return NULL;
}

SUSPENDS void ledger_view_close(struct ledger_view *view)
{
    if (view == NULL)
        return;
    bool is_done = fiber_scheduler_stop(&view->scheduler, deadline_after_ms(STOP_MS));
    ASSERT(is_done); /* it has no tasks */
    if (view->journal != NULL)
        journal_free(view->journal);
    journal_bucket_close(view->bucket);
    free(view);
}

const struct state *ledger_view_state(const struct ledger_view *view)
{
    return view->journal == NULL ? &view->empty : journal_state(view->journal);
}

const struct head *ledger_view_head(const struct ledger_view *view)
{
    return view->journal == NULL ? NULL : journal_head(view->journal);
}

/* ---- work on a snapshot ---- */

struct snapshot_run {
    const char *folder;
    ledger_work *work;
    void *context;
};

/* *ret_again: what was read may have been written over under the snapshot. */
static SUSPENDS bool run_once(const struct snapshot_run *run, bool *ret_again, struct error *error)
{
    struct embedded_ledger ledger;
    struct bucket_store *snapshot = embedded_open_snapshot(run->folder, error);
    *ret_again = false;
    if (snapshot == NULL)
        return false;
    struct ledger_view *view = NULL;
    bool done = session_check_ledger(snapshot, run->folder, error) && embedded_ledger(snapshot, &ledger, error);
    if (done && !ledger.is_counted)
        done = error_set(error, ERROR_UNSUPPORTED, NULL,
                         "%s has no ledger yet: it is made when baled (or `bale savings --recount`) opens the folder",
                         run->folder);
    if (done) {
        view = ledger_view_open(snapshot, error);
        *ret_again = view == NULL;
        done = view != NULL && run->work(snapshot, view, run->context, error);
    }
    ledger_view_close(view);
    embedded_close(snapshot);
    return done;
}

static SUSPENDS bool run_snapshots(struct bucket_store *none, void *context, struct error *error)
{
    (void)none;
    bool done = false;
    bool is_again = true;
    for (unsigned i = 0; !done && is_again && i < SNAPSHOTS_MAX; i++) {
        if (i > 0)
            (void)io_sleep_until(deadline_after_ms(AGAIN_MS));
        done = run_once(context, &is_again, error);
    }
    return done;
}

bool ledger_view_run(const char *folder, ledger_work *work, void *context, struct error *error)
{
    struct snapshot_run run = {folder, work, context};
    return session_find_folder(folder, error) && session_run_bare(run_snapshots, &run, error);
}

/* ---- counting anew ---- */

struct recount_run {
    ledger_difference_found *found;
    void *context;
};

/* What is in quarantine may bring back what the journal has lost of a spool; after a recount it would count twice. */
static bool may_recount(struct bucket_store *store, const struct ledger_view *view, struct error *error)
{
    static const struct ledger_sums none;
    bool doubts[SAVINGS_DOUBTS];
    if (!savings_find_doubts(ledger_view_state(view), ledger_view_head(view), &none, embedded_spool(store), doubts,
                             error))
        return false;
    return !(doubts[SAVINGS_CUT_OFF] && doubts[SAVINGS_QUARANTINE]) ||
           error_set(error, ERROR_CONFLICT, NULL,
                     "the journal has lost records, and what it has in quarantine may bring them back: `bale journal "
                     "--release` first");
}

static SUSPENDS bool recount(struct bucket_store *store, void *context, struct error *error)
{
    const struct recount_run *run = context;
    struct ledger_view *view = ledger_view_open(store, error);
    bool done = view != NULL && may_recount(store, view, error) &&
                ledger_recount(store, ledger_view_state(view), run->found, run->context, error);
    ledger_view_close(view);
    return done;
}

bool ledger_view_recount(const char *folder, ledger_difference_found *found, void *context, struct error *error)
{
    struct recount_run run = {found, context};
    return session_run(folder, EMBEDDED_PACKED, false, recount, &run, error);
}

void ledger_view_describe(const struct ledger_difference *difference, char *ret_text, size_t capacity)
{
    const struct ledger_amounts *rows = &difference->rows;
    const struct ledger_amounts *ledger = &difference->ledger;
    (void)snprintf(
        ret_text, capacity,
        "Bucket %.*s: its objects add up to %lld objects, %lld original and %lld stored bytes, and %lld, %lld "
        "and %lld of former versions; the ledger says %lld, %lld and %lld, and %lld, %lld and %lld.",
        SPAN_FORMAT(difference->bucket), (long long)rows->objects, (long long)rows->original_bytes,
        (long long)rows->stored_bytes, (long long)rows->former_versions, (long long)rows->former_original_bytes,
        (long long)rows->former_stored_bytes, (long long)ledger->objects, (long long)ledger->original_bytes,
        (long long)ledger->stored_bytes, (long long)ledger->former_versions, (long long)ledger->former_original_bytes,
        (long long)ledger->former_stored_bytes);
}
