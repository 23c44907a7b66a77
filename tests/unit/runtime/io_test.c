/* tests/unit/runtime/io_test.c -- the verbs on the ring: results, deadlines, cancellation, files. */
#include "tests/unit/runtime/fixture.h"

#include "runtime/io/io.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void make_pair(int *ret_pair)
{
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, ret_pair), 0);
}

static void close_pair(const int *pair)
{
    (void)close(pair[0]);
    (void)close(pair[1]);
}

/* ---- deadlines ---- */

static void receive_too_late(void *argument)
{
    (void)argument;
    int pair[2];
    char byte;
    make_pair(pair);
    uint64_t before = loop_now_ns(); /* which a deadline counts from */
    ck_assert_int_eq(io_receive(pair[0], &byte, 1, deadline_after_ms(20)), -ETIMEDOUT);
    ck_assert_uint_ge(loop_now_ns() - before, 20 * 1000000);
    ck_assert_int_eq(io_poll(pair[0], POLLIN, deadline_after_ms(5)), -ETIMEDOUT);
    ck_assert_int_eq(io_send(pair[1], "x", 1, deadline_after_ms(5)), 1); /* it still works */
    ck_assert_int_eq(io_poll(pair[0], POLLIN, deadline_after_ms(30000)), POLLIN);
    ck_assert_int_eq(io_receive(pair[0], &byte, 1, deadline_after_ms(30000)), 1);
    close_pair(pair);
}

START_TEST(a_deadline_ends_an_operation)
{
    run_on_loop(receive_too_late, NULL);
}
END_TEST

static void sleep_exactly(void *argument)
{
    (void)argument;
    for (int i = 1; i <= 5; i++) {
        uint64_t before = clock_monotonic_ns(clock_system());
        ck_assert_int_eq(io_sleep_until(before + (uint64_t)i * 3000000), 0);
        ck_assert_uint_ge(clock_monotonic_ns(clock_system()) - before, (uint64_t)i * 3000000);
    }
}

START_TEST(sleep_is_never_too_short)
{
    run_on_loop(sleep_exactly, NULL);
}
END_TEST

/* ---- cancellation ---- */

struct reader {
    int fd;
    struct fiber *fiber;
    int64_t result;
    bool ended;
};

static void receive(void *argument)
{
    struct reader *reader = argument;
    char byte;
    reader->fiber = fiber_current();
    reader->result = io_receive(reader->fd, &byte, 1, DEADLINE_NONE);
    reader->ended = true;
}

static void cancel_reader(void *argument)
{
    (void)argument;
    int pair[2];
    make_pair(pair);
    struct reader reader = {.fd = pair[0]};
    spawn("reader", receive, &reader);
    io_sleep_until(deadline_after_ms(5));
    fiber_cancel(reader.fiber);
    ck_assert(!reader.ended);
    io_sleep_until(deadline_after_ms(20));
    ck_assert(reader.ended);
    ck_assert_int_eq(reader.result, -ECANCELED);
    close_pair(pair);
}

START_TEST(cancellation_ends_an_operation)
{
    run_on_loop(cancel_reader, NULL);
}
END_TEST

/* The byte is there before the cancellation reaches the kernel: whatever wins, the byte is either read or left. */
static void race_cancellation(void *argument)
{
    (void)argument;
    int wins = 0;
    for (int i = 0; i < 200; i++) {
        int pair[2];
        char byte;
        make_pair(pair);
        struct reader reader = {.fd = pair[0]};
        spawn("reader", receive, &reader);
        fiber_yield();
        fiber_yield();
        ck_assert_int_eq(write(pair[1], "x", 1), 1);
        if (i % 2 == 0)
            fiber_yield();
        if (!reader.ended)
            fiber_cancel(reader.fiber);
        while (!reader.ended)
            fiber_yield();
        ssize_t left = recv(pair[0], &byte, 1, MSG_DONTWAIT);
        ck_assert_int_eq(left, reader.result == 1 ? -1 : 1);
        wins += reader.result == 1;
        close_pair(pair);
    }
    ck_assert_int_gt(wins, 0);
}

START_TEST(a_result_that_won_the_race_is_a_result)
{
    run_on_loop(race_cancellation, NULL);
}
END_TEST

