/* tests/unit/runtime/listener_test.c -- ports, sharing them, accepting, bounds. */
#include "tests/unit/runtime/fixture.h"

#include "runtime/io/io.h"
#include "runtime/stream/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static struct error error;
static struct listener *listener;
static uint16_t port;

static void listen_with(unsigned connections_max, fiber_entry *entry)
{
    int fd;
    ck_assert_msg(listener_bind("127.0.0.1:0", 1, &fd, &port, &error), "%s", error.message);
    ck_assert_uint_ne(port, 0);
    listener = listener_start(fd, connections_max, entry, &error);
    ck_assert_ptr_nonnull(listener);
}

static int dial(uint16_t to)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(to), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

static void echo(void *argument)
{
    struct stream *stream = argument;
    char bytes[100];
    size_t size;
    while (stream_receive(stream, bytes, sizeof bytes, 60000, &size, &error) && size > 0) {
        struct span piece = span_of(bytes, size);
        ck_assert(stream_send(stream, &piece, 1, 60000, &error));
    }
    stream_close(stream);
    listener_connection_ended(listener);
}

static bool echoes(int fd, uint64_t wait_ms)
{
    char answer[16];
    ck_assert_int_eq(io_send(fd, "hello", 5, DEADLINE_NONE), 5);
    int64_t received = io_receive(fd, answer, sizeof answer, deadline_after_ms(wait_ms));
    return received == 5 && memcmp(answer, "hello", 5) == 0;
}

/* ---- accepting ---- */

static void wait_for_connections(unsigned count)
{
    while (listener_connections(listener) != count)
        io_sleep_until(deadline_after_ms(5));
}

static void echo_often(void *argument)
{
    (void)argument;
    listen_with(10, echo);
    int fd = dial(port);
    for (int i = 0; i < 100; i++)
        ck_assert(echoes(fd, 60000));
    ck_assert_uint_eq(listener_connections(listener), 1);
    (void)close(fd);
    wait_for_connections(0);
    listener_close(listener);
}

START_TEST(echoes_over_a_socket)
{
    run_on_loop(echo_often, NULL);
}
END_TEST

static void overfill(void *argument)
{
    (void)argument;
    int fds[12];
    listen_with(3, echo);
    for (int i = 0; i < 12; i++)
        fds[i] = dial(port); /* the backlog takes all */
    wait_for_connections(3);
    io_sleep_until(deadline_after_ms(20));
    ck_assert_uint_eq(listener_connections(listener), 3);
    int answered = 0;
    for (int i = 0; i < 12; i++) { /* each that ends makes room for the next */
        ck_assert(echoes(fds[i], 60000));
        ck_assert_uint_le(listener_connections(listener), 3);
        (void)close(fds[i]);
        answered++;
    }
    ck_assert_int_eq(answered, 12);
    wait_for_connections(0);
    listener_close(listener);
}

START_TEST(beyond_the_bound_connections_wait_for_one_to_end)
{
    run_on_loop(overfill, NULL);
}
END_TEST

static void close_before_connections(void *argument)
{
    (void)argument;
    listen_with(10, echo);
    int fd = dial(port);
    ck_assert(echoes(fd, 60000));
    listener_close(listener);
    ck_assert_uint_eq(listener_connections(listener), 1);
    ck_assert(echoes(fd, 60000)); /* those that exist go on */
    int late = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    ck_assert_int_eq(connect(late, (struct sockaddr *)&address, sizeof address), -1);
    ck_assert_int_eq(errno, ECONNREFUSED);
    (void)close(late);
    (void)close(fd);
}

START_TEST(closing_stops_accepting_only)
{
    run_on_loop(close_before_connections, NULL);
}
END_TEST

static void run_out_of_descriptors(void *argument)
{
    (void)argument;
    struct rlimit limit;
    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
    struct rlimit low = {.rlim_cur = 40, .rlim_max = limit.rlim_max};
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &low), 0);
    listen_with(100, echo);
    int served = dial(port);
    ck_assert(echoes(served, 60000));
    int fillers[40], count = 0;
    while ((fillers[count] = dup(0)) >= 0)
        count++;
    ck_assert_int_eq(errno, EMFILE);
    ck_assert_int_gt(count, 1);
    (void)close(fillers[--count]);
    int client = dial(port); /* takes the last descriptor: none is left to accept it */
    uint64_t turns = atomic_load(&loop_counters(loop_current())->turns);
    ck_assert(!echoes(client, 250));
    ck_assert_uint_lt(atomic_load(&loop_counters(loop_current())->turns) - turns, 20); /* it does not spin */
    ck_assert(echoes(served, 60000));                                                  /* those that exist are served */
    (void)close(fillers[--count]);
    char answer[16];
    ck_assert_int_eq(io_receive(client, answer, sizeof answer, deadline_after_ms(30000)), 5);
    while (count > 0)
        (void)close(fillers[--count]);
    (void)close(served);
    (void)close(client);
    listener_close(listener);
}

START_TEST(without_descriptors_it_pauses_and_comes_back)
{
    run_on_loop(run_out_of_descriptors, NULL);
}
END_TEST

/* ---- ports ---- */

static void expect_taken(const char *address)
{
    int fd;
    uint16_t got;
    ck_assert(!listener_bind(address, 1, &fd, &got, &error));
    ck_assert_int_eq(error.kind, ERROR_CONFLICT);
    char expected[128];
    (void)snprintf(expected, sizeof expected, "cannot listen on %s: another process listens there already", address);
    ck_assert_str_eq(error.message, expected);
}

