/* runtime/stream/listener.h -- accepts connections on one address for all shards (SO_REUSEPORT), each shard its own
 * socket.
 *
 * listener_bind makes `count` sockets bound to the same address. The first is bound without SO_REUSEPORT, so that a
 * second process on the port gets EADDRINUSE instead of half the connections. Port 0 picks a port, all sockets share
 * it. */
#pragma once

#include "runtime/base/error.h"
#include "runtime/stream/stream.h"

#include <stdint.h>

struct listener;

/* `address` is "host:port", "[ipv6]:port" or ":port". Options that connections inherit (TCP_NODELAY, keep-alive,
 * TCP_USER_TIMEOUT) are set here. ret_fds holds `count` listening sockets. Errors are sentences that name the
 * address. Blocks the thread for up to a second while the address is taken: what was killed leaves it with a delay. */
bool listener_bind(const char *address, unsigned count, int *ret_fds, uint16_t *ret_port, struct error *error);

/* The same from a socket that listens already, whoever made it: all share its one queue, which outlives this process if
 * somebody else has it open, too. `fd` is the first of ret_fds. ERROR_INVALID: it is no listening socket of TCP. */
bool listener_adopt(int fd, unsigned count, int *ret_fds, uint16_t *ret_port, struct error *error);
/* "127.0.0.1:8014", "[::1]:8014": where it listens. */
enum { LISTENER_ADDRESS_BYTES = 64 };
bool listener_address(int fd, char ret_address[LISTENER_ADDRESS_BYTES]);

/* On the shard's thread: accepts until listener_close; each connection starts `entry(stream)` on a fiber of its own.
 * Beyond connections_max further ones wait in the backlog until one ends (listener_connection_ended). */
struct listener *listener_start(int fd, unsigned connections_max, fiber_entry *entry, struct error *error);
void listener_connection_ended(struct listener *listener);
unsigned listener_connections(const struct listener *listener);
/* Stops accepting; connections that exist go on. */
SUSPENDS void listener_close(struct listener *listener);
