/* tools/bale/session/replica_session.c -- the journal's service around one piece of work. */
#include "tools/bale/session/replica_session.h"

#include "runtime/fiber/loop.h"
#include "runtime/fiber/offload.h"
#include "runtime/io/io.h"
#include "server/fleet/self.h"
#include "server/journal_service.h"
#include "store/remote/remote.h"
#include "tools/bale/session/backend_session.h"
#include "tools/bale/session/stopping.h"

enum {
    THREADS = 1,
    QUEUED_MAX = 4,
    POLL_MS = 1500, /* this one and the next three as baled has them */
    CARD_MS = 5 * 60 * 1000,
    SETTLE_MS = 40 * 1000,
    SETTINGS_GRACE_MS = 5 * 60 * 1000,
    READY_MS = 20 * 1000,
    STEP_MS = 50,
    FLUSH_MS = 10 * 1000,
    SETTLE_STEP_MS = 200,
    SETTLE_MORE_MS = 5 * 1000,
};

struct replica {
    struct config config; /* the caller's, and what makes it a replica's */
    session_work *work;
    void *context;
    struct offload *threads;
    struct fleet_member member;
    struct journal_service service;
};

/* ---- its journal ---- */

static void prepare_member(struct replica *replica, struct backend *backend)
{
    struct fleet_member_options options = {
        .home = &backend->home, .identity = backend->identity, .file_threads = replica->threads};
    fleet_describe_self(&replica->config, 0, 0, &options.card);
    fleet_member_init(&replica->member, &options);
}

static bool is_running(const struct journal_service *service)
{
    return service->journal != NULL && journal_condition(service->journal) == JOURNAL_RUNS;
}

SUSPENDS static bool wait_for_journal(const struct journal_service *service, struct error *error)
{
    deadline_t deadline = deadline_after_ms(READY_MS);
    while (!is_running(service) && loop_now_ns() < deadline)
        (void)io_sleep_until(deadline_after_ms(STEP_MS));
    if (is_running(service))
        return true;
    return journal_service_is_well(service, error)
               ? error_set(error, ERROR_BUSY, NULL, "the journal of the bucket does not run: bale journal says why")
               : error_prepend(error, "nothing was begun");
}

/* What did not get into the journal waits in the folder, and that is said. */
/* What a run that was killed had under way, and what this one has not heard of: the backend is asked what came of it.
 * What it has not done it may still do until SETTLE_MS have passed since the start; so long nothing of that earlier run
 * can be brought in. */
SUSPENDS static void settle(struct bucket_store *store)
{
    struct remote_ledger_figures figures;
    struct error ignored;
    deadline_t deadline = deadline_after_ms(SETTLE_MS + SETTLE_MORE_MS);
    bool waits;
    do {
        remote_settle(store);
        remote_ledger_figures(store, &figures);
        waits = figures.intents_open > 0 && loop_now_ns() < deadline && stopping_go_on(&ignored);
    } while (waits && io_sleep_until(deadline_after_ms(SETTLE_STEP_MS)) == 0);
}

SUSPENDS static bool flush(const struct replica *replica, struct error *error)
{
    const struct journal_service *service = &replica->service;
    return service->sender == NULL || spool_sender_flush(service->sender, deadline_after_ms(FLUSH_MS)) ||
           error_set(error, ERROR_BUSY, NULL,
                     "all was done, and not all is in the savings ledger yet: it lies in --state %s, and the next run "
                     "with that folder brings it there",
                     replica->config.state);
}

SUSPENDS static bool run_as_replica(struct backend *backend, void *context, struct error *error)
{
    struct replica *replica = context;
    struct journal_service *service = &replica->service;
    const struct journal_service_options options = {
        .poll_ms = POLL_MS, .member = &replica->member, .settings_grace_ms = SETTINGS_GRACE_MS};
    if (backend->spool == NULL)
        return error_set(error, ERROR_UNSUPPORTED, NULL, "%s",
                         backend->no_journal != NULL ? backend->no_journal : "this backend has no savings ledger");
    prepare_member(replica, backend);
    if (!journal_service_start(service, backend, &options, error))
        return false;
    bool done = wait_for_journal(service, error) && replica->work(backend->store, replica->context, error);
    if (done)
        settle(backend->store);
    done = done && flush(replica, error);
    journal_service_stop(service, deadline_after_ms(FLUSH_MS));
    return done;
}

/* ---- the whole ---- */

bool replica_session_run(const struct config *where, const char *state, session_work *work, void *context,
                         struct error *error)
{
    static char name[] = "bale";
    static char nowhere[] = ":0"; /* it listens to nobody, and its card says no address */
    struct replica replica = {.config = *where, .work = work, .context = context};
    replica.config.state = (char *)state;
    replica.config.ledger = CONFIG_ON;
    replica.config.ledger_settle_ms = SETTLE_MS;
    replica.config.fleet_card_ms = CARD_MS;
    replica.config.replica_name = name;
    replica.config.listen = replica.config.admin = nowhere;
    replica.threads = offload_create("files", THREADS, QUEUED_MAX, error);
    if (replica.threads == NULL)
        return false;
    bool done = backend_session_run_on_bucket(&replica.config, run_as_replica, &replica, error);
    offload_destroy(replica.threads);
    return done;
}
