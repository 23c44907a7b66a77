/* tools/bale/session/journal_session.c -- opens a backend's journal for an operator: to read beside a server, or to
 * write. */
#include "tools/bale/session/journal_session.h"

#include "journal/home.h"
#include "runtime/base/assert.h"
#include "runtime/fiber/loop.h"
#include "runtime/io/io.h"
#include "store/embedded/embedded.h"
#include "tools/bale/session/backend_session.h"

enum { LOOKS_MAX = 4, AGAIN_MS = 100 };

/* ---- environments ---- */

static struct journal_home home_of_folder(struct bucket_store *store)
{
    struct journal_home home = journal_home_of_store(store);
    embedded_id(store, home.place.bytes);
    return home;
}

static SUSPENDS struct journal_bucket *begin(struct journal_session *session, const struct journal_home *home,
                                             struct spool *spool)
{
    struct journal_bucket *room = journal_room_open(home, ROOM_JOURNAL);
    *session = (struct journal_session){.spool = spool};
    fiber_scheduler_init(&session->scheduler);
    session->environment = (struct journal_environment){.store = journal_bucket_store(room),
                                                        .clock = clock_system(),
                                                        .random = random_system(),
                                                        .scheduler = &session->scheduler.base,
                                                        .place = home->place};
    return room;
}

static SUSPENDS void end(struct journal_session *session, struct journal_bucket *room)
{
    bool has_ended = fiber_scheduler_stop(&session->scheduler, DEADLINE_NONE); /* requests have deadlines */
    ASSERT(has_ended);
    journal_bucket_close(room);
}

static bool has_journal(const struct backend *backend, struct error *error)
{
    return backend->no_journal == NULL || error_set(error, ERROR_UNSUPPORTED, NULL, "%s", backend->no_journal);
}

/* ---- writing ---- */

struct writing {
    journal_work *work;
    void *context;
};

static SUSPENDS bool work_in(const struct journal_home *home, struct spool *spool, const struct writing *writing,
                             struct error *error)
{
    struct journal_session session;
    if (!journal_home_prepare(home, error))
        return false;
    struct journal_bucket *room = begin(&session, home, spool);
    bool done = writing->work(&session, writing->context, error);
    end(&session, room);
    return done;
}

static SUSPENDS bool work_in_folder(struct bucket_store *store, void *context, struct error *error)
{
    const struct journal_home home = home_of_folder(store);
    return work_in(&home, embedded_spool(store), context, error);
}

static SUSPENDS bool work_in_bucket(struct backend *backend, void *context, struct error *error)
{
    return has_journal(backend, error) && work_in(&backend->home, backend->spool, context, error);
}

bool journal_session_run(const struct config *where, journal_work *work, void *context, struct error *error)
{
    struct writing writing = {work, context};
    if (config_is_bucket(where))
        return backend_session_run_on_bucket(where, work_in_bucket, &writing, error);
    if (session_run(config_folder(where), EMBEDDED_PACKED, false, work_in_folder, &writing, error))
        return true;
    return error->kind == ERROR_BUSY ? error_prepend(error, "stop the server first") : false;
}

struct journal *journal_session_open(struct journal_session *session, bool may_begin)
{
    const struct journal_options options = {.poll_ms = 500, .fold_age_ms = 100, .may_seed = may_begin};
    session->journal = journal_open(&session->environment, &options);
    return session->journal;
}

void journal_session_close(struct journal_session *session)
{
    journal_stop(session->journal);
    bool has_ended = fiber_scheduler_stop(&session->scheduler, DEADLINE_NONE);
    ASSERT(has_ended);
    journal_free(session->journal);
    session->journal = NULL;
}

/* ---- reading ---- */

struct looking {
    const char *folder;
    bool verify;
    struct journal_report *report;
};

static SUSPENDS bool look_in(const struct journal_home *home, struct spool *spool, const struct looking *looking,
                             struct error *error)
{
    struct journal_session session;
    struct journal_bucket *room = begin(&session, home, spool);
    bool done = report_of_store(&session.environment, looking->verify, spool, looking->report, error);
    end(&session, room);
    return done;
}

/* Something was found, and it may be that it was only changing. */
static SUSPENDS bool looks_again(const struct looking *looking, unsigned looks)
{
    if (looking->report->findings_count == 0 || looks == LOOKS_MAX)
        return false;
    report_free(looking->report);
    (void)io_sleep_until(deadline_after_ms(AGAIN_MS));
    return true;
}

static SUSPENDS bool look_at_snapshot(const struct looking *looking, struct error *error)
{
    struct bucket_store *snapshot = embedded_open_snapshot(looking->folder, error);
    if (snapshot == NULL)
        return false;
    const struct journal_home home = home_of_folder(snapshot);
    bool done = session_check_ledger(snapshot, looking->folder, error) &&
                look_in(&home, embedded_spool(snapshot), looking, error);
    embedded_close(snapshot);
    return done;
}

static SUSPENDS bool look_in_folder(struct bucket_store *none, void *context, struct error *error)
{
    (void)none;
    unsigned looks = 0;
    do {
        if (!look_at_snapshot(context, error))
            return false;
    } while (looks_again(context, ++looks));
    return true;
}

static SUSPENDS bool look_in_bucket(struct backend *backend, void *context, struct error *error)
{
    unsigned looks = 0;
    do {
        if (!has_journal(backend, error) || !look_in(&backend->home, NULL, context, error))
            return false;
    } while (looks_again(context, ++looks));
    return true;
}

bool journal_session_report(const struct config *where, bool verify, struct journal_report *ret_report,
                            struct error *error)
{
    struct looking looking = {config_folder(where), verify, ret_report};
    if (config_is_bucket(where))
        return backend_session_run_on_bucket(where, look_in_bucket, &looking, error);
    return session_find_folder(looking.folder, error) && session_run_bare(look_in_folder, &looking, error);
}
