/* tools/bale/session/s3_session.c -- credentials, endpoint, loop and client for the length of one piece of work. */
#include "tools/bale/session/s3_session.h"

#include "runtime/base/environment.h"
#include "runtime/fiber/loop.h"
#include "runtime/fiber/offload.h"
#include "runtime/log/log.h"
#include "s3client/credentials/credentials.h"

#include <unistd.h>

extern char **environ;

enum {
    THREADS = 2,
    QUEUED_MAX = 64,
    FIRST_BYTE_MS = 60 * 1000, /* nobody waits behind it who would have to be told sooner */
    BUCKET_BYTES_MAX = 255,
};

struct s3_running {
    struct s3_session session;
    struct s3_endpoint *endpoint;
    unsigned connections;
    struct loop *loop;
    s3_work *work;
    void *context;
    bool is_done;
    struct error *error;
};

bool s3_session_name(const char *text, struct span *ret_bucket, struct span *ret_rest, struct error *error)
{
    static const char SCHEME[] = "s3://";
    struct span whole = span_from_string(text);
    if (!span_starts_with(whole, span_from_string(SCHEME)))
        return error_set(error, ERROR_INVALID, NULL, "%s: it is named s3://BUCKET/KEY", text);
    whole = span_skip(whole, sizeof SCHEME - 1);
    size_t slash = span_find(whole, '/');
    *ret_bucket = span_take(whole, slash);
    *ret_rest = slash == SIZE_MAX ? SPAN_EMPTY : span_skip(whole, slash + 1);
    return (ret_bucket->size > 0 && ret_bucket->size <= BUCKET_BYTES_MAX) ||
           error_set(error, ERROR_INVALID, NULL, "%s: a bucket's name has 1 to %d bytes", text, BUCKET_BYTES_MAX);
}

/* ---- what was not given ---- */

static const char *from_environment(const char *given, const char *first, const char *second)
{
    const char *text = given;
    if (text == NULL || text[0] == '\0')
        text = environment_find(environ, first);
    if (text == NULL || text[0] == '\0')
        text = environment_find(environ, second);
    return text == NULL || text[0] == '\0' ? NULL : text;
}

static const char *region_of(const struct s3_place *place)
{
    return from_environment(place->region, "AWS_REGION", "AWS_DEFAULT_REGION");
}

/* ---- on the loop ---- */

SUSPENDS static void run_work(void *argument)
{
    struct s3_running *running = argument;
    const struct s3_client_settings settings = {
        .requests_max = running->connections,
        .connections_kept_max = running->connections,
        .first_byte_ms = FIRST_BYTE_MS,
    };
    running->session.client = s3_client_create(running->endpoint, &settings);
    running->is_done = running->work(&running->session, running->context, running->error);
    s3_client_destroy(running->session.client);
    loop_stop(running->loop, DEADLINE_NONE);
}

static bool run_on_loop(struct s3_running *running, struct error *error)
{
    running->loop = loop_create(&(struct loop_options){0}, error);
    if (running->loop == NULL)
        return false;
    if (fiber_spawn("bale", run_work, running, error))
        loop_run(running->loop);
    loop_destroy(running->loop);
    return running->is_done;
}

static bool run_with_credentials(struct s3_running *running, const struct s3_place *place,
                                 struct s3_credential_source *credentials, struct error *error)
{
    const struct s3_endpoint_settings settings = {
        .url = from_environment(place->endpoint, "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"),
        .region = region_of(place),
        .addressing = (enum s3_addressing)place->addressing,
        .ca_file = place->ca_file,
        .credentials = credentials,
        .offload = running->session.threads,
    };
    running->endpoint = s3_endpoint_create(&settings, error);
    if (running->endpoint == NULL)
        return false;
    bool is_done = run_on_loop(running, error);
    s3_endpoint_destroy(running->endpoint);
    return is_done;
}

static bool run_with_threads(struct s3_running *running, const struct s3_place *place, struct error *error)
{
    const struct credentials_options options = {
        .environment = environ,
        .file = place->credentials,
        .profile = place->profile,
        .region = region_of(place),
        .ca_file = place->ca_file,
    };
    if (place->is_anonymous)
        return run_with_credentials(running, place, NULL, error);
    struct s3_credential_source *credentials = credentials_open(&options, error);
    if (credentials == NULL)
        return false;
    bool is_done = run_with_credentials(running, place, credentials, error);
    s3_credentials_destroy(credentials);
    return is_done;
}

bool s3_session_run(const struct s3_place *place, unsigned connections, s3_work *work, void *context,
                    struct error *error)
{
    struct s3_running running = {.connections = connections, .work = work, .context = context, .error = error};
    if (!log_start(STDERR_FILENO, LOG_TEXT, LOG_ERROR, error)) /* warnings are a server's */
        return false;
    running.session.threads = offload_create("bale", THREADS, QUEUED_MAX, error);
    bool is_done = running.session.threads != NULL && run_with_threads(&running, place, error);
    if (running.session.threads != NULL)
        offload_destroy(running.session.threads);
    log_stop();
    return is_done;
}
