/* server/server.h -- the parts of one baled, from its options: listeners, store, accounts, threads, shards. */
#pragma once

#include "runtime/base/error.h"
#include "server/backend/backend.h"
#include "server/config/config.h"
#include "server/process/service_manager.h"

#include <stdint.h>

struct server;

/* Everything up to the point where requests are taken. The config must outlive the server. `sockets` stand for --listen
 * and
 * --admin where there are some; `open` opens the backend.
 * SIGTERM, SIGINT and SIGHUP must be blocked in the calling thread. NULL: the process is to end; what had been begun is
 * not taken down. */
struct server *server_start(const struct config *config, const struct inherited_sockets *sockets, backend_opener *open,
                            struct error *error);

uint16_t server_port(const struct server *server);
uint16_t server_admin_port(const struct server *server);
unsigned server_shards(const struct server *server);
/* The key pair that was made by this start; NULL: none was made. */
const char *server_new_access_key(const struct server *server);
const char *server_new_secret_key(const struct server *server);

/* Until a signal has been obeyed: every shard has ended. */
void server_wait(struct server *server);
/* After server_wait. */
void server_close(struct server *server);
