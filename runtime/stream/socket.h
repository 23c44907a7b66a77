/* runtime/stream/socket.h -- what both ends of a connection need of sockets; private to runtime/. */
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

union socket_address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    struct sockaddr_storage storage;
};

/* Where the port of an address of either family stands. */
static inline in_port_t *socket_address_port(union socket_address *address)
{
    return address->any.sa_family == AF_INET6 ? &address->v6.sin6_port : &address->v4.sin_port;
}

/* No delay for small pieces, and peers that vanish without a word are noticed. What a listening socket is told, the
 * connections inherit. */
void socket_set_options(int fd);
/* A preference: without it things work as well. */
void socket_set_option(int fd, int level, int name, int value);
