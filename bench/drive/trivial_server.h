/* bench/drive/trivial_server.h -- a server that does next to nothing, on a thread of its own: what bale-bench can drive
 * is found out against it. A request whose path is /BUCKET/N/... is answered with N bytes; a body is read away. */
#pragma once

#include "runtime/base/error.h"

#include <stdint.h>

enum { TRIVIAL_SERVER_BYTES_MAX = 4 << 20 };

struct trivial_server;

/* On 127.0.0.1, on a port that is free. NULL with a sentence. */
struct trivial_server *trivial_server_start(struct error *error);
uint16_t trivial_server_port(const struct trivial_server *server);
/* When no client is connected any more, or it cuts who is. */
void trivial_server_stop(struct trivial_server *server);
