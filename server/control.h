/* server/control.h -- what shard 0 does beside its requests: signals, the admin listener and the journal.
 *
 * The first SIGTERM or SIGINT drains: `drain` is called once, on shard 0's thread. A second one ends the process at
 * once; what was acknowledged is durable by then. SIGHUP reads certificate and key again, and the keyring; when it
 * comes because the terminal has gone, it drains. The keyring is also read where a key was missing, which another
 * replica may write under already, and keys of key services are overwritten when their time is over. A service manager
 * that has a watchdog hears twice in its time that all shards live.
 */
#pragma once

#include "runtime/fiber/offload.h"
#include "runtime/stream/tls.h"
#include "server/admin/admin.h"
#include "server/journal_service.h"

struct control {
    int signal_fd; /* signalfd, not blocking: SIGTERM, SIGINT and SIGHUP, which every thread has blocked */
    int admin_fd;  /* listening */
    int local_fd;  /* the same in the file system, at local_path; -1: there is none */
    const char *local_path;
    const struct admin_view *view;
    const struct backend *backend;
    struct journal_service *journal; /* NULL: --raw */
    struct journal_service_options journal_options;
    struct tls_server *tls;             /* NULL: plain HTTP */
    struct keyring *keyring;            /* server/keys/keyring.h; NULL: there is none */
    const char *keyring_path;           /* its file */
    struct kms *kms;                    /* there is one where there is a keyring */
    struct offload *file_threads;       /* where files are read again */
    struct dictionary_trainer *trainer; /* which gets the pipelines of this shard; as
                                           journal_options.lifecycle gets its settings */
    struct recompactor *recompactor;    /* NULL: --recompact off */
    struct maintenance_jobs *maintenance;
    void (*drain)(void *context);
    uint64_t watchdog_ms;            /* the service manager wants a sign of life so often; 0: it wants none */
    bool (*is_alive)(void *context); /* does every shard turn its loop? */
    void *context;

    /* its own: */
    struct control_door {
        struct http_server *http;
        struct listener *listener; /* NULL: there is no such door */
    } admin, local;
    struct fiber *signals;
    struct fiber *watchdog;
    struct fiber *keyring_watch;
};

/* On shard 0's thread, before its loop runs. */
bool control_start(struct control *control, struct error *error);
/* Goes on answering until no shard has a connection left or the deadline has passed, then closes; then the journal
 * sends what waits, until the deadline, and ends. */
SUSPENDS void control_stop(struct control *control, deadline_t deadline);
/* After the loop has ended. */
void control_free(struct control *control);
