/* bench/http_trivial.c -- the HTTP room alone: a server that answers every request with a small body, and what it
 * costs.
 *
 * Prints its port. On SIGTERM it prints the requests served, the CPU they took, and the memory of idle connections is
 * read from /proc by whoever measures (RssAnon). Compare with nginx `return 200`. */
#include "runtime/base/assert.h"
#include "runtime/fiber/loop.h"
#include "runtime/stream/listener.h"
#include "server/http/connection.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

enum { CONNECTIONS_MAX = 20000, BODY_BYTES_MAX = 1 << 20, DRAIN_BYTES = 1 << 20 };

static struct {
    struct http_server *server;
    struct listener *listener;
    uint8_t body[BODY_BYTES_MAX];
    size_t body_size;
} subject;

SUSPENDS static void handle(struct http_exchange *exchange, void *context)
{
    struct error error;
    (void)context;
    http_response_begin(exchange, 200);
    http_response_field_string(exchange, "x-amz-request-id", exchange->request_id);
    http_response_field_string(exchange, "Content-Type", "text/plain");
    (void)http_response_finish(exchange, span_of(subject.body, subject.body_size), &error);
}

static void connection_ended(void *context)
{
    (void)context;
    listener_connection_ended(subject.listener);
}

static void accept_one(void *stream)
{
    http_connection_serve(subject.server, stream, connection_ended, NULL);
}

static void *await_signal(void *loop)
{
    sigset_t ending;
    int signal;
    (void)sigemptyset(&ending);
    (void)sigaddset(&ending, SIGTERM);
    (void)sigaddset(&ending, SIGINT);
    (void)sigwait(&ending, &signal);
    loop_stop(loop, 0);
    return NULL;
}

static void report(void)
{
    struct rusage usage;
    (void)getrusage(RUSAGE_SELF, &usage);
    uint64_t requests = metric_read(&http_server_counters(subject.server)->requests);
    double us = (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e6 +
                (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
    printf("%lu requests, %.3f s user, %.3f s system, %.2f us each\n", (unsigned long)requests,
           (double)usage.ru_utime.tv_sec + (double)usage.ru_utime.tv_usec / 1e6,
           (double)usage.ru_stime.tv_sec + (double)usage.ru_stime.tv_usec / 1e6,
           requests == 0 ? 0 : us / (double)requests);
}

int main(int argc, char **argv)
{
    struct error error;
    uint16_t port;
    int fd;
    pthread_t waiter;
    sigset_t all;
    const struct http_settings settings = {
        .idle_ms = 120000,
        .head_ms = 10000,
        .progress_ms = 10000,
        .drain_bytes_max = DRAIN_BYTES,
        .arena_bytes_max = DRAIN_BYTES,
        .handler = handle,
    };
    subject.body_size = argc > 1 ? strtoul(argv[1], NULL, 10) : 128;
    ASSERT(subject.body_size <= BODY_BYTES_MAX);
    memset(subject.body, 'x', subject.body_size);
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, NULL);
    struct loop *loop = loop_create(&(struct loop_options){.fibers_max = CONNECTIONS_MAX}, &error);
    if (loop == NULL || !listener_bind("127.0.0.1:0", 1, &fd, &port, &error) ||
        (subject.server = http_server_create(&settings, &error)) == NULL ||
        (subject.listener = listener_start(fd, CONNECTIONS_MAX, accept_one, &error)) == NULL) {
        (void)fprintf(stderr, "%s\n", error.message);
        return 1;
    }
    ASSERT(pthread_create(&waiter, NULL, await_signal, loop) == 0);
    printf("port %u pid %d\n", port, getpid());
    (void)fflush(stdout);
    loop_run(loop);
    (void)pthread_join(waiter, NULL);
    report();
    http_server_destroy(subject.server);
    loop_destroy(loop);
    return 0;
}
