/* tests/unit/runtime/stream_test.c -- streams over real sockets: bytes, idle time, parking, closing. */
#include "tests/unit/runtime/fixture.h"

#include "runtime/io/io.h"
#include "runtime/stream/stream.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A stream and, as a plain descriptor, its peer; connected by TCP. */
struct connection {
    struct stream *stream;
    int peer;
};

static struct connection connect_both(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int door = socket(AF_INET, SOCK_STREAM, 0);
    ck_assert_int_eq(bind(door, (struct sockaddr *)&address, size), 0);
    ck_assert_int_eq(listen(door, 1), 0);
    ck_assert_int_eq(getsockname(door, (struct sockaddr *)&address, &size), 0);
    int peer = socket(AF_INET, SOCK_STREAM, 0);
    ck_assert_int_eq(connect(peer, (struct sockaddr *)&address, size), 0);
    int fd = accept(door, NULL, NULL);
    ck_assert_int_ge(fd, 0);
    (void)close(door);
    return (struct connection){stream_from_socket(fd), peer};
}

static struct error error;

/* ---- bytes ---- */

static void receive_and_send(void *argument)
{
    (void)argument;
    struct connection connection = connect_both();
    char text[16] = "", expected[STREAM_ADDRESS_BYTES];
    size_t size = 99;
    struct sockaddr_in address;
    socklen_t address_size = sizeof address;
    ck_assert_int_eq(getsockname(connection.peer, (struct sockaddr *)&address, &address_size), 0);
    (void)snprintf(expected, sizeof expected, "127.0.0.1:%u", ntohs(address.sin_port));
    ck_assert_str_eq(stream_peer(connection.stream), expected);
    ck_assert(!stream_is_secure(connection.stream));

    ck_assert(!stream_receive(connection.stream, text, sizeof text, 20, &size, &error));
    ck_assert_int_eq(error.kind, ERROR_TIMED_OUT);
    ck_assert_int_eq(send(connection.peer, "question", 8, 0), 8);
    ck_assert(stream_receive(connection.stream, text, 5, 1000, &size, &error));
    ck_assert_uint_eq(size, 5);
    ck_assert(stream_receive(connection.stream, text + 5, 5, 1000, &size, &error));
    ck_assert_uint_eq(size, 3);
    ck_assert_str_eq(text, "question");

    struct span pieces[4] = {SPAN_EMPTY, SPAN("an"), SPAN_EMPTY, SPAN("swer")};
    ck_assert(stream_send(connection.stream, pieces, 4, 1000, &error));
    ck_assert_int_eq(recv(connection.peer, text, sizeof text, 0), 6);
    ck_assert_mem_eq(text, "answer", 6);

    ck_assert_int_eq(shutdown(connection.peer, SHUT_WR), 0);
    ck_assert(stream_receive(connection.stream, text, 5, 1000, &size, &error));
    ck_assert_uint_eq(size, 0);
    (void)close(connection.peer);
    stream_close(connection.stream);
}

START_TEST(bytes_go_both_ways)
{
    run_on_loop(receive_and_send, NULL);
}
END_TEST

enum { LARGE = 8 << 20 };

static uint8_t *large;
static uint64_t drained;
static bool drain_ended;

/* Reads slowly: all in all longer than the idle time, but never still for that long. */
static void drain_slowly(void *argument)
{
    int fd = (int)(intptr_t)argument;
    static uint8_t bytes[256 * 1024];
    int64_t received;
    while ((received = io_receive(fd, bytes, sizeof bytes, deadline_after_ms(60000))) > 0) {
        ck_assert_mem_eq(bytes, large + drained, (size_t)received);
        drained += (uint64_t)received;
        io_sleep_until(deadline_after_ms(10));
    }
    ck_assert_int_eq(received, 0);
    drain_ended = true;
}

static void send_to_a_slow_peer(void *argument)
{
    (void)argument;
    struct connection connection = connect_both();
    large = malloc(LARGE);
    for (size_t i = 0; i < LARGE; i++)
        large[i] = (uint8_t)(i * 7 >> 3);
    spawn("drain", drain_slowly, (void *)(intptr_t)connection.peer);
    uint64_t began = loop_now_ns();
    struct span pieces[2] = {span_of(large, 1000001), span_of(large + 1000001, LARGE - 1000001)};
    ck_assert_msg(stream_send(connection.stream, pieces, 2, 100, &error), "%s", error.message);
    ck_assert_uint_gt(loop_now_ns() - began, 100 * 1000000);
    stream_close(connection.stream);
    while (!drain_ended)
        io_sleep_until(deadline_after_ms(5));
    ck_assert_uint_eq(drained, LARGE);
    (void)close(connection.peer);
    free(large);
}

