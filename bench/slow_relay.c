/* bench/slow_relay.c -- a server that is far away: passes connections on to a port of this machine, what clients send
 * with a delay.
 *
 * usage: slow_relay PORT MILLISECONDS; prints its own port, and runs until it is told to end. A request and its answer
 * take that much longer, however many there are at once. */
#include "runtime/base/assert.h"
#include "runtime/fiber/loop.h"
#include "runtime/io/io.h"
#include "runtime/stream/dial.h"
#include "runtime/stream/listener.h"

#include <stdio.h>
#include <stdlib.h>

enum { CONNECTIONS_MAX = 4096, BLOCK_BYTES = 16 << 10, NEVER_MS = 3600 * 1000 };

static struct {
    struct listener *listener;
    struct dialer *dialer;
    uint16_t port;
    uint64_t delay_ms;
} relay;

/* A client and the server behind it, and the two fibers that carry bytes between them. */
struct pair {
    struct stream *streams[2];
    struct fiber *fibers[2]; /* NULL: has ended */
    uint8_t blocks[2][BLOCK_BYTES];
};

static void end(struct pair *pair, unsigned from)
{
    pair->fibers[from] = NULL;
    if (pair->fibers[1 - from] != NULL) {
        fiber_cancel(pair->fibers[1 - from]);
        return;
    }
    stream_abort(pair->streams[0]);
    stream_abort(pair->streams[1]);
    free(pair);
    listener_connection_ended(relay.listener);
}

SUSPENDS static void carry(struct pair *pair, unsigned from, uint64_t delay_ms)
{
    struct error ignored;
    size_t size = 0;
    pair->fibers[from] = fiber_current();
    while (stream_receive(pair->streams[from], pair->blocks[from], BLOCK_BYTES, NEVER_MS, &size, &ignored) &&
           size > 0) {
        struct span block = span_of(pair->blocks[from], size);
        if (delay_ms > 0 && io_sleep_until(deadline_after_ms(delay_ms)) != 0)
            break;
        if (!stream_send(pair->streams[1 - from], &block, 1, NEVER_MS, &ignored))
            break;
    }
    end(pair, from);
}

SUSPENDS static void carry_answers(void *pair)
{
    carry(pair, 1, 0);
}

SUSPENDS static void serve(void *stream)
{
    struct error error;
    struct pair *pair = calloc(1, sizeof *pair);
    ASSERT(pair != NULL);
    pair->streams[0] = stream;
    pair->streams[1] = dialer_connect(relay.dialer, "127.0.0.1", relay.port, deadline_after_ms(NEVER_MS), &error);
    if (pair->streams[1] == NULL) {
        (void)fprintf(stderr, "%s\n", error.message);
        exit(1);
    }
    pair->fibers[0] = fiber_current();
    if (!fiber_spawn("answers", carry_answers, pair, &error)) {
        (void)fprintf(stderr, "%s\n", error.message);
        exit(1);
    }
    fiber_yield(); /* from here on both are there */
    carry(pair, 0, relay.delay_ms);
}

int main(int argc, char **argv)
{
    struct error error;
    uint16_t port;
    int fd;
    if (argc != 3) {
        (void)fprintf(stderr, "usage: slow_relay PORT MILLISECONDS\n");
        return 2;
    }
    relay.port = (uint16_t)strtoul(argv[1], NULL, 10);
    relay.delay_ms = strtoul(argv[2], NULL, 10);
    relay.dialer = dialer_create(NULL);
    if (loop_create(&(struct loop_options){0}, &error) == NULL ||
        !listener_bind("127.0.0.1:0", 1, &fd, &port, &error) ||
        (relay.listener = listener_start(fd, CONNECTIONS_MAX, serve, &error)) == NULL) {
        (void)fprintf(stderr, "%s\n", error.message);
        return 1;
    }
    printf("port %u\n", port);
    (void)fflush(stdout);
    loop_run(loop_current()); /* until a signal ends the process */
    return 0;
}
