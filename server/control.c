/* server/control.c -- the fibers of signals and of the admin listener; the journal comes and goes with them. */
#include "server/control.h"

#include "runtime/fiber/loop.h"
#include "runtime/io/io.h"
#include "runtime/log/log.h"
#include "runtime/stream/listener.h"
#include "runtime/stream/local.h"
#include "server/keys/keyring.h"
#include "server/kms/kms.h"
#include "server/maintenance/jobs.h"
#include "server/process/service_manager.h"

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
    KEYRING_LOOK_MS = 500,
    KEYRING_RETRY_MS = 10000,
};

static _Thread_local struct control *control_here;

/* ---- signals ---- */

struct reload {
    const struct control *control;
    struct error error;
    bool is_done;
};

static void read_certificate(void *argument)
{
    struct reload *reload = argument;
    reload->is_done = tls_server_load(reload->control->tls, &reload->error);
}

SUSPENDS static void reload_certificate(struct control *control)
{
    struct reload work = {.control = control};
    if (offload_run(control->file_threads, read_certificate, &work, &work.error) && work.is_done)
        log_message(LOG_INFO, "SIGHUP: certificate and key were read again, new connections use them");
    else
        log_message(LOG_ERROR, "SIGHUP: certificate and key stay as they were: %s", work.error.message);
}

static void read_keyring(void *argument)
{
    struct reload *reload = argument;
    reload->is_done = keyring_reload(reload->control->keyring, reload->control->keyring_path, &reload->error);
}

SUSPENDS static bool reload_keyring(struct control *control, struct error *error)
{
    struct reload work = {.control = control};
    bool done = offload_run(control->file_threads, read_keyring, &work, &work.error) && work.is_done;
    if (!done)
        *error = work.error;
    return done;
}

/* What was missing may have been deleted meanwhile: whoever asks for it next says so again. */
SUSPENDS static void reload_keyring_as_told(struct control *control)
{
    struct error error;
    char active[KEYRING_ID_TEXT_BYTES] = "none";
    keyring_forget_missing(control->keyring);
    if (!reload_keyring(control, &error)) {
        log_message(LOG_ERROR, "SIGHUP: the keyring stays as it was: %s", error.message);
        return;
    }
    const struct seal_keys *keys = keyring_active(control->keyring);
    if (keys != NULL)
        keyring_id_format(keys->id, active);
    log_message(LOG_INFO, "SIGHUP: the keyring was read again; the active key is %s", active);
}

SUSPENDS static void reload_all(struct control *control)
{
    if (control->tls == NULL && control->keyring == NULL)
        log_message(LOG_INFO, "SIGHUP: nothing to read again, there is no --tls-cert, and no --keyring");
    if (control->tls != NULL)
        reload_certificate(control);
    if (control->keyring != NULL)
        reload_keyring_as_told(control);
}

static const char *name_signal(const struct signalfd_siginfo *signal)
{
    if (signal->ssi_signo == SIGHUP)
        return "the terminal has gone";
    return signal->ssi_signo == SIGTERM ? "SIGTERM" : "SIGINT";
}

/* Returns whether it asks for the end. A hang-up by the kernel comes from a terminal, all others from somebody. */
SUSPENDS static bool obey(struct control *control, const struct signalfd_siginfo *signal, bool is_ending)
{
    if (signal->ssi_signo == SIGHUP && signal->ssi_code != SI_KERNEL) {
        reload_all(control);
        return is_ending;
    }
    if (is_ending)
        _exit(128 + (int)signal->ssi_signo);
    log_message(LOG_INFO, "%s: finishing what is in flight", name_signal(signal));
    control->drain(control->context);
    return true;
}

static SUSPENDS void signals_entry(void *argument)
{
    struct control *control = argument;
    control->signals = fiber_current();
    bool is_ending = false;
    while (io_poll(control->signal_fd, POLLIN, DEADLINE_NONE) != -ECANCELED) {
        struct signalfd_siginfo signal;
        if (read(control->signal_fd, &signal, sizeof signal) == sizeof signal)
            is_ending = obey(control, &signal, is_ending);
    }
    control->signals = NULL;
}

/* ---- keys that are missing, and those whose time is over ---- */

/* Another replica may write under a key that came into this one's file without a signal. Said once of each key. */
static SUSPENDS void keyring_entry(void *argument)
{
    struct control *control = argument;
    uint8_t missing[SEAL_KEY_ID_BYTES];
    uint8_t told[SEAL_KEY_ID_BYTES] = {0};
    control->keyring_watch = fiber_current();
    while (io_sleep_until(deadline_after_ms(KEYRING_LOOK_MS)) == 0) {
        char id[KEYRING_ID_TEXT_BYTES];
        struct error error = {.message = "the file does not have it either"};
        kms_forget_ended(control->kms);
        if (!keyring_missing(control->keyring, missing))
            continue;
        bool is_read = reload_keyring(control, &error);
        keyring_id_format(missing, id);
        if (is_read && keyring_find(control->keyring, missing) != NULL)
            log_message(LOG_INFO, "the keyring was read again, because objects need the key %s: it is there now", id);
        else if (memcmp(told, missing, sizeof told) != 0)
            log_message(LOG_ERROR, "objects need the key %s, which the keyring does not have: %s", id, error.message);
        memcpy(told, missing, sizeof told);
        if (io_sleep_until(deadline_after_ms(KEYRING_RETRY_MS)) != 0)
            break;
    }
    control->keyring_watch = NULL;
}

