/* server/http/connection.c -- a connection's life: read a head, have it answered, read the next one or park.
 *
 *            bytes                     answered
 *   parked ---------> reading a head ------------> warm (waits a moment for the next head)
 *     ^                                                |
 *     +------------------------------------------------+
 *
 * A busy connection stays warm between its requests: to park and to come back costs more than it saves. Only so many
 * may be warm, and only for a moment, because a warm connection holds a stack and work memory. */
#include "runtime/base/assert.h"
#include "runtime/fiber/errand.h"
#include "runtime/fiber/loop.h"
#include "server/http/connection_private.h"

#include <stdlib.h>

enum { WARM_MS = 100, WARM_MAX = 256, NS_PER_MS = 1000000 };

/* ---- one request ---- */

static void begin_exchange(struct http_work *work)
{
    struct http_connection *connection = work->connection;
    work->exchange = (struct http_exchange){
        .head = &work->head,
        .arena = &work->arena,
        .stream = connection->stream,
        .started_ns = clock_monotonic_ns(loop_clock()),
    };
    http_server_next_id(connection->server, work->exchange.request_id);
    arena_reset(&work->arena);
    work->answer.state = ANSWER_NONE;
    work->answer.remaining = 0;
}

static bool has_left(void *argument)
{
    return stream_peer_has_left(argument);
}

SUSPENDS static void answer(struct http_work *work)
{
    const struct http_settings *settings = settings_of(work);
    const struct errand errand = {has_left, work->connection->stream};
    metric_add(&work->connection->server->counters.requests, 1);
    begin_exchange(work);
    http_body_begin(work);
    errand_set(&errand);
    settings->handler(&work->exchange, settings->context);
    errand_set(NULL);
    if (work->answer.state != ANSWER_DONE)
        http_response_cut(&work->exchange);
    else if (!work->exchange.must_close && !http_body_drain(work))
        work->exchange.must_close = true;
}

/* The head could not be read: say why, then end. */
SUSPENDS static void refuse(struct http_work *work, const struct error *why)
{
    const struct http_settings *settings = settings_of(work);
    metric_add(&work->connection->server->counters.bad_heads, 1);
    begin_exchange(work);
    work->head.body_kind = HTTP_BODY_NONE;
    work->head.keep_alive = false;
    http_body_begin(work);
    work->exchange.must_close = true;
    if (settings->refuse != NULL) {
        settings->refuse(&work->exchange, why, settings->context);
    } else {
        struct error ignored;
        http_response_begin(&work->exchange, HTTP_STATUS_BAD_REQUEST);
        (void)http_response_finish(&work->exchange, SPAN_EMPTY, &ignored);
    }
    if (work->answer.state != ANSWER_DONE)
        http_response_cut(&work->exchange);
}

/* ---- the next head ---- */

enum next {
    NEXT_REQUEST, /* a head is parsed */
    NEXT_REFUSAL, /* what came is no head, and the error says why */
    NEXT_NOTHING, /* nothing came in the moment that a connection stays warm */
    NEXT_END,     /* the peer has gone */
};

/* What came behind the last request is the beginning of the next one. */
static void begin_head(struct http_work *work)
{
    struct span rest = http_received(work);
    if (rest.size > 0)
        memmove(work->received, rest.data, rest.size);
    work->used = 0;
    work->filled = rest.size;
    work->head_size = 0;
}

/* Parsing starts from the first byte each time, so it is done only when a line has ended since the last time. */
static enum http_parse parse(struct http_work *work, size_t looked_at, struct error *error)
{
    struct span all = http_received(work);
    struct span fresh = span_skip(all, looked_at);
    if (span_find(fresh, '\n') == SIZE_MAX && all.size < HTTP_HEAD_BYTES_MAX)
        return HTTP_PARSE_MORE;
    return http_head_parse(all, &work->head, &work->head_size, error);
}

/* The first bytes of a head, from a connection that is silent so far; `is_readable`: it is not, the loop has seen some.
 */
SUSPENDS static enum next await_first_bytes(struct http_work *work, bool is_readable)
{
    struct http_server *server = work->connection->server;
    struct error error;
    size_t received;
    if (server->warm_count >= WARM_MAX && !is_readable)
        return NEXT_NOTHING;
    server->warm_count++;
    bool ok =
        stream_receive(work->connection->stream, work->received, sizeof work->received,
                       WARM_MS < server->settings.idle_ms ? WARM_MS : server->settings.idle_ms, &received, &error);
    server->warm_count--;
    if (!ok)
        return error.kind == ERROR_TIMED_OUT ? NEXT_NOTHING : NEXT_END;
    work->filled = received;
    return received == 0 ? NEXT_END : NEXT_REQUEST;
}

