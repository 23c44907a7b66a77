/* tests/unit/runtime/stream_test.c -- streams and listeners over real sockets. */
#include "tests/unit/runtime/fixture.h"

#include "runtime/io.h"
#include "runtime/listener.h"
#include "runtime/stream.h"

#include <netinet/in.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static struct listener *listener;
static uint16_t port;

static void listen_with(unsigned connections_max, fiber_entry *entry)
{
    struct error error;
    int fd;
    ck_assert_msg(listener_bind("127.0.0.1:0", 1, &fd, &port, &error), "%s", error.message);
    ck_assert_uint_ne(port, 0);
    listener = listener_start(fd, connections_max, entry, &error);
    ck_assert_ptr_nonnull(listener);
}

/* A client's end, as a plain descriptor. */
static int dial(void)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    ck_assert_int_eq(io_connect(fd, (struct sockaddr *)&address, sizeof address, deadline_after_ms(2000)), 0);
    return fd;
}

static void echo(void *argument)
{
    struct stream *stream = argument;
    struct error error;
    char bytes[100];
    size_t size;
    while (stream_receive(stream, bytes, sizeof bytes, 2000, &size, &error) && size > 0) {
        struct span pieces[3] = {span_of(bytes, 1), SPAN_EMPTY, span_of(bytes + 1, size - 1)};
        ck_assert(stream_send(stream, pieces, 3, 2000, &error));
    }
    stream_close(stream);
    listener_connection_ended(listener);
}

static void echo_once(void *argument)
{
    (void)argument;
    listen_with(10, echo);
    int fd = dial();
    char answer[16];
    for (int i = 0; i < 100; i++) {
        ck_assert_int_eq(io_send(fd, "hello", 5, DEADLINE_NONE), 5);
        ck_assert_int_eq(io_receive(fd, answer, sizeof answer, deadline_after_ms(2000)), 5);
        ck_assert_mem_eq(answer, "hello", 5);
    }
    ck_assert_uint_eq(listener_connections(listener), 1);
    ck_assert_int_eq(io_close(fd), 0);
    io_sleep_until(deadline_after_ms(20));
    ck_assert_uint_eq(listener_connections(listener), 0);
    listener_close(listener);
}

START_TEST(echoes_over_a_socket)
{
    run_on_loop(echo_once, NULL);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("runtime-stream");
    TCase *streams = tcase_create("streams");
    tcase_add_test(streams, echoes_over_a_socket);
    suite_add_tcase(suite, streams);
    return run_suite(suite);
}
