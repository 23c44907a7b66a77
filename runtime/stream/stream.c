/* runtime/stream/stream.c -- one connection's bytes in both directions, plain TCP or TLS over it. */
#include "runtime/stream/stream.h"

#include "runtime/base/assert.h"
#include "runtime/fiber/loop_private.h"
#include "runtime/io/io.h"
#include "runtime/stream/stream_private.h"
#include "runtime/stream/tls_private.h"

#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum {
    LINGER_MS = 2000,    /* how long a closed stream waits for the peer to read what was sent */
    LINGER_BYTES = 2048, /* what the peer still sends is read away by pieces of this size */
    /* A peer that goes on sending gets its reset after all; what fits into the buffers of both sockets must not be
     * enough for that, or a refusal would often get lost. */
    LINGER_BYTES_MAX = 16 << 20,
    SPAWN_AGAIN_MS = 10, /* when no fiber is free for a parked stream that wants one */
};

struct stream {
    int fd;
    struct tls_session *tls; /* NULL: plain */
    char peer[STREAM_ADDRESS_BYTES];
    bool is_idle;     /* it was parked, and nothing has come or gone since */
    bool is_readable; /* probably: it was woken for it, or there was more than was asked for */

    /* While parked: */
    bool is_waiting; /* `poll` is with the driver, and nobody has asked for its end */
    bool is_kept;    /* waits without `poll`, for its owner or the end of its time */
    struct io_operation poll;
    struct timer timer;
    struct list_link parked; /* in loop.parked */
    fiber_entry *entry;
    fiber_entry *expired; /* of a kept stream: no fiber runs it */
    void *argument;
};

/* ---- life ---- */

static void name_peer(struct stream *stream)
{
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } address;
    socklen_t size = sizeof address;
    char text[INET6_ADDRSTRLEN] = "";
    (void)snprintf(stream->peer, sizeof stream->peer, "unknown");
    if (getpeername(stream->fd, &address.any, &size) != 0)
        return;
    if (address.any.sa_family == AF_INET) {
        (void)inet_ntop(AF_INET, &address.v4.sin_addr, text, sizeof text);
        (void)snprintf(stream->peer, sizeof stream->peer, "%s:%u", text, ntohs(address.v4.sin_port));
    } else if (address.any.sa_family == AF_INET6) {
        (void)inet_ntop(AF_INET6, &address.v6.sin6_addr, text, sizeof text);
        (void)snprintf(stream->peer, sizeof stream->peer, "[%s]:%u", text, ntohs(address.v6.sin6_port));
    }
}

struct stream *stream_from_socket(int fd)
{
    struct stream *stream = calloc(1, sizeof *stream);
    if (stream == NULL) {
        (void)close(fd);
        return NULL;
    }
    stream->fd = fd;
    name_peer(stream);
    return stream;
}

/* Closing a socket with unread bytes makes the kernel send a reset, which may overtake what the peer has not read yet.
 * So the peer gets FIN first, and time to answer it with its own; of an idle stream it has read everything long ago. */
SUSPENDS static void linger(struct stream *stream)
{
    uint8_t unwanted[LINGER_BYTES];
    int64_t total = 0;
    deadline_t deadline = deadline_after_ms(LINGER_MS);
    if (stream->is_idle || shutdown(stream->fd, SHUT_WR) != 0)
        return;
    while (total < LINGER_BYTES_MAX && loop_now_ns() < deadline) {
        int64_t received = io_receive(stream->fd, unwanted, sizeof unwanted, deadline);
        if (received <= 0)
            return;
        total += received;
    }
}

static void free_stream(struct stream *stream)
{
    (void)close(stream->fd); /* does not block: what is unsent goes on in the background */
    tls_session_free(stream->tls);
    free(stream);
}

SUSPENDS void stream_close(struct stream *stream)
{
    if (stream->tls != NULL)
        tls_session_end(stream->tls);
    linger(stream);
    free_stream(stream);
}

