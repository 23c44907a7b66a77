/* runtime/stream/listener.c -- accepts connections on one address for all shards. */
#include "runtime/stream/listener.h"

#include "runtime/base/assert.h"
#include "runtime/fiber/loop_private.h"
#include "runtime/fiber/wait.h"
#include "runtime/stream/socket.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    BACKLOG = 4096, /* the kernel caps it by net.core.somaxconn */
    ADDRESS_BYTES_MAX = 280,
    PAUSE_MS = 100, /* when descriptors or memory have run out */
    TAKEN_TRIES_MAX = 50,
    TAKEN_PAUSE_MS = 20,
};

/* ---- binding ---- */

/* Splits "host:port", "[ipv6]:port", ":port". */
static bool split_address(const char *address, char *ret_host, size_t host_bytes, const char **ret_port,
                          struct error *error)
{
    const char *colon = strrchr(address, ':');
    if (colon == NULL || colon[1] == '\0')
        return error_set(error, ERROR_INVALID, NULL, "the address \"%s\" has no port: it must be host:port", address);
    char *end;
    unsigned long port = strtoul(colon + 1, &end, 10);
    if (*end != '\0' || colon[1] < '0' || colon[1] > '9' || port > 65535)
        return error_set(error, ERROR_INVALID, NULL, "the port of \"%s\" must be a number from 0 to 65535", address);
    size_t size = (size_t)(colon - address);
    const char *host = address;
    if (size >= 2 && host[0] == '[' && host[size - 1] == ']') {
        host++;
        size -= 2;
    } else if (memchr(host, ':', size) != NULL)
        return error_set(error, ERROR_INVALID, NULL, "the IPv6 address of \"%s\" must be in brackets: [address]:port",
                         address);
    if (size >= host_bytes)
        return error_set(error, ERROR_INVALID, NULL, "the host of \"%s\" is too long", address);
    memcpy(ret_host, host, size);
    ret_host[size] = '\0';
    *ret_port = colon + 1;
    return true;
}

