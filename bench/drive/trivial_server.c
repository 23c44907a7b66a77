/* bench/drive/trivial_server.c -- the HTTP room of the server, with a handler of ten lines. */
#include "bench/drive/trivial_server.h"

#include "runtime/base/assert.h"
#include "runtime/base/decimal.h"
#include "runtime/fiber/loop.h"
#include "runtime/fiber/thread.h"
#include "runtime/stream/listener.h"
#include "server/http/connection.h"

#include <stdlib.h>
#include <string.h>

enum { CONNECTIONS_MAX = 10000, IDLE_MS = 600000, RING_ENTRIES = 4096, STOP_MS = 1000 };

struct trivial_server {
    pthread_t thread;
    struct loop *loop;
    struct http_server *http;
    struct listener *listener;
    uint16_t port;
    int fd;
    uint8_t *body;
    uint8_t sink[64 << 10]; /* of bodies that nobody reads */
    struct error *error;    /* of the start */
    bool is_good;
    pthread_barrier_t started;
};

static uint64_t bytes_wanted(struct span path)
{
    uint64_t bytes = 0;
    struct span rest = span_skip(path, path.size > 0);
    size_t slash = span_find(rest, '/');
    rest = slash == SIZE_MAX ? SPAN_EMPTY : span_skip(rest, slash + 1);
    (void)decimal_parse_range(span_take(rest, span_find(rest, '/')), 0, TRIVIAL_SERVER_BYTES_MAX, &bytes);
    return bytes;
}

SUSPENDS static void handle(struct http_exchange *exchange, void *context)
{
    struct trivial_server *server = context;
    struct error error;
    size_t size = 1;
    bool is_get = span_equal(exchange->head->method, SPAN("GET"));
    while (size > 0)
        if (!http_body_read(exchange, server->sink, sizeof server->sink, &size, &error))
            return;
    http_response_begin(exchange, 200);
    (void)http_response_finish(exchange, span_of(server->body, is_get ? bytes_wanted(exchange->head->path) : 0),
                               &error);
}

static void connection_ended(void *context)
{
    struct trivial_server *server = context;
    listener_connection_ended(server->listener);
}

static struct trivial_server *running; /* accept has no context; there is one in a process */

SUSPENDS static void accept_one(void *stream)
{
    http_connection_serve(running->http, stream, connection_ended, running);
}

static bool start_on_thread(struct trivial_server *server)
{
    const struct http_settings settings = {.idle_ms = IDLE_MS,
                                           .head_ms = IDLE_MS,
                                           .progress_ms = IDLE_MS,
                                           .drain_bytes_max = TRIVIAL_SERVER_BYTES_MAX,
                                           .arena_bytes_max = 1 << 20,
                                           .handler = handle,
                                           .context = server};
    const struct loop_options options = {.fibers_max = CONNECTIONS_MAX + 16, .ring_entries = RING_ENTRIES};
    server->loop = loop_create(&options, server->error);
    if (server->loop == NULL)
        return false;
    server->http = http_server_create(&settings, server->error);
    if (server->http == NULL)
        return false;
    server->listener = listener_start(server->fd, CONNECTIONS_MAX, accept_one, server->error);
    return server->listener != NULL;
}

static void *serve(void *argument)
{
    struct trivial_server *server = argument;
    server->is_good = start_on_thread(server);
    (void)pthread_barrier_wait(&server->started);
    if (server->is_good)
        loop_run(server->loop);
    if (server->http != NULL)
        http_server_destroy(server->http);
    if (server->loop != NULL)
        loop_destroy(server->loop);
    return NULL;
}

struct trivial_server *trivial_server_start(struct error *error)
{
    struct trivial_server *server = calloc(1, sizeof *server);
    ASSERT(server != NULL && running == NULL);
    server->error = error;
    server->body = calloc(1, TRIVIAL_SERVER_BYTES_MAX);
    ASSERT(server->body != NULL && pthread_barrier_init(&server->started, NULL, 2) == 0);
    running = server;
    if (listener_bind("127.0.0.1:0", 1, &server->fd, &server->port, error) &&
        thread_start("trivial-server", serve, server, &server->thread, error)) {
        (void)pthread_barrier_wait(&server->started);
        if (server->is_good)
            return server;
        (void)pthread_join(server->thread, NULL);
    }
    running = NULL;
    free(server->body);
    free(server);
    return NULL;
}

uint16_t trivial_server_port(const struct trivial_server *server)
{
    return server->port;
}

void trivial_server_stop(struct trivial_server *server)
{
    loop_stop(server->loop, clock_monotonic_ns(clock_system()) + (uint64_t)STOP_MS * 1000000);
    (void)pthread_join(server->thread, NULL);
    (void)pthread_barrier_destroy(&server->started);
    running = NULL;
    free(server->body);
    free(server);
}