static void shut_down_reader(void *argument)
{
    (void)argument;
    int pair[2];
    make_pair(pair);
    struct reader reader = {.fd = pair[0], .result = -1};
    spawn("reader", receive, &reader);
    io_sleep_until(deadline_after_ms(5));
    ck_assert_int_eq(io_shutdown(pair[0]), 0);
    io_sleep_until(deadline_after_ms(20));
    ck_assert(reader.ended);
    ck_assert_int_eq(reader.result, 0);
    close_pair(pair);
}

START_TEST(shutdown_ends_what_is_pending)
{
    run_on_loop(shut_down_reader, NULL);
}
END_TEST

/* ---- many at once ---- */

static int echoes;

static void ping(void *argument)
{
    (void)argument;
    int pair[2];
    char byte = 'p';
    make_pair(pair);
    for (int i = 0; i < 20; i++) {
        ck_assert_int_eq(io_send(pair[0], &byte, 1, deadline_after_ms(60000)), 1);
        ck_assert_int_eq(io_receive(pair[1], &byte, 1, deadline_after_ms(60000)), 1);
    }
    close_pair(pair);
    echoes++;
}

static void ping_many(void *argument)
{
    (void)argument;
    echoes = 0;
    for (int i = 0; i < 300; i++)
        spawn("ping", ping, NULL);
    while (echoes < 300)
        fiber_yield();
}

START_TEST(more_operations_than_the_ring_has_entries)
{
    run_with(&(struct loop_options){.ring_entries = 8}, ping_many, NULL);
}
END_TEST

/* ---- files ---- */

static void use_file(void *argument)
{
    (void)argument;
    char path[] = "/tmp/bale-io-test-XXXXXX";
    int fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    (void)unlink(path);
    char text[16] = "";
    ck_assert_int_eq(io_allocate(fd, 0, 65536, DEADLINE_NONE), 0);
    ck_assert_int_eq(io_write(fd, "one", 3, 0, DEADLINE_NONE), 3);
    ck_assert_int_eq(io_write_durable(fd, "two", 3, 3, DEADLINE_NONE), 3);
    ck_assert_int_eq(io_sync_data(fd, DEADLINE_NONE), 0);
    ck_assert_int_eq(io_read(fd, text, 6, 0, DEADLINE_NONE), 6);
    ck_assert_str_eq(text, "onetwo");
    ck_assert_int_eq(io_punch_hole(fd, 0, 4096, DEADLINE_NONE), 0);
    ck_assert_int_eq(io_read(fd, text, 6, 0, DEADLINE_NONE), 6);
    ck_assert_mem_eq(text, "\0\0\0\0\0\0", 6);
    ck_assert_int_eq(io_read(fd, text, 6, 1 << 20, DEADLINE_NONE), 0);
    ck_assert_int_eq(io_close(fd), 0);
    ck_assert_int_eq(io_close(fd), -EBADF);
}

START_TEST(files_are_written_synced_and_read)
{
    run_on_loop(use_file, NULL);
}
END_TEST

static void send_pieces(void *argument)
{
    (void)argument;
    int pair[2];
    char text[8] = "";
    make_pair(pair);
    struct iovec pieces[2] = {{"ab", 2}, {"cde", 3}};
    ck_assert_int_eq(io_send_pieces(pair[0], pieces, 2, DEADLINE_NONE), 5);
    ck_assert_int_eq(io_receive(pair[1], text, sizeof text, DEADLINE_NONE), 5);
    ck_assert_str_eq(text, "abcde");
    (void)close(pair[1]);
    ck_assert_int_eq(io_send(pair[0], "x", 1, DEADLINE_NONE), -EPIPE);
    (void)close(pair[0]);
}

START_TEST(pieces_arrive_in_order_and_a_closed_peer_is_an_error)
{
    run_on_loop(send_pieces, NULL);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("runtime-io");
    TCase *io = tcase_create("io");
    tcase_add_test(io, a_deadline_ends_an_operation);
    tcase_add_test(io, sleep_is_never_too_short);
    tcase_add_test(io, cancellation_ends_an_operation);
    tcase_add_test(io, a_result_that_won_the_race_is_a_result);
    tcase_add_test(io, shutdown_ends_what_is_pending);
    tcase_add_test(io, more_operations_than_the_ring_has_entries);
    tcase_add_test(io, files_are_written_synced_and_read);
    tcase_add_test(io, pieces_arrive_in_order_and_a_closed_peer_is_an_error);
    suite_add_tcase(suite, io);
    return run_suite(suite);
}
