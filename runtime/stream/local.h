/* runtime/stream/local.h -- a listening socket in the file system, for who is on this machine.
 *
 * Only the user of this process and root can connect (mode 0600), and a connection says whose it is (stream_peer_user).
 * A socket that a process has left that is gone is replaced; one behind which somebody listens is not. */
#pragma once

#include "runtime/base/error.h"

/* Listens; for listener_start. ERROR_CONFLICT: another process listens there, or the path is something else.
 * ERROR_TOO_LARGE: a path has at most 107 bytes. Blocks the thread for up to a second while somebody listens there:
 * what was killed goes with a delay. */
bool local_bind(const char *path, int *ret_fd, struct error *error);
/* While it still listens: the path is free afterwards. */
void local_unbind(const char *path);