void stream_abort(struct stream *stream)
{
    struct linger at_once = {.l_onoff = 1, .l_linger = 0};
    (void)setsockopt(stream->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    free_stream(stream);
}

bool stream_peer_user(const struct stream *stream, uint32_t *ret_user)
{
    struct ucred peer;
    socklen_t size = sizeof peer;
    int domain = 0;
    socklen_t domain_size = sizeof domain;
    if (getsockopt(stream->fd, SOL_SOCKET, SO_DOMAIN, &domain, &domain_size) != 0 || domain != AF_UNIX ||
        getsockopt(stream->fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0)
        return false;
    *ret_user = peer.uid;
    return true;
}

const char *stream_peer(const struct stream *stream)
{
    return stream->peer;
}

bool stream_is_secure(const struct stream *stream)
{
    return stream->tls != NULL;
}

const char *stream_tls_version(const struct stream *stream)
{
    return stream->tls == NULL ? NULL : tls_session_version(stream->tls);
}

const char *stream_tls_cipher(const struct stream *stream)
{
    return stream->tls == NULL ? NULL : tls_session_cipher(stream->tls);
}

SUSPENDS bool stream_secure(struct stream *stream, struct tls_server *server, uint64_t handshake_ms,
                            struct error *error)
{
    ASSERT(stream->tls == NULL);
    SSL *ssl = tls_server_open(server);
    if (ssl == NULL)
        return error_set(error, ERROR_BUSY, NULL, "no memory for a TLS session");
    struct tls_session *session = tls_session_create(ssl, stream);
    if (!tls_session_accept(session, handshake_ms, error)) {
        tls_session_free(session);
        return false;
    }
    stream->tls = session;
    return true;
}

SUSPENDS bool stream_secure_to(struct stream *stream, struct tls_client *client, const char *host, deadline_t deadline,
                               struct error *error)
{
    ASSERT(stream->tls == NULL);
    SSL *ssl = tls_client_open(client, host);
    if (ssl == NULL)
        return error_set(error, ERROR_BUSY, NULL, "no memory for a TLS session");
    struct tls_session *session = tls_session_create(ssl, stream);
    if (!tls_session_connect(session, deadline, error)) {
        tls_session_free(session);
        return false;
    }
    stream->tls = session;
    return true;
}

bool stream_is_resumed(const struct stream *stream)
{
    return stream->tls != NULL && tls_session_is_resumed(stream->tls);
}

/* ---- bytes ---- */

/* Where bytes are likely to be there, a plain non-blocking call is cheaper than a turn of the loop with two switches.
 * Nobody may go on for ever that way. */
SUSPENDS static int64_t receive_some(struct stream *stream, void *ret_bytes, size_t capacity, deadline_t deadline)
{
    struct loop *loop = loop_here();
    int64_t received = -EAGAIN;
    if (stream->is_readable && !fiber_is_cancelled()) {
        received = loop->driver->receive_now(loop->io, stream->fd, ret_bytes, capacity);
        if (received > 0)
            fiber_yield_if_due();
    }
    if (received == -EAGAIN)
        received = io_receive(stream->fd, ret_bytes, capacity, deadline);
    stream->is_readable = received == (int64_t)capacity;
    return received;
}

SUSPENDS bool stream_receive_plain(struct stream *stream, void *ret_bytes, size_t capacity, deadline_t deadline,
                                   size_t *ret_size, struct error *error)
{
    int64_t received = receive_some(stream, ret_bytes, capacity, deadline);
    if (received < 0)
        return error_set_errno(error, (int)-received, "receiving from %s", stream->peer);
    *ret_size = (size_t)received;
    return true;
}

SUSPENDS bool stream_receive(struct stream *stream, void *ret_bytes, size_t capacity, uint64_t idle_ms,
                             size_t *ret_size, struct error *error)
{
    ASSERT(capacity > 0);
    stream->is_idle = false;
    if (stream->tls != NULL)
        return tls_session_receive(stream->tls, ret_bytes, capacity, idle_ms, ret_size, error);
    return stream_receive_plain(stream, ret_bytes, capacity, deadline_after_ms(idle_ms), ret_size, error);
}

/* Takes `size` bytes off the front; returns the first piece that has some left. */
static unsigned skip_sent(struct iovec *pieces, unsigned first, unsigned count, size_t size)
{
    while (first < count && size >= pieces[first].iov_len)
        size -= pieces[first++].iov_len;
    if (first < count) {
        pieces[first].iov_base = (uint8_t *)pieces[first].iov_base + size;
        pieces[first].iov_len -= size;
    }
    return first;
}

/* A socket takes more only when a good part of its buffer has been acknowledged, which a slow peer may need long for:
 * so a wait is cut into slices, and whenever one passes in vain, the buffer tells whether the peer has moved. */
struct patience {
    uint64_t slice_ms;
    unsigned still_slices;
    int unacknowledged_bytes;
};

enum { PATIENCE_SLICES = 4 };

static bool is_exhausted(struct patience *patience, int fd)
{
    int unacknowledged = 0;
    (void)ioctl(fd, SIOCOUTQ, &unacknowledged);
    bool moved = unacknowledged < patience->unacknowledged_bytes;
    patience->unacknowledged_bytes = unacknowledged;
    patience->still_slices = moved ? 0 : patience->still_slices + 1;
    return patience->still_slices >= PATIENCE_SLICES;
}

SUSPENDS static int64_t send_patiently(const struct stream *stream, const struct iovec *pieces, unsigned count,
                                       uint64_t idle_ms)
{
    struct patience patience = {.slice_ms = idle_ms / PATIENCE_SLICES + 1, .unacknowledged_bytes = INT_MAX};
    int64_t sent;
    do
        sent = io_send_pieces(stream->fd, pieces, count, deadline_after_ms(patience.slice_ms));
    while (sent == -ETIMEDOUT && !is_exhausted(&patience, stream->fd));
    return sent;
}

SUSPENDS static int64_t send_some(const struct stream *stream, struct iovec *pieces, unsigned count, uint64_t idle_ms)
{
    int64_t sent = io_send_now(stream->fd, pieces, count);
    return sent == -EAGAIN ? send_patiently(stream, pieces, count, idle_ms) : sent;
}

SUSPENDS bool stream_send_plain(struct stream *stream, const struct span *pieces, unsigned count, uint64_t idle_ms,
                                struct error *error)
{
    struct iovec vectors[STREAM_PIECES_MAX];
    for (unsigned i = 0; i < count; i++)
        vectors[i] = (struct iovec){(void *)(uintptr_t)pieces[i].data, pieces[i].size};
    unsigned first = skip_sent(vectors, 0, count, 0);
    while (first < count) {
        int64_t sent = send_some(stream, vectors + first, count - first, idle_ms);
        if (sent < 0)
            return error_set_errno(error, (int)-sent, "sending to %s", stream->peer);
        first = skip_sent(vectors, first, count, (size_t)sent);
    }
    return true;
}

/* Room to send, or something to receive: whatever comes first. */
SUSPENDS static int poll_patiently(const struct stream *stream, uint64_t idle_ms)
{
    struct patience patience = {.slice_ms = idle_ms / PATIENCE_SLICES + 1, .unacknowledged_bytes = INT_MAX};
    int events;
    do
        events = io_poll(stream->fd, POLLIN | POLLOUT | POLLRDHUP, deadline_after_ms(patience.slice_ms));
    while (events == -ETIMEDOUT && !is_exhausted(&patience, stream->fd));
    return events;
}

SUSPENDS bool stream_send_watching_plain(struct stream *stream, const struct span *pieces, unsigned count,
                                         uint64_t idle_ms, size_t *ret_sent, bool *ret_answered, struct error *error)
{
    struct iovec vectors[STREAM_PIECES_MAX];
    for (unsigned i = 0; i < count; i++)
        vectors[i] = (struct iovec){(void *)(uintptr_t)pieces[i].data, pieces[i].size};
    unsigned first = skip_sent(vectors, 0, count, 0);
    *ret_sent = 0;
    *ret_answered = false;
    while (first < count) {
        int64_t sent = io_send_now(stream->fd, vectors + first, count - first);
        if (sent == -EAGAIN) {
            int events = poll_patiently(stream, idle_ms);
            *ret_answered = events > 0 && (events & ~POLLOUT) != 0;
            if (*ret_answered)
                return true;
            sent = events < 0 ? events : 0;
        }
        if (sent < 0)
            return error_set_errno(error, (int)-sent, "sending to %s", stream->peer);
        first = skip_sent(vectors, first, count, (size_t)sent);
        *ret_sent += (size_t)sent;
    }
    return true;
}

SUSPENDS bool stream_send_watching(struct stream *stream, const struct span *pieces, unsigned count, uint64_t idle_ms,
                                   size_t *ret_sent, bool *ret_answered, struct error *error)
{
    ASSERT(count <= STREAM_PIECES_MAX);
    stream->is_idle = false;
    if (stream->tls != NULL)
        return tls_session_send_watching(stream->tls, pieces, count, idle_ms, ret_sent, ret_answered, error);
    return stream_send_watching_plain(stream, pieces, count, idle_ms, ret_sent, ret_answered, error);
}

int64_t stream_receive_now(struct stream *stream, void *ret_bytes, size_t capacity)
{
    struct loop *loop = loop_here();
    return loop->driver->receive_now(loop->io, stream->fd, ret_bytes, capacity);
}

void stream_send_now(struct stream *stream, struct span bytes)
{
    (void)send(stream->fd, bytes.data, bytes.size, MSG_DONTWAIT | MSG_NOSIGNAL);
}

SUSPENDS bool stream_send(struct stream *stream, const struct span *pieces, unsigned count, uint64_t idle_ms,
                          struct error *error)
{
    ASSERT(count <= STREAM_PIECES_MAX);
    stream->is_idle = false;
    if (stream->tls != NULL)
        return tls_session_send(stream->tls, pieces, count, idle_ms, error);
    return stream_send_plain(stream, pieces, count, idle_ms, error);
}

/* ---- parking ---- */

static void start_fiber(struct stream *stream, fiber_entry *entry);

static void start_again(struct timer *timer)
{
    struct stream *stream = LIST_ELEMENT(timer, struct stream, timer);
    start_fiber(stream, stream->entry);
}

static void start_fiber(struct stream *stream, fiber_entry *entry)
{
    struct loop *loop = loop_here();
    struct error error;
    list_remove(&stream->parked);
    if (fiber_spawn("connection", entry, stream->argument, &error))
        return;
    /* All fibers are in use: the stream stays parked and asks again. */
    list_append(&loop->parked, &stream->parked);
    stream->entry = entry;
    stream->timer.expired = start_again;
    timer_arm(&loop->timers, &stream->timer, deadline_after_ms(SPAWN_AGAIN_MS));
}

bool stream_peer_has_left(const struct stream *stream)
{
    struct pollfd peer = {.fd = stream->fd, .events = POLLRDHUP};
    return poll(&peer, 1, 0) == 1;
}

/* A hang-up may follow bytes that have not been read yet. */
static bool has_bytes(const struct stream *stream, int32_t events)
{
    if (events <= 0)
        return false;
    if ((events & (POLLRDHUP | POLLHUP | POLLERR)) == 0)
        return true;
    uint8_t byte;
    return recv(stream->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 1;
}

static void end_park(struct io_operation *operation)
{
    struct stream *stream = LIST_ELEMENT(operation, struct stream, poll);
    timer_disarm(&loop_here()->timers, &stream->timer);
    stream->is_waiting = false;
    stream->is_readable = has_bytes(stream, operation->result);
    start_fiber(stream, stream->is_readable ? stream->entry : stream->expired);
}

void stream_expire(struct stream *stream)
{
    if (!stream->is_waiting)
        return;
    struct loop *loop = loop_here();
    stream->is_waiting = false;
    timer_disarm(&loop->timers, &stream->timer);
    loop->driver->cancel(loop->io, &stream->poll);
}

static void expire(struct timer *timer)
{
    stream_expire(LIST_ELEMENT(timer, struct stream, timer));
}

void stream_park(struct stream *stream, uint64_t idle_ms, fiber_entry *entry, fiber_entry *expired, void *argument)
{
    struct loop *loop = loop_here();
    stream->is_idle = true;
    stream->entry = entry;
    stream->expired = expired;
    stream->argument = argument;
    if (stream->tls != NULL && tls_session_has_bytes(stream->tls)) { /* poll would not tell of them */
        list_append(&loop->parked, &stream->parked);
        start_fiber(stream, loop->phase == LOOP_RUNNING ? entry : expired);
        return;
    }
    if (stream->tls != NULL)
        tls_session_rest(stream->tls);
    stream->poll =
        (struct io_operation){.verb = IO_POLL, .fd = stream->fd, .events = POLLIN | POLLRDHUP, .completed = end_park};
    stream->timer = (struct timer){.expired = expire};
    stream->is_waiting = true;
    list_append(&loop->parked, &stream->parked);
    loop->driver->submit(loop->io, &stream->poll);
    timer_arm(&loop->timers, &stream->timer, loop->phase == LOOP_RUNNING ? deadline_after_ms(idle_ms) : 0);
}

/* ---- keeping ---- */

static void end_keep(struct stream *stream)
{
    timer_disarm(&loop_here()->timers, &stream->timer);
    list_remove(&stream->parked);
    stream->is_kept = false;
}

static void expire_kept(struct timer *timer)
{
    struct stream *stream = LIST_ELEMENT(timer, struct stream, timer);
    end_keep(stream);
    stream->expired(stream->argument);
}

void stream_keep(struct stream *stream, uint64_t idle_ms, void (*expired)(void *argument), void *argument)
{
    struct loop *loop = loop_here();
    stream->is_idle = true;
    stream->is_kept = true;
    stream->expired = expired;
    stream->argument = argument;
    if (stream->tls != NULL)
        tls_session_rest(stream->tls);
    stream->timer = (struct timer){.expired = expire_kept};
    list_append(&loop->parked, &stream->parked);
    timer_arm(&loop->timers, &stream->timer, loop->phase == LOOP_RUNNING ? deadline_after_ms(idle_ms) : 0);
}

bool stream_reuse(struct stream *stream, bool is_looked_at)
{
    ASSERT(stream->is_kept);
    end_keep(stream);
    if (!is_looked_at)
        return true;
    if (stream->tls != NULL)
        return tls_session_is_quiet(stream->tls);
    uint8_t byte;
    return recv(stream->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 && errno == EAGAIN;
}

void stream_drop(struct stream *stream)
{
    if (stream->is_kept)
        end_keep(stream);
    if (stream->tls != NULL)
        tls_session_end_now(stream->tls);
    free_stream(stream);
}

void stream_expire_parked(struct loop *loop)
{
    struct list_link *next;
    for (struct list_link *link = loop->parked.next; link != &loop->parked; link = next) {
        struct stream *stream = LIST_ELEMENT(link, struct stream, parked);
        next = link->next;
        if (stream->is_kept)
            expire_kept(&stream->timer);
        else
            stream_expire(stream);
    }
}
