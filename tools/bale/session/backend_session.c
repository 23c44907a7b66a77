/* tools/bale/session/backend_session.c -- opens what --backend names, works on a loop of its own, and closes it. */
#include "tools/bale/session/backend_session.h"

#include "runtime/fiber/loop.h"
#include "runtime/fiber/offload.h"
#include "runtime/log/log.h"
#include "server/object/class_levels.h"

#include <string.h>
#include <unistd.h>

enum { THREADS = 2, QUEUED_MAX = 64, SNAPSHOTS_MAX = 5 };

struct backend_work {
    struct backend *backend;
    struct loop *loop;
    bucket_work *work;
    void *context;
    bool done;
    struct error *error;
};

SUSPENDS static void run_work(void *argument)
{
    struct backend_work *work = argument;
    work->done = work->work(work->backend, work->context, work->error);
    work->backend->operations->detach(work->backend);
    loop_stop(work->loop, DEADLINE_NONE);
}

static bool run_on_loop(struct backend_work *work, struct error *error)
{
    work->loop = loop_create(&(struct loop_options){0}, error);
    if (work->loop == NULL)
        return false;
    if (work->backend->operations->attach(work->backend, 0, error) && fiber_spawn("bale", run_work, work, error))
        loop_run(work->loop);
    loop_destroy(work->loop);
    return work->done;
}

bool backend_session_run_on_bucket(const struct config *where, bucket_work *work, void *context, struct error *error)
{
    struct offload *threads = offload_create("bale", THREADS, QUEUED_MAX, error);
    if (threads == NULL)
        return false;
    struct class_levels classes = {0}; /* of which the places count: levels are a policy's */
    const struct backend_means means = {.config = where, .shards = 1, .threads = threads, .places = &classes.places};
    struct backend_work on_bucket = {.work = work, .context = context, .error = error};
    bool is_logging = log_start(STDERR_FILENO, LOG_TEXT, LOG_ERROR, error); /* warnings are a server's */
    bool has_classes =
        where->class_levels == NULL || class_levels_parse(span_from_string(where->class_levels), &classes, error);
    on_bucket.backend = is_logging && has_classes ? backend_bucket_open(&means, error) : NULL;
    bool done = on_bucket.backend != NULL && run_on_loop(&on_bucket, error);
    if (on_bucket.backend != NULL)
        on_bucket.backend->operations->close(on_bucket.backend);
    offload_destroy(threads);
    log_stop();
    return done;
}

struct store_work {
    session_work *work;
    void *context;
};

SUSPENDS static bool run_on_store(struct backend *backend, void *context, struct error *error)
{
    const struct store_work *on_store = context;
    return on_store->work(backend->store, on_store->context, error);
}

bool backend_session_run(const struct config *where, session_work *work, void *context, struct error *error)
{
    struct store_work on_store = {work, context};
    return config_is_bucket(where) ? backend_session_run_on_bucket(where, run_on_store, &on_store, error)
                                   : session_run(config_folder(where), EMBEDDED_ANY, false, work, context, error);
}

/* ---- looking, beside a server ---- */

static SUSPENDS bool look_at_snapshot(const char *folder, const struct store_work *looking, bool *ret_again,
                                      struct error *error)
{
    struct bucket_store *snapshot = embedded_open_snapshot(folder, error);
    if (snapshot == NULL)
        return false;
    bool done = looking->work(snapshot, looking->context, error);
    *ret_again = !done && error->kind == ERROR_DAMAGED;
    embedded_close(snapshot);
    return done;
}

struct folder_look {
    const char *folder;
    struct store_work looking;
};

/* What is damaged may have been written over under the snapshot. */
static SUSPENDS bool look_at_folder(struct bucket_store *none, void *context, struct error *error)
{
    const struct folder_look *look = context;
    bool is_again = true;
    bool done = false;
    (void)none;
    for (unsigned i = 0; !done && is_again && i < SNAPSHOTS_MAX; i++) {
        is_again = false;
        done = look_at_snapshot(look->folder, &look->looking, &is_again, error);
    }
    return done;
}

bool backend_session_look(const struct config *where, session_work *work, void *context, struct error *error)
{
    if (config_is_bucket(where))
        return backend_session_run(where, work, context, error);
    struct folder_look look = {config_folder(where), {work, context}};
    return session_find_folder(look.folder, error) && session_run_bare(look_at_folder, &look, error);
}

bool backend_session_name(const char *text, struct object_name *ret_name, struct error *error)
{
    struct span whole = span_from_string(text);
    size_t size = strcspn(text, "/");
    *ret_name = (struct object_name){.bucket = span_take(whole, size), .key = span_skip(whole, size + 1)};
    if (size == whole.size || ret_name->key.size == 0 || ret_name->key.size > OBJECT_KEY_BYTES_MAX)
        return error_set(error, ERROR_INVALID, NULL, "%s: an object is named BUCKET/KEY, a key has 1 to %d bytes", text,
                         OBJECT_KEY_BYTES_MAX);
    return session_check_bucket(ret_name->bucket, error);
}
