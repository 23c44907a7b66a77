/* server/waiting.h -- the time before there are shards, when the backend is there and busy: a start goes on, and the
 * admin listener says so already.
 *
 *   /health   200
 *   /ready    503, and what is waited for; so does everything else
 *
 * S3 clients wait in the queue of the socket. A service manager is asked for more time. SIGTERM and SIGINT end the
 * process, with status 0: nothing has begun. */
#pragma once

#include "runtime/base/error.h"
#include "runtime/fiber/fiber.h"

#include <stdint.h>

struct tls_server;

struct waiting {
    int admin_fd;           /* listening; stays the caller's */
    struct tls_server *tls; /* NULL: plain HTTP */

    /* its own: */
    struct http_server *http; /* NULL: nobody has waited */
    struct listener *listener;
    struct error reason;
    uint64_t pause_ms;
};

/* backend_means.wait; `context` is a struct waiting. */
SUSPENDS void waiting_go_on(void *context, const struct error *reason);
