/* server/process/service_manager.h -- what systemd, or whoever speaks as it does, gives this process and is told by it:
 * sockets that listen already (sd_listen_fds(3)), and how it fares (sd_notify(3), sd_watchdog_enabled(3)).
 *
 * All of it is in the environment; without it nothing is given and nobody is told. */
#pragma once

#include "runtime/base/error.h"

#include <stdint.h>

struct inherited_sockets {
    int s3; /* -1: none */
    int admin;
};

/* Once, before there is another thread: takes LISTEN_FDS out of the environment. A socket is told by its name
 * (FileDescriptorName=s3, admin); where none has such a name, the first is of S3 and the second of the admin listener.
 */
bool service_manager_sockets(struct inherited_sockets *ret_sockets, struct error *error);

/* "READY=1" and the like. Never blocks; what cannot be told is not. Any thread. */
void service_manager_tell(const char *state);

/* It wants to hear "WATCHDOG=1" at least this often; 0: it does not. */
uint64_t service_manager_watchdog_ms(void);
