/* tools/bale/session/session.c -- a loop and a store for the length of one piece of work. */
#include "tools/bale/session/session.h"

#include "runtime/fiber/loop.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

struct session {
    struct loop *loop;
    struct bucket_store *store;
    session_work *work;
    void *context;
    bool ok;
    struct error *error;
};

static SUSPENDS void session_entry(void *argument)
{
    struct session *session = argument;
    session->ok = session->work(session->store, session->context, session->error);
    if (session->store != NULL)
        embedded_detach_shard(session->store);
    loop_stop(session->loop, DEADLINE_NONE);
}

static bool run_attached(struct session *session, struct error *error)
{
    if (session->store != NULL && !embedded_attach_shard(session->store, 0, error))
        return false;
    if (!fiber_spawn("bale", session_entry, session, error))
        return false;
    loop_run(session->loop);
    return session->ok;
}

static bool run_on_loop(struct session *session, struct error *error)
{
    const struct loop_options options = {0};
    session->loop = loop_create(&options, error);
    bool ok = session->loop != NULL && run_attached(session, error);
    if (session->loop != NULL)
        loop_destroy(session->loop);
    return ok;
}

bool session_find_folder(const char *folder, struct error *error)
{
    char path[1024];
    (void)snprintf(path, sizeof path, "%s/FORMAT", folder);
    return access(path, F_OK) == 0 || error_set_errno(error, errno, "there is no store in %s", folder);
}

bool session_check_ledger(struct bucket_store *store, const char *folder, struct error *error)
{
    struct embedded_ledger ledger;
    if (!embedded_ledger(store, &ledger, error))
        return false;
    return !ledger.is_raw || error_set(error, ERROR_UNSUPPORTED, NULL,
                                       "%s was made by `baled --raw`: it has neither journal nor ledger", folder);
}

bool session_check_bucket(struct span bucket, struct error *error)
{
    if (bucket.size == 0 || bucket.size > BUCKET_NAME_BYTES_MAX)
        return error_set(error, ERROR_INVALID, NULL, "a bucket's name has 1 to %d bytes", BUCKET_NAME_BYTES_MAX);
    return bucket.data[0] != '.' ||
           error_set(error, ERROR_INVALID, NULL, "the bucket %.*s is Bale's own, and goes with the folder",
                     SPAN_FORMAT(bucket));
}

bool session_run(const char *folder, enum embedded_kind kind, bool make, session_work *work, void *context,
                 struct error *error)
{
    if (!make && !session_find_folder(folder, error))
        return false;
    const struct embedded_options store_options = {.kind = kind, .shards = 1, .is_unfilled = true};
    struct session session = {.work = work, .context = context, .error = error};
    session.store = embedded_open(folder, &store_options, error);
    if (session.store == NULL)
        return false;
    bool ok = run_on_loop(&session, error);
    embedded_close(session.store);
    return ok;
}

bool session_run_bare(session_work *work, void *context, struct error *error)
{
    struct session session = {.work = work, .context = context, .error = error};
    return run_on_loop(&session, error);
}
