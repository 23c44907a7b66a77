/* tests/unit/http/connection_fixture.c -- the server that the tests of connections talk to, and their client. */
#include "tests/unit/http/connection_fixture.h"

#include "runtime/base/assert.h"
#include "runtime/io/io.h"

#include <check.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>

struct subject subject;

/* ---- the server ---- */

SUSPENDS static void refuse(struct http_exchange *exchange, const struct error *error, void *context)
{
    (void)context;
    struct error ignored;
    http_response_begin(exchange, 400);
    http_response_field_string(exchange, "x-code", error->code);
    (void)http_response_finish(exchange, SPAN("<Error/>"), &ignored);
}

static bool is_path(const struct http_exchange *exchange, const char *path)
{
    return span_equal(exchange->head->path, span_from_string(path));
}

SUSPENDS static void answer_text(struct http_exchange *exchange, int status, struct span text)
{
    struct error error;
    http_response_begin(exchange, status);
    http_response_field(exchange, "x-amz-request-id", span_from_string(exchange->request_id));
    (void)http_response_finish(exchange, text, &error);
}

/* The body comes back as the answer, behind its size. */
SUSPENDS static void echo(struct http_exchange *exchange)
{
    static uint8_t body[1 << 20];
    struct error error;
    size_t size = 0;
    size_t piece;
    do {
        if (!http_body_read(exchange, body + size, 1000 < sizeof body - size ? 1000 : sizeof body - size, &piece,
                            &error)) {
            answer_text(exchange, 400, span_from_string(error.code == NULL ? "none" : error.code));
            return;
        }
        size += piece;
    } while (piece > 0);
    answer_text(exchange, 200, span_of(body, size));
}

SUSPENDS static void send_stream(struct http_exchange *exchange, bool is_chunked, unsigned pieces, unsigned promised)
{
    struct error error;
    http_response_begin(exchange, 500); /* begun anew before anything was sent */
    http_response_begin(exchange, 200);
    http_response_field_string(exchange, "x-split", "a\r\nSet-Cookie: b");
    if (is_chunked ? !http_response_start_chunked(exchange, &error)
                   : !http_response_start_body(exchange, (uint64_t)promised * 4, &error))
        return;
    for (unsigned i = 0; i < pieces; i++) {
        if (!http_response_send(exchange, SPAN("abcd"), &error))
            return;
        (void)http_response_send(exchange, SPAN_EMPTY, &error);
    }
    if (is_chunked)
        (void)http_response_end_chunked(exchange, &error);
}

SUSPENDS static void send_much(struct http_exchange *exchange)
{
    static uint8_t piece[256 << 10];
    struct error error;
    http_response_begin(exchange, 200);
    bool ok = http_response_start_body(exchange, sizeof piece * 256, &error); /* more than sockets hold */
    for (int i = 0; ok && i < 256; i++)
        ok = http_response_send(exchange, span_of(piece, sizeof piece), &error);
    ASSERT(!ok && error.kind == ERROR_TIMED_OUT && exchange->must_close);
}

SUSPENDS static void handle(struct http_exchange *exchange, void *context)
{
    (void)context;
    if (is_path(exchange, "/echo"))
        echo(exchange);
    else if (is_path(exchange, "/early"))
        answer_text(exchange, 403, SPAN("no"));
    else if (is_path(exchange, "/stream"))
        send_stream(exchange, false, 3, 3);
    else if (is_path(exchange, "/none"))
        send_stream(exchange, false, 0, 0);
    else if (is_path(exchange, "/chunked"))
        send_stream(exchange, true, 3, 0);
    else if (is_path(exchange, "/short"))
        send_stream(exchange, false, 2, 3);
    else if (is_path(exchange, "/endless"))
        send_much(exchange);
    else if (is_path(exchange, "/204"))
        answer_text(exchange, 204, SPAN_EMPTY);
    else if (is_path(exchange, "/304"))
        answer_text(exchange, 304, SPAN("ignored"));
    else if (is_path(exchange, "/host"))
        answer_text(exchange, 200, exchange->head->host);
    else if (is_path(exchange, "/slow")) {
        (void)io_sleep_until(deadline_after_ms(2000));
        answer_text(exchange, 200, SPAN("slow"));
    } else if (!is_path(exchange, "/silent"))
        answer_text(exchange, 404, SPAN("what"));
}

static void connection_ended(void *context)
{
    (void)context;
    metric_add(&subject.ended, 1);
    listener_connection_ended(subject.listener);
}