START_TEST(slow_progress_is_not_idleness)
{
    run_on_loop(send_to_a_slow_peer, NULL);
}
END_TEST

static void send_to_a_still_peer(void *argument)
{
    (void)argument;
    struct connection connection = connect_both();
    uint8_t *bytes = calloc(1, LARGE);
    struct span piece = span_of(bytes, LARGE);
    ck_assert(!stream_send(connection.stream, &piece, 1, 50, &error));
    ck_assert_int_eq(error.kind, ERROR_TIMED_OUT);
    stream_abort(connection.stream);
    int64_t received = 1;
    while (received > 0)
        received = io_receive(connection.peer, bytes, LARGE, deadline_after_ms(30000));
    ck_assert_int_eq(received, -ECONNRESET);
    (void)close(connection.peer);
    free(bytes);
}

START_TEST(a_peer_that_does_not_read_times_out_and_sees_a_reset)
{
    run_on_loop(send_to_a_still_peer, NULL);
}
END_TEST

/* ---- closing ---- */

static void close_stream(void *stream)
{
    stream_close(stream);
}

/* The peer is still sending when we answer and close: without lingering, our reset would overtake the answer. */
static void close_with_unread_bytes(void *argument)
{
    (void)argument;
    struct connection connection = connect_both();
    uint8_t *bytes = calloc(1, LARGE);
    char answer[16];
    struct span piece = SPAN("too large");
    (void)send(connection.peer, bytes, LARGE, MSG_DONTWAIT);
    ck_assert(stream_send(connection.stream, &piece, 1, 1000, &error));
    spawn("close", close_stream, connection.stream);
    fiber_yield();
    for (int i = 0; i < 10; i++) {
        io_sleep_until(deadline_after_ms(2));
        ck_assert_int_gt(io_send(connection.peer, bytes, 65536, deadline_after_ms(30000)), 0);
    }
    ck_assert_int_eq(io_receive(connection.peer, answer, sizeof answer, deadline_after_ms(30000)), 9);
    ck_assert_mem_eq(answer, "too large", 9);
    ck_assert_int_eq(io_receive(connection.peer, answer, sizeof answer, deadline_after_ms(30000)), 0);
    (void)close(connection.peer);
    free(bytes);
}

START_TEST(what_was_sent_arrives_although_bytes_were_left_unread)
{
    run_on_loop(close_with_unread_bytes, NULL);
}
END_TEST

/* ---- parking ---- */

static int resumed, expired;

static void resume(void *argument)
{
    struct stream *stream = argument;
    char byte;
    size_t size;
    ck_assert(stream_receive(stream, &byte, 1, 0, &size, &error));
    ck_assert_uint_eq(size, 1);
    resumed++;
    stream_close(stream);
}

static void expire(void *argument)
{
    expired++;
    stream_close(argument);
}

static struct connection park(uint64_t idle_ms)
{
    struct connection connection = connect_both();
    resumed = 0;
    expired = 0;
    stream_park(connection.stream, idle_ms, resume, expire, connection.stream);
    return connection;
}

static void park_thrice(void *argument)
{
    (void)argument;
    struct connection connection = park(1000); /* bytes come */
    io_sleep_until(deadline_after_ms(10));
    ck_assert_int_eq(resumed + expired, 0);
    ck_assert_int_eq(send(connection.peer, "x", 1, 0), 1);
    (void)close(connection.peer); /* bytes count more than the end that follows them */
    io_sleep_until(deadline_after_ms(10));
    ck_assert_int_eq(resumed, 1);
    ck_assert_int_eq(expired, 0);

    uint64_t before = loop_now_ns();
    connection = park(40); /* time passes */
    while (expired == 0)
        io_sleep_until(deadline_after_ms(5));
    ck_assert_uint_ge(loop_now_ns() - before, 39 * 1000000ULL);
    ck_assert_int_eq(resumed, 0);
    ck_assert_int_eq(expired, 1);
    (void)close(connection.peer);

    connection = park(1000); /* the peer closes */
    (void)close(connection.peer);
    io_sleep_until(deadline_after_ms(10));
    ck_assert_int_eq(resumed, 0);
    ck_assert_int_eq(expired, 1);
}