/* ---- the watchdog ---- */

static SUSPENDS void watchdog_entry(void *argument)
{
    struct control *control = argument;
    control->watchdog = fiber_current();
    while (io_sleep_until(deadline_after_ms(control->watchdog_ms / 2)) == 0) {
        if (control->is_alive(control->context))
            service_manager_tell("WATCHDOG=1");
    }
    control->watchdog = NULL;
}

/* ---- admin ---- */

static void connection_ended(void *context)
{
    const struct control_door *door = context;
    listener_connection_ended(door->listener);
}

static SUSPENDS void admin_entry(void *argument)
{
    struct control_door *door = &control_here->admin;
    http_connection_serve(door->http, argument, connection_ended, door);
}

static SUSPENDS void local_entry(void *argument)
{
    struct control_door *door = &control_here->local;
    http_connection_serve(door->http, argument, connection_ended, door);
}

static bool open_door(struct control *control, int fd, struct tls_server *tls, fiber_entry *entry,
                      struct control_door *door, struct error *error)
{
    const struct http_settings settings = {
        .idle_ms = IDLE_MS,
        .head_ms = HEAD_MS,
        .progress_ms = PROGRESS_MS,
        .drain_bytes_max = DRAIN_BYTES_MAX,
        .arena_bytes_max = ARENA_BYTES_MAX,
        .handler = admin_handle,
        .tls = tls,
        .context = (void *)control->view, /* only read */
    };
    door->http = http_server_create(&settings, error);
    if (door->http == NULL)
        return false;
    door->listener = listener_start(fd, CONNECTIONS_MAX, entry, error);
    return door->listener != NULL;
}

static bool start_admin(struct control *control, struct error *error)
{
    return open_door(control, control->admin_fd, control->tls, admin_entry, &control->admin, error) &&
           (control->local_fd < 0 || open_door(control, control->local_fd, NULL, local_entry, &control->local, error));
}

bool control_start(struct control *control, struct error *error)
{
    control_here = control;
    maintenance_jobs_init(control->maintenance);
    if (!start_admin(control, error) || !fiber_spawn("signals", signals_entry, control, error))
        return false;
    if (control->watchdog_ms > 0 && !fiber_spawn("watchdog", watchdog_entry, control, error))
        return false;
    if (control->keyring != NULL && !fiber_spawn("keyring", keyring_entry, control, error))
        return false;
    if (control->recompactor != NULL && !recompactor_start(control->recompactor, error))
        return false;
    return control->journal == NULL ||
           journal_service_start(control->journal, control->backend, &control->journal_options, error);
}

/* ---- stop ---- */

static uint64_t connections_open(const struct admin_view *view)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < view->shards_count; i++)
        sum += metric_read(&view->shards[i].http->connections_open);
    return sum;
}

SUSPENDS static void close_door(struct control_door *door)
{
    if (door->listener == NULL)
        return;
    listener_close(door->listener);
    http_server_stop(door->http);
    while (http_server_connections(door->http) != 0) {
        if (io_sleep_until(deadline_after_ms(STOP_POLL_MS)) == -ECANCELED)
            fiber_yield();
    }
}

void control_stop(struct control *control, deadline_t deadline)
{
    while (connections_open(control->view) != 0 && loop_now_ns() < deadline && !fiber_is_cancelled())
        (void)io_sleep_until(deadline_after_ms(STOP_POLL_MS));
    if (control->local_fd >= 0)
        local_unbind(control->local_path);
    close_door(&control->local);
    close_door(&control->admin);
    maintenance_jobs_stop(control->maintenance, deadline);
    if (control->recompactor != NULL)
        recompactor_stop(control->recompactor);
    if (control->journal != NULL)
        journal_service_stop(control->journal, deadline); /* signals are still read: a second one ends it at once */
    if (control->watchdog != NULL)
        fiber_cancel(control->watchdog);
    if (control->keyring_watch != NULL)
        fiber_cancel(control->keyring_watch);
    if (control->signals != NULL)
        fiber_cancel(control->signals);
}

void control_free(struct control *control)
{
    http_server_destroy(control->admin.http);
    http_server_destroy(control->local.http);
    maintenance_jobs_free(control->maintenance);
    if (control->recompactor != NULL)
        recompactor_free(control->recompactor);
}