/* More bytes of a head; it must be complete at the deadline, however steadily it trickles. */
SUSPENDS static enum next receive_more(struct http_work *work, deadline_t deadline, struct error *error)
{
    size_t received;
    uint64_t now = loop_now_ns();
    uint64_t left_ms = deadline > now ? (deadline - now) / NS_PER_MS + 1 : 0;
    bool ok = left_ms > 0 && stream_receive(work->connection->stream, work->received + work->filled,
                                            sizeof work->received - work->filled, left_ms, &received, error);
    if (ok && received > 0) {
        work->filled += received;
        return NEXT_REQUEST;
    }
    if (ok || (left_ms > 0 && error->kind != ERROR_TIMED_OUT))
        return NEXT_END;
    metric_add(&work->connection->server->counters.head_timeouts, 1);
    (void)error_set(error, ERROR_TIMED_OUT, HTTP_REQUEST_TIMEOUT, "The request head did not come to its end in time.");
    return NEXT_REFUSAL;
}

SUSPENDS static enum next read_head(struct http_work *work, bool is_readable, struct error *error)
{
    begin_head(work);
    if (work->filled == 0) {
        enum next next = await_first_bytes(work, is_readable);
        if (next != NEXT_REQUEST)
            return next;
    }
    deadline_t deadline = deadline_after_ms(settings_of(work)->head_ms);
    size_t looked_at = 0;
    for (;;) {
        enum http_parse outcome = parse(work, looked_at, error);
        if (outcome == HTTP_PARSE_FAILED)
            return NEXT_REFUSAL;
        if (outcome == HTTP_PARSE_DONE) {
            work->used = work->head_size;
            return NEXT_REQUEST;
        }
        looked_at = work->filled;
        enum next next = receive_more(work, deadline, error);
        if (next == NEXT_REFUSAL)
            (void)http_head_parse(SPAN_EMPTY, &work->head, &work->head_size, &(struct error){0}); /* clears it */
        if (next != NEXT_REQUEST)
            return next;
    }
}

/* ---- life ---- */

SUSPENDS static void serve(struct http_connection *connection, bool is_readable);
SUSPENDS static void resume(void *argument);
SUSPENDS static void expire(void *argument);

SUSPENDS static void end(struct http_connection *connection, bool is_cut)
{
    struct http_server *server = connection->server;
    if (is_cut) {
        metric_add(&server->counters.connections_cut, 1);
        stream_abort(connection->stream);
    } else {
        stream_close(connection->stream);
    }
    list_remove(&connection->link);
    server->connections_count--;
    atomic_store_explicit(&server->counters.connections_open, server->connections_count, memory_order_relaxed);
    connection->ended(connection->ended_context);
    free(connection);
}

static void park(struct http_connection *connection)
{
    connection->is_parked = true;
    stream_park(connection->stream, connection->server->settings.idle_ms, resume, expire, connection);
    if (connection->server->is_stopping)
        stream_expire(connection->stream); /* the same way out: a stream that is idle closes without lingering */
}

SUSPENDS static void resume(void *argument)
{
    struct http_connection *connection = argument;
    connection->is_parked = false;
    serve(connection, true);
}

SUSPENDS static void expire(void *argument)
{
    struct http_connection *connection = argument;
    connection->is_parked = false;
    end(connection, false);
}

/* Requests, one after the other; then the connection parks or ends. */
SUSPENDS static void serve(struct http_connection *connection, bool is_readable)
{
    struct http_server *server = connection->server;
    struct http_work *work = http_work_take(server, connection);
    if (work == NULL) {
        end(connection, true);
        return;
    }
    struct error error;
    enum next next;
    bool must_close = false;
    do {
        next = read_head(work, is_readable, &error);
        is_readable = false;
        if (next == NEXT_REQUEST)
            answer(work);
        else if (next == NEXT_REFUSAL)
            refuse(work, &error);
        must_close = (next == NEXT_REQUEST || next == NEXT_REFUSAL) && work->exchange.must_close;
    } while (next == NEXT_REQUEST && !must_close);

    bool is_cut = must_close && work->answer.state == ANSWER_CUT;
    http_work_give_back(server, work);
    if (next == NEXT_NOTHING)
        park(connection);
    else
        end(connection, is_cut);
}

SUSPENDS void http_connection_serve(struct http_server *server, struct stream *stream, void (*ended)(void *context),
                                    void *context)
{
    struct http_connection *connection = malloc(sizeof *connection);
    if (connection == NULL) {
        stream_abort(stream);
        ended(context);
        return;
    }
    *connection = (struct http_connection){
        .server = server,
        .stream = stream,
        .ended = ended,
        .ended_context = context,
    };
    list_append(&server->connections, &connection->link);
    server->connections_count++;
    metric_add(&server->counters.connections, 1);
    atomic_store_explicit(&server->counters.connections_open, server->connections_count, memory_order_relaxed);
    if (server->settings.tls != NULL && !http_connection_secure(connection))
        end(connection, false);
    else
        serve(connection, false);
}

void http_server_stop(struct http_server *server)
{
    server->is_stopping = true; /* a warm connection ends with its moment */
    for (struct list_link *link = server->connections.next; link != &server->connections; link = link->next) {
        struct http_connection *connection = LIST_ELEMENT(link, struct http_connection, link);
        if (connection->is_parked)
            stream_expire(connection->stream);
        else if (connection->handshake != NULL)
            fiber_cancel(connection->handshake);
    }
}
