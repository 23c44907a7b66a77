/* tools/bale/journal_session.c -- opens a folder's journal for an operator: to read beside a server, or to write. */
#include "tools/bale/journal_session.h"

#include "journal/bucket_store.h"
#include "runtime/base/assert.h"
#include "runtime/fiber/loop.h"
#include "runtime/io/io.h"
#include "store/embedded/embedded.h"
#include "tools/bale/session.h"

enum { SNAPSHOTS_MAX = 4, AGAIN_MS = 100 };

/* ---- environments ---- */

static SUSPENDS struct journal_bucket *begin(struct journal_session *session, struct bucket_store *store)
{
    struct journal_bucket *bucket = journal_bucket_open(store, JOURNAL_SYSTEM_BUCKET, SPAN_EMPTY);
    *session = (struct journal_session){.spool = embedded_spool(store)};
    fiber_scheduler_init(&session->scheduler);
    session->environment = (struct journal_environment){.store = journal_bucket_store(bucket),
                                                        .clock = clock_system(),
                                                        .random = random_system(),
                                                        .scheduler = &session->scheduler.base};
    embedded_id(store, session->environment.place.bytes);
    return bucket;
}

static SUSPENDS void end(struct journal_session *session, struct journal_bucket *bucket)
{
    bool has_ended = fiber_scheduler_stop(&session->scheduler, DEADLINE_NONE); /* requests have deadlines */
    ASSERT(has_ended);
    journal_bucket_close(bucket);
}

/* ---- writing ---- */

struct locked {
    journal_work *work;
    void *context;
};

static SUSPENDS bool work_locked(struct bucket_store *store, void *context, struct error *error)
{
    const struct locked *locked = context;
    struct journal_session session;
    struct bucket_info info;
    if (!bucket_find(store, JOURNAL_SYSTEM_BUCKET, &info, error) &&
        !bucket_create(store, &(struct bucket_intent){.name = JOURNAL_SYSTEM_BUCKET}, error))
        return false;
    struct journal_bucket *bucket = begin(&session, store);
    bool done = locked->work(&session, locked->context, error);
    end(&session, bucket);
    return done;
}

bool journal_session_run(const char *folder, journal_work *work, void *context, struct error *error)
{
    struct locked locked = {work, context};
    if (session_run(folder, EMBEDDED_PACKED, false, work_locked, &locked, error))
        return true;
    return error->kind == ERROR_BUSY ? error_prepend(error, "stop the server first") : false;
}

struct journal *journal_session_open(struct journal_session *session)
{
    const struct journal_options options = {.poll_ms = 500, .fold_age_ms = 100};
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

static SUSPENDS bool look_once(const struct looking *looking, struct error *error)
{
    struct journal_session session;
    struct bucket_store *snapshot = embedded_open_snapshot(looking->folder, error);
    if (snapshot == NULL)
        return false;
    bool done = session_check_ledger(snapshot, looking->folder, error);
    if (done) {
        struct journal_bucket *bucket = begin(&session, snapshot);
        done = report_of_store(&session.environment, looking->verify, embedded_spool(snapshot), looking->report, error);
        end(&session, bucket);
    }
    embedded_close(snapshot);
    return done;
}

static SUSPENDS bool look(struct bucket_store *none, void *context, struct error *error)
{
    (void)none;
    const struct looking *looking = context;
    for (unsigned i = 0;; i++) {
        if (!look_once(looking, error))
            return false;
        if (looking->report->findings_count == 0 || i + 1 == SNAPSHOTS_MAX)
            return true;
        report_free(looking->report);
        (void)io_sleep_until(deadline_after_ms(AGAIN_MS));
    }
}

bool journal_session_report(const char *folder, bool verify, struct journal_report *ret_report, struct error *error)
{
    struct looking looking = {folder, verify, ret_report};
    return session_find_folder(folder, error) && session_run_bare(look, &looking, error);
}
