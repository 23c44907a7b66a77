/* server/waiting.c -- an admin listener of its own, pauses, and signals. */
#include "server/waiting.h"

#include "runtime/fiber/loop.h"
#include "runtime/io/io.h"
#include "runtime/log/log.h"
#include "runtime/stream/listener.h"
#include "server/http/connection.h"
#include "server/process/service_manager.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    PAUSE_MS_FIRST = 500,
    PAUSE_MS_MAX = 15000,
    LOOK_MS = 100, /* for signals */
    CONNECTIONS_MAX = 64,
    IO_MS = 5000,
    DRAIN_BYTES_MAX = 64 << 10,
    ARENA_BYTES_MAX = 64 << 10,
};

static struct waiting *waiting_here;

/* ---- the listener ---- */

SUSPENDS static void answer(struct http_exchange *exchange, void *context)
{
    const struct waiting *waiting = context;
    bool is_health = span_equal(exchange->head->path, SPAN("/health"));
    char text[ERROR_MESSAGE_BYTES + 32];
    struct error error;
    (void)snprintf(text, sizeof text, "starting: %s\n", waiting->reason.message);
    http_response_begin(exchange, is_health ? 200 : 503);
    http_response_field_string(exchange, "Content-Type", "text/plain; charset=utf-8");
    (void)http_response_finish(exchange, is_health ? SPAN("alive\n") : span_from_string(text), &error);
}

static void connection_ended(void *context)
{
    const struct waiting *waiting = context;
    listener_connection_ended(waiting->listener);
}

SUSPENDS static void connection_entry(void *stream)
{
    http_connection_serve(waiting_here->http, stream, connection_ended, waiting_here);
}

static bool open_listener(struct waiting *waiting, struct error *error)
{
    const struct http_settings settings = {
        .idle_ms = IO_MS,
        .head_ms = IO_MS,
        .progress_ms = IO_MS,
        .drain_bytes_max = DRAIN_BYTES_MAX,
        .arena_bytes_max = ARENA_BYTES_MAX,
        .handler = answer,
        .tls = waiting->tls,
        .context = waiting,
    };
    int fd = fcntl(waiting->admin_fd, F_DUPFD_CLOEXEC, 0); /* a listener closes its own */
    waiting_here = waiting;
    waiting->http = fd < 0 ? NULL : http_server_create(&settings, error);
    if (waiting->http != NULL)
        waiting->listener = listener_start(fd, CONNECTIONS_MAX, connection_entry, error);
    if (waiting->listener != NULL)
        return true;
    http_server_destroy(waiting->http);
    waiting->http = NULL;
    if (fd >= 0)
        (void)close(fd);
    return false;
}

SUSPENDS static void close_listener(struct waiting *waiting)
{
    listener_close(waiting->listener);
    http_server_stop(waiting->http);
    while (http_server_connections(waiting->http) != 0)
        (void)io_sleep_until(deadline_after_ms(LOOK_MS / 10));
    http_server_destroy(waiting->http);
    waiting->http = NULL;
    waiting->listener = NULL;
}

/* ---- time ---- */

/* They are blocked, and nobody reads them yet. */
static void obey_signals(void)
{
    sigset_t pending;
    if (sigpending(&pending) != 0 || (!sigismember(&pending, SIGTERM) && !sigismember(&pending, SIGINT)))
        return;
    log_message(LOG_INFO, "a signal ends the start");
    _exit(EXIT_SUCCESS);
}

SUSPENDS static void pause_for(uint64_t pause_ms)
{
    deadline_t until = deadline_after_ms(pause_ms);
    service_manager_tell("EXTEND_TIMEOUT_USEC=120000000\nSTATUS=waiting for the backend");
    while (loop_now_ns() < until) {
        obey_signals();
        (void)io_sleep_until(deadline_after_ms(LOOK_MS));
    }
}

SUSPENDS void waiting_go_on(void *context, const struct error *reason)
{
    struct waiting *waiting = context;
    struct error error = {.message = "there is no descriptor left"};
    if (reason != NULL)
        waiting->reason = *reason;
    if (waiting->http == NULL && reason != NULL) {
        log_message(LOG_WARNING, "%s The start goes on when it answers", reason->message);
        waiting->pause_ms = PAUSE_MS_FIRST;
        if (!open_listener(waiting, &error))
            log_message(LOG_WARNING, "nothing can be asked meanwhile: %s", error.message);
    }
    if (reason != NULL) {
        pause_for(waiting->pause_ms);
        waiting->pause_ms = 2 * waiting->pause_ms < PAUSE_MS_MAX ? 2 * waiting->pause_ms : PAUSE_MS_MAX;
    } else if (waiting->listener != NULL) {
        log_message(LOG_INFO, "the backend answers: the start goes on");
        close_listener(waiting);
    }
}
