/* server/control.c -- the fibers of signals and of the admin listener. */
#include "server/control.h"

#include "runtime/io.h"
#include "runtime/listener.h"
#include "runtime/log.h"
#include "runtime/loop.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

enum {
    CONNECTIONS_MAX = 64,
    IDLE_MS = 60000,
    HEAD_MS = 5000,
    PROGRESS_MS = 5000, /* bounds how long a reader of /metrics may keep us from ending */
    DRAIN_BYTES_MAX = 64 << 10,
    ARENA_BYTES_MAX = 64 << 10,
    STOP_POLL_MS = 5,
};

static _Thread_local struct control *control_here;

/* ---- signals ---- */

static void signal_arrived(struct control *control, unsigned number, bool is_first)
{
    if (!is_first)
        _exit(128 + (int)number);
    log_message(LOG_INFO, "%s: finishing what is in flight", number == SIGTERM ? "SIGTERM" : "SIGINT");
    control->drain(control->context);
}

static SUSPENDS void signals_entry(void *argument)
{
    struct control *control = argument;
    control->signals = fiber_current();
    bool is_first = true;
    while (io_poll(control->signal_fd, POLLIN, DEADLINE_NONE) != -ECANCELED) {
        struct signalfd_siginfo signal;
        if (read(control->signal_fd, &signal, sizeof signal) != sizeof signal)
            continue;
        signal_arrived(control, signal.ssi_signo, is_first);
        is_first = false;
    }
    control->signals = NULL;
}

/* ---- admin ---- */

static void connection_ended(void *context)
{
    struct control *control = context;
    listener_connection_ended(control->listener);
}

static SUSPENDS void connection_entry(void *argument)
{
    struct control *control = control_here;
    http_connection_serve(control->http, argument, connection_ended, control);
}

static bool start_admin(struct control *control, struct error *error)
{
    const struct http_settings settings = {
        .idle_ms = IDLE_MS,
        .head_ms = HEAD_MS,
        .progress_ms = PROGRESS_MS,
        .drain_bytes_max = DRAIN_BYTES_MAX,
        .arena_bytes_max = ARENA_BYTES_MAX,
        .handler = admin_handle,
        .context = (void *)control->view, /* only read */
    };
    control->http = http_server_create(&settings, error);
    if (control->http == NULL)
        return false;
    control->listener = listener_start(control->admin_fd, CONNECTIONS_MAX, connection_entry, error);
    return control->listener != NULL;
}

bool control_start(struct control *control, struct error *error)
{
    control_here = control;
    return start_admin(control, error) && fiber_spawn("signals", signals_entry, control, error);
}

/* ---- stop ---- */

static uint64_t connections_open(const struct admin_view *view)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < view->shards_count; i++)
        sum += metric_read(&view->shards[i].http->connections_open);
    return sum;
}

void control_stop(struct control *control, deadline_t deadline)
{
    while (connections_open(control->view) != 0 && loop_now_ns() < deadline && !fiber_is_cancelled())
        (void)io_sleep_until(deadline_after_ms(STOP_POLL_MS));
    listener_close(control->listener);
    http_server_stop(control->http);
    while (http_server_connections(control->http) != 0) {
        if (io_sleep_until(deadline_after_ms(STOP_POLL_MS)) == -ECANCELED)
            fiber_yield();
    }
    if (control->signals != NULL)
        fiber_cancel(control->signals);
}

void control_free(struct control *control)
{
    http_server_destroy(control->http);
}