/* As after kill -9: the sockets of the process before are still there for a moment. */
START_TEST(a_port_that_becomes_free_is_waited_for)
{
    int fds[2];
    char address[64];
    ck_assert(listener_bind("127.0.0.1:0", 1, fds, &port, &error));
    (void)snprintf(address, sizeof address, "127.0.0.1:%u", port);
    pid_t child = fork();
    if (child == 0) {
        (void)usleep(200 * 1000);
        _exit(0);
    }
    (void)close(fds[0]); /* the child has it for 200 ms more */
    ck_assert(listener_bind(address, 2, fds, &port, &error));
    ck_assert_int_eq(waitpid(child, NULL, 0), child);
    (void)close(fds[0]);
    (void)close(fds[1]);
}
END_TEST

START_TEST(a_port_that_is_taken_is_named)
{
    int fds[2];
    char address[64];
    ck_assert(listener_bind("127.0.0.1:0", 2, fds, &port, &error));
    (void)snprintf(address, sizeof address, "127.0.0.1:%u", port);
    expect_taken(address);
    pid_t child = fork();
    if (child == 0) { /* another process of the same user, too */
        int fd;
        uint16_t got;
        _exit(listener_bind(address, 2, &fd, &got, &error) ? 1 : 42);
    }
    int status;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(WEXITSTATUS(status), 42);
    (void)close(fds[0]);
    (void)close(fds[1]);
    ck_assert(listener_bind(address, 1, fds, &port, &error)); /* and free again */
    (void)close(fds[0]);
}
END_TEST

static unsigned accept_all(int fd)
{
    unsigned count = 0;
    int accepted;
    (void)fcntl(fd, F_SETFL, O_NONBLOCK);
    while ((accepted = accept(fd, NULL, NULL)) >= 0) {
        (void)close(accepted);
        count++;
    }
    return count;
}

START_TEST(all_sockets_share_the_port_and_its_connections)
{
    int fds[4], clients[200];
    ck_assert(listener_bind("127.0.0.1:0", 4, fds, &port, &error));
    for (int i = 0; i < 200; i++)
        clients[i] = dial(port);
    unsigned total = 0;
    for (int i = 0; i < 4; i++) {
        unsigned count = accept_all(fds[i]);
        ck_assert_uint_gt(count, 10);
        total += count;
        (void)close(fds[i]);
    }
    ck_assert_uint_eq(total, 200);
    for (int i = 0; i < 200; i++)
        (void)close(clients[i]);
}
END_TEST

START_TEST(connections_inherit_their_options)
{
    int fd, value = 0;
    socklen_t size = sizeof value;
    ck_assert(listener_bind("127.0.0.1:0", 1, &fd, &port, &error));
    int client = dial(port), accepted = accept(fd, NULL, NULL);
    ck_assert_int_eq(getsockopt(accepted, IPPROTO_TCP, TCP_NODELAY, &value, &size), 0);
    ck_assert_int_eq(value, 1);
    ck_assert_int_eq(getsockopt(accepted, SOL_SOCKET, SO_KEEPALIVE, &value, &size), 0);
    ck_assert_int_eq(value, 1);
    ck_assert_int_eq(getsockopt(accepted, IPPROTO_TCP, TCP_USER_TIMEOUT, &value, &size), 0);
    ck_assert_int_eq(value, 120000);
    (void)close(client);
    (void)close(accepted);
    (void)close(fd);
}
END_TEST

static const char *const wrong_addresses[] = {"",
                                              "localhost",
                                              "127.0.0.1:",
                                              "127.0.0.1:x",
                                              "::1:80",
                                              "[::1]:-1",
                                              "127.0.0.1:80x",
                                              "127.0.0.1:65536",
                                              "no such host.invalid:80"};

START_TEST(wrong_addresses_are_quoted)
{
    int fd;
    const char *address = wrong_addresses[_i];
    char quoted[64];
    (void)snprintf(quoted, sizeof quoted, "\"%s\"", address);
    ck_assert(!listener_bind(address, 1, &fd, &port, &error));
    ck_assert_int_eq(error.kind, ERROR_INVALID);
    ck_assert_ptr_nonnull(strstr(error.message, quoted));
}
END_TEST

START_TEST(an_empty_host_is_every_address)
{
    int fd;
    ck_assert(listener_bind(":0", 1, &fd, &port, &error));
    (void)close(dial(port));
    (void)close(fd);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("runtime-listener");
    TCase *cases = tcase_create("listeners");
    tcase_set_timeout(cases, 30);
    tcase_add_test(cases, echoes_over_a_socket);
    tcase_add_test(cases, beyond_the_bound_connections_wait_for_one_to_end);
    tcase_add_test(cases, closing_stops_accepting_only);
    tcase_add_test(cases, without_descriptors_it_pauses_and_comes_back);
    tcase_add_test(cases, a_port_that_becomes_free_is_waited_for);
    tcase_add_test(cases, a_port_that_is_taken_is_named);
    tcase_add_test(cases, all_sockets_share_the_port_and_its_connections);
    tcase_add_test(cases, connections_inherit_their_options);
    tcase_add_loop_test(cases, wrong_addresses_are_quoted, 0, (int)(sizeof wrong_addresses / sizeof *wrong_addresses));
    tcase_add_test(cases, an_empty_host_is_every_address);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