static void accept_one(void *stream)
{
    http_connection_serve(subject.server, stream, connection_ended, NULL);
}

static const struct http_settings settings = {
    .idle_ms = IDLE_MS,
    .head_ms = HEAD_MS,
    .progress_ms = PROGRESS_MS,
    .drain_bytes_max = DRAIN_MAX,
    .arena_bytes_max = 1 << 20,
    .handler = handle,
    .refuse = refuse,
};

static void *run_server(void *unused)
{
    (void)unused;
    struct error error;
    int fd;
    struct loop *loop = loop_create(&(struct loop_options){0}, &error);
    ASSERT(loop != NULL);
    ASSERT(listener_bind("127.0.0.1:0", 1, &fd, &subject.port, &error));
    subject.server = http_server_create(&settings, &error);
    subject.listener = listener_start(fd, 2000, accept_one, &error);
    ASSERT(subject.server != NULL && subject.listener != NULL);
    pthread_mutex_lock(&subject.lock);
    subject.loop = loop;
    subject.is_ready = true;
    pthread_cond_signal(&subject.ready);
    pthread_mutex_unlock(&subject.lock);
    loop_run(loop);
    ASSERT(http_server_connections(subject.server) == 0);
    http_server_destroy(subject.server);
    pthread_mutex_lock(&subject.lock);
    while (!subject.is_stopped)
        pthread_cond_wait(&subject.ready, &subject.lock);
    pthread_mutex_unlock(&subject.lock);
    loop_destroy(loop);
    return NULL;
}

void start_server(void)
{
    pthread_mutex_init(&subject.lock, NULL);
    pthread_cond_init(&subject.ready, NULL);
    ck_assert(pthread_create(&subject.thread, NULL, run_server, NULL) == 0);
    pthread_mutex_lock(&subject.lock);
    while (!subject.is_ready)
        pthread_cond_wait(&subject.ready, &subject.lock);
    pthread_mutex_unlock(&subject.lock);
}

SUSPENDS static void stop_accepting(void *unused)
{
    (void)unused;
    http_server_stop(subject.server);
    listener_close(subject.listener);
}

static void deliver_stop(struct loop_message *message)
{
    struct error error;
    (void)message;
    ASSERT(fiber_spawn("stop", stop_accepting, NULL, &error));
}

void post_stop(void)
{
    static struct loop_message message = {.deliver = deliver_stop};
    loop_post(subject.loop, &message);
}

void stop_loop(void)
{
    loop_stop(subject.loop, clock_monotonic_ns(clock_system()) + 3000000000);
    pthread_mutex_lock(&subject.lock);
    subject.is_stopped = true;
    pthread_cond_signal(&subject.ready);
    pthread_mutex_unlock(&subject.lock);
    (void)pthread_join(subject.thread, NULL);
}

void stop_server(void)
{
    post_stop();
    stop_loop();
}

/* ---- the client ---- */

char answer[ANSWER_MAX];
size_t answer_size;

int dial(void)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(subject.port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int on = 1;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    ck_assert(connect(fd, (struct sockaddr *)&address, sizeof address) == 0);
    return fd;
}

void say(int fd, const char *text)
{
    ck_assert(send(fd, text, strlen(text), MSG_NOSIGNAL) == (ssize_t)strlen(text));
}

/* What comes until the end, a reset, or `ms` of silence; returns what ended it: 0, -ECONNRESET, -ETIMEDOUT. */
int hear(int fd, int ms)
{
    answer_size = 0;
    for (;;) {
        struct pollfd descriptor = {.fd = fd, .events = POLLIN};
        int how = -ETIMEDOUT;
        if (poll(&descriptor, 1, ms) > 0) {
            ssize_t size = recv(fd, answer + answer_size, sizeof answer - answer_size - 1, 0);
            if (size > 0) {
                answer_size += (size_t)size;
                continue;
            }
            how = size == 0 ? 0 : -errno;
        }
        answer[answer_size] = 0;
        return how;
    }
}

int hear_answer(int fd)
{
    struct pollfd descriptor = {.fd = fd, .events = POLLIN};
    (void)poll(&descriptor, 1, 20000);
    return hear(fd, 300); /* what is pipelined comes without such a pause */
}

unsigned count(const char *text)
{
    unsigned found = 0;
    for (const char *at = answer; (at = strstr(at, text)) != NULL; at++)
        found++;
    return found;
}