START_TEST(a_parked_stream_wakes_for_bytes_time_or_end)
{
    run_on_loop(park_thrice, NULL);
}
END_TEST

static void park_and_leave(void *argument)
{
    *(struct connection *)argument = park(60000);
}

START_TEST(stopping_expires_parked_streams)
{
    struct connection connection;
    uint64_t before = clock_monotonic_ns(clock_system());
    run_on_loop(park_and_leave, &connection);
    ck_assert_int_eq(expired, 1);
    ck_assert_uint_lt(clock_monotonic_ns(clock_system()) - before, 20000ULL * 1000000);
    (void)close(connection.peer);
}
END_TEST

enum { PARKED = 4000 };

static long resident_kib(void)
{
    char line[128];
    long kib = -1;
    FILE *file = fopen("/proc/self/status", "re");
    while (fgets(line, sizeof line, file) != NULL && sscanf(line, "RssAnon: %ld", &kib) != 1)
        continue;
    (void)fclose(file);
    return kib;
}

static struct stream *streams[PARKED];
static int peers[PARKED];

static void park_one(void *argument)
{
    struct stream *stream = argument;
    stream_park(stream, 60000, resume, expire, stream);
}

static void park_many(void *argument)
{
    (void)argument;
    resumed = 0;
    expired = 0;
    long before = resident_kib();
    for (int i = 0; i < PARKED; i++) {
        int pair[2];
        ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
        streams[i] = stream_from_socket(pair[0]);
        peers[i] = pair[1];
        spawn("park", park_one, streams[i]);
    }
    fiber_yield();
    long each_bytes = (resident_kib() - before) * 1024 / PARKED;
    ck_assert_msg(each_bytes < 1024, "%ld bytes each", each_bytes);
    for (int i = 0; i < PARKED; i += 2)
        ck_assert_int_eq(send(peers[i], "x", 1, 0), 1);
    for (int i = 0; i < PARKED; i++)
        (void)close(peers[i]);
    while (resumed + expired < PARKED)
        fiber_yield();
    ck_assert_int_eq(resumed, PARKED / 2);
}

START_TEST(parked_streams_hold_almost_nothing)
{
    run_with(&(struct loop_options){.fibers_max = PARKED + 1}, park_many, NULL);
}
END_TEST

static void park_more_than_fibers(void *argument)
{
    (void)argument;
    struct connection connections[8];
    for (int i = 0; i < 8; i++)
        connections[i] = park(1000);
    for (int i = 0; i < 8; i++) {
        ck_assert_int_eq(send(connections[i].peer, "x", 1, 0), 1);
        (void)shutdown(connections[i].peer, SHUT_WR);
    }
    for (int i = 0; i < 200 && resumed < 8; i++)
        io_sleep_until(deadline_after_ms(5));
    ck_assert_int_eq(resumed, 8);
    for (int i = 0; i < 8; i++)
        (void)close(connections[i].peer);
}

START_TEST(parked_streams_wait_for_a_free_fiber)
{
    run_with(&(struct loop_options){.ring_entries = 8, .fibers_max = 3}, park_more_than_fibers, NULL);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("runtime-stream");
    TCase *cases = tcase_create("streams");
    tcase_set_timeout(cases, 30);
    tcase_add_test(cases, bytes_go_both_ways);
    tcase_add_test(cases, slow_progress_is_not_idleness);
    tcase_add_test(cases, a_peer_that_does_not_read_times_out_and_sees_a_reset);
    tcase_add_test(cases, what_was_sent_arrives_although_bytes_were_left_unread);
    tcase_add_test(cases, a_parked_stream_wakes_for_bytes_time_or_end);
    tcase_add_test(cases, stopping_expires_parked_streams);
    if (!is_instrumented())
        tcase_add_test(cases, parked_streams_hold_almost_nothing);
    tcase_add_test(cases, parked_streams_wait_for_a_free_fiber);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
