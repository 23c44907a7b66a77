/* bench/s3client_bench.c -- what one small GET costs the client: bare HTTP, and a signed call of S3.
 *
 * usage: s3client_bench URL [FIBERS] [SECONDS]; any server of HTTP that keeps connections will do, such as
 * http_trivial, best on another processor. Prints the CPU time of this process for each request. */
#include "runtime/base/assert.h"
#include "runtime/fiber/loop.h"
#include "s3client/http/http_client.h"
#include "s3client/s3client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

enum { BODY_BYTES = 1 << 20 };

static struct {
    const char *url;
    unsigned fibers;
    uint64_t seconds;
    uint16_t port;
    struct http_client *http;
    struct s3_client *s3;
    uint64_t requests;
    uint64_t bytes;
    deadline_t until;
    unsigned running;
} bench;

static void fail(const struct error *error)
{
    (void)fprintf(stderr, "%s\n", error->message);
    exit(1);
}

static void end_fiber(void)
{
    if (--bench.running == 0)
        loop_stop(loop_current(), 0);
}

SUSPENDS static void get_bare(void *buffer)
{
    static const char head[] = "GET /bench/key HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n";
    struct http_client_body no_body = {0};
    const struct http_client_reuse reuse = {.idle_ms_max = 4000, .unseen_ms_max = 500};
    struct http_client_limits limits = {.first_byte_ms = 10000, .deadline = DEADLINE_NONE};
    struct error error;
    while (loop_now_ns() < bench.until) {
        size_t size = 1;
        struct http_client_exchange *exchange =
            http_client_open(bench.http, "127.0.0.1", &reuse, deadline_after_ms(5000), &error);
        if (exchange == NULL)
            fail(&error);
        buffer_append(&exchange->request, SPAN(head));
        if (!http_client_perform(exchange, &no_body, &limits, &error))
            fail(&error);
        while (size > 0) {
            if (!http_client_read(exchange, buffer, BODY_BYTES, &size, &error))
                fail(&error);
            bench.bytes += size;
        }
        http_client_close(exchange);
        bench.requests++;
    }
    free(buffer);
    end_fiber();
}

SUSPENDS static void get_signed(void *buffer)
{
    struct s3_call call = {.kind = S3_GET_OBJECT,
                           .bucket = SPAN("bench"),
                           .key = SPAN("some/folder/object-000123.txt"),
                           .repeat = S3_REPEAT};
    struct s3_answer answer;
    struct error error;
    while (loop_now_ns() < bench.until) {
        size_t size = 1;
        if (!s3_client_call(bench.s3, &call, &answer, &error))
            fail(&error);
        while (size > 0) {
            if (!s3_answer_read(&answer, buffer, BODY_BYTES, &size, &error))
                fail(&error);
            bench.bytes += size;
        }
        s3_answer_close(&answer);
        bench.requests++;
    }
    free(buffer);
    end_fiber();
}

struct cpu {
    double user_us;
    double system_us;
};

static struct cpu cpu_now(void)
{
    struct rusage usage;
    (void)getrusage(RUSAGE_SELF, &usage);
    return (struct cpu){(double)usage.ru_utime.tv_sec * 1e6 + (double)usage.ru_utime.tv_usec,
                        (double)usage.ru_stime.tv_sec * 1e6 + (double)usage.ru_stime.tv_usec};
}

static void measure(const char *title, fiber_entry *entry, struct s3_endpoint *endpoint)
{
    struct error error;
    struct loop *loop = loop_create(&(struct loop_options){0}, &error);
    if (loop == NULL)
        fail(&error);
    struct dialer *dialer = dialer_create(NULL);
    bench.http = http_client_create(&(struct http_client_settings){.dialer = dialer,
                                                                   .port = bench.port,
                                                                   .kept_max = bench.fibers,
                                                                   .kept_ms = 10000,
                                                                   .connect_ms = 3000,
                                                                   .progress_ms = 10000});
    bench.s3 = s3_client_create(endpoint, &(struct s3_client_settings){.connections_kept_max = bench.fibers});
    bench.requests = bench.bytes = 0;
    bench.running = bench.fibers;
    for (unsigned i = 0; i < bench.fibers; i++) {
        if (!fiber_spawn("get", entry, malloc(BODY_BYTES), &error))
            fail(&error);
    }
    bench.until = clock_monotonic_ns(clock_system()) + bench.seconds * 1000000000;
    struct cpu before = cpu_now();
    loop_run(loop);
    struct cpu after = cpu_now();
    double requests = bench.requests == 0 ? 1 : (double)bench.requests;
    printf("%-7s %u fibers: %9lu requests, %8.0f a second, CPU of each %5.2f us user, %5.2f us system, %.1f MiB\n",
           title, bench.fibers, (unsigned long)bench.requests, (double)bench.requests / (double)bench.seconds,
           (after.user_us - before.user_us) / requests, (after.system_us - before.system_us) / requests,
           (double)bench.bytes / 1048576);
    s3_client_destroy(bench.s3);
    http_client_destroy(bench.http);
    dialer_destroy(dialer);
    loop_destroy(loop);
}

int main(int argc, char **argv)
{
    struct error error;
    if (argc < 2) {
        (void)fprintf(stderr, "usage: s3client_bench http://127.0.0.1:PORT [FIBERS] [SECONDS]\n");
        return 2;
    }
    bench.url = argv[1];
    bench.fibers = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : 32;
    bench.seconds = argc > 3 ? strtoul(argv[3], NULL, 10) : 3;
    bench.port = (uint16_t)strtoul(strrchr(bench.url, ':') + 1, NULL, 10);
    struct s3_credential_source *source = s3_credentials_create_static(
        SPAN("AKIDEXAMPLE"), SPAN("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"), SPAN_EMPTY, &error);
    struct s3_endpoint *endpoint =
        s3_endpoint_create(&(struct s3_endpoint_settings){.url = bench.url, .credentials = source}, &error);
    if (endpoint == NULL)
        fail(&error);
    measure("bare", get_bare, endpoint);
    measure("signed", get_signed, endpoint);
    s3_endpoint_destroy(endpoint);
    s3_credentials_destroy(source);
    return 0;
}