static bool resolve(const char *address, union socket_address *ret_address, socklen_t *ret_size, struct error *error)
{
    char host[ADDRESS_BYTES_MAX];
    const char *port = NULL;
    if (!split_address(address, host, sizeof host, &port, error))
        return false;
    struct addrinfo hints = {
        .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    struct addrinfo *found = NULL;
    int status = getaddrinfo(host[0] == '\0' ? NULL : host, port, &hints, &found);
    if (status != 0)
        return error_set(error, ERROR_INVALID, NULL, "the address \"%s\" cannot be resolved: %s", address,
                         gai_strerror(status));
    memset(ret_address, 0, sizeof *ret_address);
    memcpy(ret_address, found->ai_addr, found->ai_addrlen);
    *ret_size = found->ai_addrlen;
    freeaddrinfo(found);
    return true;
}

static bool explain(int errno_value, const char *address, struct error *error)
{
    if (errno_value == EADDRINUSE)
        return error_set(error, ERROR_CONFLICT, NULL, "cannot listen on %s: another process listens there already",
                         address);
    if (errno_value == EACCES)
        return error_set(error, ERROR_DENIED, NULL, "cannot listen on %s: ports below 1024 need a privilege", address);
    return error_set_errno(error, errno_value, "cannot listen on %s", address);
}

/* A socket that shares its port lets any process of the same user share it, too. Therefore the first one is bound and
 * listens without SO_REUSEPORT, which fails when anybody is there, and allows sharing afterwards. */
static int listen_on(const union socket_address *address, socklen_t size, bool is_first)
{
    int fd = socket(address->any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    socket_set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    if (!is_first)
        socket_set_option(fd, SOL_SOCKET, SO_REUSEPORT, 1);
    socket_set_options(fd);
    if (bind(fd, &address->any, size) != 0 || listen(fd, BACKLOG) != 0) {
        int errno_value = errno;
        (void)close(fd);
        return -errno_value;
    }
    if (is_first)
        socket_set_option(fd, SOL_SOCKET, SO_REUSEPORT, 1);
    return fd;
}

/* The kernel frees the rings of a killed process, and with them the sockets that accept, a moment after the process
 * has gone: who starts the next one at once would find the address taken by nobody. */
static int listen_first(const union socket_address *address, socklen_t size)
{
    int fd = listen_on(address, size, true);
    for (int tries = 1; fd == -EADDRINUSE && tries < TAKEN_TRIES_MAX; tries++) {
        (void)usleep(TAKEN_PAUSE_MS * 1000);
        fd = listen_on(address, size, true);
    }
    return fd;
}

bool listener_bind(const char *address, unsigned count, int *ret_fds, uint16_t *ret_port, struct error *error)
{
    ASSERT(count > 0);
    union socket_address bound;
    socklen_t size = 0;
    if (!resolve(address, &bound, &size, error))
        return false;
    for (unsigned i = 0; i < count; i++) {
        int fd = i == 0 ? listen_first(&bound, size) : listen_on(&bound, size, false);
        if (fd < 0) {
            while (i > 0)
                (void)close(ret_fds[--i]);
            return explain(-fd, address, error);
        }
        ret_fds[i] = fd;
        if (i == 0) { /* port 0: the others take what the first one got */
            union socket_address actual = bound;
            socklen_t actual_size = sizeof actual;
            (void)getsockname(fd, &actual.any, &actual_size);
            *socket_address_port(&bound) = *socket_address_port(&actual);
        }
    }
    *ret_port = ntohs(*socket_address_port(&bound));
    return true;
}

/* ---- a socket of somebody else ---- */

static bool is_listening_on_tcp(int fd, union socket_address *ret_address)
{
    int type = 0;
    int is_listening = 0;
    socklen_t size = sizeof type;
    socklen_t address_size = sizeof *ret_address;
    return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == SOCK_STREAM &&
           getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &is_listening, &size) == 0 && is_listening != 0 &&
           getsockname(fd, &ret_address->any, &address_size) == 0 &&
           (ret_address->any.sa_family == AF_INET || ret_address->any.sa_family == AF_INET6);
}

bool listener_adopt(int fd, unsigned count, int *ret_fds, uint16_t *ret_port, struct error *error)
{
    union socket_address address = {0};
    ASSERT(count > 0);
    if (!is_listening_on_tcp(fd, &address))
        return error_set(error, ERROR_INVALID, NULL, "the inherited descriptor %d is no listening socket of TCP", fd);
    /* with O_NONBLOCK the ring would say at once that nobody is there, instead of waiting */
    int flags = fcntl(fd, F_GETFL);
    (void)fcntl(fd, F_SETFL, flags & ~O_NONBLOCK);
    (void)fcntl(fd, F_SETFD, FD_CLOEXEC);
    socket_set_options(fd);
    for (unsigned i = 0; i < count; i++) {
        ret_fds[i] = i == 0 ? fd : fcntl(fd, F_DUPFD_CLOEXEC, 0);
        if (ret_fds[i] < 0)
            return error_set_errno(error, errno, "the inherited descriptor %d cannot be shared by the shards", fd);
    }
    *ret_port = ntohs(*socket_address_port(&address));
    return true;
}

bool listener_address(int fd, char ret_address[LISTENER_ADDRESS_BYTES])
{
    union socket_address address = {0};
    socklen_t size = sizeof address;
    char host[INET6_ADDRSTRLEN];
    char port[sizeof "65535"];
    if (getsockname(fd, &address.any, &size) != 0 ||
        getnameinfo(&address.any, size, host, sizeof host, port, sizeof port, NI_NUMERICHOST | NI_NUMERICSERV) != 0)
        return false;
    (void)snprintf(ret_address, LISTENER_ADDRESS_BYTES, address.any.sa_family == AF_INET6 ? "[%s]:%s" : "%s:%s", host,
                   port);
    return true;
}

/* ---- accepting ---- */

struct listener {
    int fd;
    unsigned connections;
    unsigned connections_max;
    fiber_entry *entry;
    struct io_operation accept;
    bool is_accepting; /* `accept` is with the driver */
    bool is_closing;
    struct timer pause;
    struct wait_queue ended; /* who closes waits here for the end of `accept` */
    int *held;               /* accepted beyond connections_max, before the cancellation took effect */
    unsigned held_count;
    unsigned held_capacity;
};

static bool is_full(const struct listener *listener)
{
    return listener->connections >= listener->connections_max;
}

static void accept_more(struct listener *listener)
{
    struct loop *loop = loop_here();
    if (listener->is_accepting || listener->is_closing || is_full(listener) || timer_is_armed(&listener->pause))
        return;
    listener->is_accepting = true;
    loop->driver->submit(loop->io, &listener->accept);
}

static void stop_accepting(struct listener *listener)
{
    struct loop *loop = loop_here();
    if (listener->is_accepting)
        loop->driver->cancel(loop->io, &listener->accept);
}

static void start_connection(struct listener *listener, int fd)
{
    struct error error;
    struct stream *stream = stream_from_socket(fd);
    if (stream == NULL)
        return;
    if (!fiber_spawn("connection", listener->entry, stream, &error)) {
        stream_abort(stream);
        return;
    }
    listener->connections++;
    if (is_full(listener))
        stop_accepting(listener);
}

static void hold(struct listener *listener, int fd)
{
    if (listener->held_count == listener->held_capacity) {
        unsigned capacity = listener->held_capacity == 0 ? 16 : listener->held_capacity * 2;
        int *held = realloc(listener->held, capacity * sizeof *held);
        if (held == NULL) {
            (void)close(fd);
            return;
        }
        listener->held = held;
        listener->held_capacity = capacity;
    }
    listener->held[listener->held_count++] = fd;
}

static void start_held(struct listener *listener)
{
    while (listener->held_count > 0 && !is_full(listener)) {
        int fd = listener->held[0];
        listener->held_count--;
        memmove(listener->held, listener->held + 1, listener->held_count * sizeof *listener->held);
        start_connection(listener, fd);
    }
}

static void end_pause(struct timer *timer)
{
    accept_more(LIST_ELEMENT(timer, struct listener, pause));
}

static bool is_exhaustion(int32_t result)
{
    return result == -EMFILE || result == -ENFILE || result == -ENOMEM || result == -ENOBUFS;
}

static void free_if_done(struct listener *listener)
{
    if (!listener->is_closing || listener->is_accepting || listener->fd >= 0 || listener->connections > 0)
        return;
    free(listener->held);
    free(listener);
}

/* The kernel has ended the accepting: by our wish, for want of something, or for reasons of its own. */
static void accept_ended(struct listener *listener, int32_t result)
{
    struct loop *loop = loop_here();
    listener->is_accepting = false;
    if (listener->is_closing) {
        wait_wake_all(&listener->ended);
        free_if_done(listener);
        return;
    }
    if (is_exhaustion(result))
        timer_arm(&loop->timers, &listener->pause, deadline_after_ms(PAUSE_MS));
    accept_more(listener);
}

static void accepted(struct io_operation *operation)
{
    struct listener *listener = LIST_ELEMENT(operation, struct listener, accept);
    int32_t result = operation->result;
    bool more = operation->more;
    if (result >= 0 && listener->is_closing)
        (void)close(result);
    else if (result >= 0 && is_full(listener))
        hold(listener, result);
    else if (result >= 0)
        start_connection(listener, result);
    if (!more)
        accept_ended(listener, result);
}

struct listener *listener_start(int fd, unsigned connections_max, fiber_entry *entry, struct error *error)
{
    ASSERT(connections_max > 0);
    struct listener *listener = calloc(1, sizeof *listener);
    if (listener == NULL) {
        error_set(error, ERROR_BUSY, NULL, "no memory for a listener");
        return NULL;
    }
    listener->fd = fd;
    listener->connections_max = connections_max;
    listener->entry = entry;
    listener->accept = (struct io_operation){.verb = IO_ACCEPT, .fd = fd, .completed = accepted};
    listener->pause.expired = end_pause;
    wait_queue_init(&listener->ended);
    accept_more(listener);
    return listener;
}

void listener_connection_ended(struct listener *listener)
{
    ASSERT(listener->connections > 0);
    listener->connections--;
    if (!listener->is_closing) {
        start_held(listener);
        accept_more(listener);
    }
    free_if_done(listener);
}

unsigned listener_connections(const struct listener *listener)
{
    return listener->connections;
}

SUSPENDS void listener_close(struct listener *listener)
{
    struct loop *loop = loop_here();
    struct error error;
    listener->is_closing = true;
    timer_disarm(&loop->timers, &listener->pause);
    stop_accepting(listener);
    while (listener->is_accepting && wait_for(&listener->ended, DEADLINE_NONE, &error))
        ;
    for (unsigned i = 0; i < listener->held_count; i++)
        (void)close(listener->held[i]);
    listener->held_count = 0;
    (void)close(listener->fd);
    listener->fd = -1;
    free_if_done(listener);
}
