/* tests/unit/runtime/sim_test.c -- the simulator, and the runtime under it: short results, races, loss of power. */
#include "tests/unit/runtime/fixture.h"

#include "runtime/io/io.h"
#include "runtime/io/io_sim.h"
#include "runtime/stream/listener.h"
#include "runtime/stream/stream.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct io_sim *sim;
static struct error error;

static struct io_sim *make_sim(uint64_t seed)
{
    struct io_sim_options options = {.seed = seed, .delay_us_max = 500, .short_permille = 400, .not_now_permille = 300};
    return io_sim_create(&options);
}

static void run_simulated(fiber_entry *body, void *argument)
{
    run_with(&(struct loop_options){.driver = io_sim_driver(sim)}, body, argument);
}

/* ---- time ---- */

static void sleep_for_a_day(void *argument)
{
    (void)argument;
    uint64_t before = loop_now_ns();
    int64_t wall_before = loop_wall_ms();
    ck_assert_int_eq(io_sleep_until(deadline_after_ms(86400000)), 0);
    ck_assert_uint_ge(loop_now_ns() - before, 86400000ULL * 1000000);
    ck_assert_int_ge(loop_wall_ms() - wall_before, 86400000);
}

START_TEST(time_is_virtual)
{
    sim = make_sim(1);
    uint64_t before = clock_monotonic_ns(clock_system());
    run_simulated(sleep_for_a_day, NULL);
    ck_assert_uint_lt(clock_monotonic_ns(clock_system()) - before, 60000ULL * 1000000);
    io_sim_destroy(sim);
}
END_TEST

/* ---- streams ---- */

enum { TRANSFER = 300000 };

struct transfer {
    struct stream *ends[2];
    uint8_t *sent;
    uint8_t *received;
    size_t received_size;
    unsigned operations;
    bool ended;
};

static void send_all(void *argument)
{
    struct transfer *transfer = argument;
    for (size_t at = 0; at < TRANSFER; at += 30000) {
        struct span pieces[3] = {span_of(transfer->sent + at, 1), span_of(transfer->sent + at + 1, 9999),
                                 span_of(transfer->sent + at + 10000, 20000)};
        ck_assert_msg(stream_send(transfer->ends[0], pieces, 3, 1000, &error), "%s", error.message);
    }
    stream_close(transfer->ends[0]);
}

static void receive_all(void *argument)
{
    struct transfer *transfer = argument;
    size_t size = 1;
    while (size > 0) {
        ck_assert(
            stream_receive(transfer->ends[1], transfer->received + transfer->received_size, 5000, 1000, &size, &error));
        transfer->received_size += size;
        transfer->operations++;
    }
    stream_close(transfer->ends[1]);
    transfer->ended = true;
}

static void make_transfer(void *argument)
{
    struct transfer *transfer = argument;
    int pair[2];
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    for (int i = 0; i < 2; i++)
        transfer->ends[i] = stream_from_socket(pair[i]);
    for (size_t i = 0; i < TRANSFER; i++)
        transfer->sent[i] = (uint8_t)(i * 31 >> 4);
    spawn("receive", receive_all, transfer);
    spawn("send", send_all, transfer);
    while (!transfer->ended)
        io_sleep_until(deadline_after_ms(1));
}

/* What a run was like: the same for the same seed. */
struct outcome {
    uint64_t ended_ns;
    uint64_t received;
    uint64_t sent;
};

static struct outcome transfer_with(uint64_t seed)
{
    struct transfer transfer = {.sent = malloc(TRANSFER), .received = malloc(TRANSFER + 5000)};
    sim = make_sim(seed);
    run_simulated(make_transfer, &transfer);
    ck_assert_uint_eq(transfer.received_size, TRANSFER);
    ck_assert_mem_eq(transfer.received, transfer.sent, TRANSFER);
    ck_assert_uint_gt(transfer.operations, TRANSFER / 5000 + 10); /* some were short */
    struct outcome outcome = {clock_monotonic_ns(io_sim_clock(sim)), io_sim_count(sim, IO_RECEIVE),
                              io_sim_count(sim, IO_SEND_NOW) + io_sim_count(sim, IO_SEND_PIECES)};
    io_sim_destroy(sim);
    free(transfer.sent);
    free(transfer.received);
    return outcome;
}

START_TEST(streams_survive_short_results)
{
    (void)transfer_with((uint64_t)_i);
}
END_TEST

START_TEST(the_same_seed_is_the_same_run)
{
    struct outcome first = transfer_with(7), second = transfer_with(7), other = transfer_with(8);
    ck_assert_mem_eq(&first, &second, sizeof first);
    ck_assert_mem_ne(&first, &other, sizeof first);
}
END_TEST

/* ---- races ---- */

struct race {
    int fd;
    int64_t result;
    bool ended;
};

static void receive_until_deadline(void *argument)
{
    struct race *race = argument;
    char byte;
    race->result = io_receive(race->fd, &byte, 1, deadline_after_ms(2));
    race->ended = true;
}

/* A byte arrives about when the deadline passes: it is either received or still there, never lost, and a verb never
 * returns twice or not at all. */
static void race_deadline(void *argument)
{
    int *wins = argument;
    for (int i = 0; i < 50; i++) {
        int pair[2];
        char byte;
        ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
        struct race race = {.fd = pair[0]};
        spawn("receive", receive_until_deadline, &race);
        io_sleep_until(deadline_after_ms(2));
        ck_assert_int_eq(io_send(pair[1], "x", 1, DEADLINE_NONE), 1);
        while (!race.ended)
            io_sleep_until(deadline_after_ms(1));
        ck_assert(race.result == 1 || race.result == -ETIMEDOUT);
        ck_assert_int_eq(recv(pair[0], &byte, 1, MSG_DONTWAIT), race.result == 1 ? -1 : 1);
        *wins += race.result == 1;
        (void)close(pair[0]);
        (void)close(pair[1]);
    }
}

START_TEST(a_deadline_races_with_its_result)
{
    int wins = 0;
    for (uint64_t seed = 0; seed < 10; seed++) {
        sim = make_sim(seed);
        run_simulated(race_deadline, &wins);
        io_sim_destroy(sim);
    }
    ck_assert_int_gt(wins, 20);
    ck_assert_int_lt(wins, 480);
}
END_TEST

/* ---- parking ---- */

static int resumed, expired;

static void resume(void *argument)
{
    resumed++;
    stream_abort(argument);
}

static void expire(void *argument)
{
    expired++;
    stream_abort(argument);
}

static void race_parking(void *argument)
{
    (void)argument;
    for (int i = 0; i < 100; i++) {
        int pair[2];
        ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
        struct stream *stream = stream_from_socket(pair[0]);
        stream_park(stream, 2, resume, expire, stream);
        io_sleep_until(deadline_after_ms(2 + (uint64_t)i % 2));
        (void)send(pair[1], "x", 1, MSG_NOSIGNAL);
        while (resumed + expired <= i)
            io_sleep_until(deadline_after_ms(1));
        ck_assert_int_eq(resumed + expired, i + 1);
        (void)close(pair[1]);
    }
}

START_TEST(a_parked_stream_wakes_once_for_bytes_or_for_time)
{
    sim = make_sim(3);
    run_simulated(race_parking, NULL);
    ck_assert_int_gt(resumed, 5);
    ck_assert_int_gt(expired, 5);
    io_sim_destroy(sim);
}
END_TEST

/* ---- faults ---- */

static struct listener *listener;
static int greeted;

static void greet(void *argument)
{
    greeted++;
    stream_close(argument);
    listener_connection_ended(listener);
}

static void accept_in_spite_of_errors(void *argument)
{
    (void)argument;
    int fd;
    uint16_t port;
    ck_assert(listener_bind("127.0.0.1:0", 1, &fd, &port, &error));
    io_sim_fail(sim, IO_ACCEPT, 0, EMFILE);
    io_sim_fail(sim, IO_ACCEPT, 2, ECONNABORTED);
    listener = listener_start(fd, 2, greet, &error);
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    for (int i = 0; i < 5; i++) {
        int client = socket(AF_INET, SOCK_STREAM, 0);
        ck_assert_int_eq(io_connect(client, (struct sockaddr *)&address, sizeof address, DEADLINE_NONE), 0);
        while (greeted <= i)
            io_sleep_until(deadline_after_ms(10));
        (void)close(client);
    }
    listener_close(listener);
}

START_TEST(a_listener_goes_on_after_errors)
{
    sim = make_sim(4);
    run_simulated(accept_in_spite_of_errors, NULL);
    ck_assert_int_eq(greeted, 5);
    io_sim_destroy(sim);
}
END_TEST

static void fail_third_sync(void *argument)
{
    (void)argument;
    int fd = io_sim_open(sim, "volume");
    io_sim_fail(sim, IO_SYNC_DATA, 2, EIO);
    for (int i = 0; i < 4; i++)
        ck_assert_int_eq(io_sync_data(fd, DEADLINE_NONE), i == 2 ? -EIO : 0);
    ck_assert_int_eq(io_close(fd), 0);
}

START_TEST(an_ordered_fault_comes_when_it_was_ordered)
{
    sim = make_sim(5);
    run_simulated(fail_third_sync, NULL);
    ck_assert_uint_eq(io_sim_count(sim, IO_SYNC_DATA), 4);
    io_sim_destroy(sim);
}
END_TEST

/* ---- loss of power ---- */

enum { RECORDS = 6, RECORD = 1500, HEADER = 512 };

static int acknowledged;

static bool write_all(int fd, const uint8_t *bytes, size_t size, uint64_t offset)
{
    while (size > 0) {
        int64_t written = io_write(fd, bytes, size, offset, DEADLINE_NONE);
        if (written <= 0)
            return false;
        bytes += written;
        size -= (size_t)written;
        offset += (uint64_t)written;
    }
    return true;
}

/* A store in small: records, each synced before the header counts it. With `in_haste` it does not sync. */
static void append_records(void *argument)
{
    bool in_haste = argument != NULL;
    int fd = io_sim_open(sim, "store");
    acknowledged = 0;
    for (int i = 1; i <= RECORDS; i++) {
        uint8_t record[RECORD];
        uint8_t header[HEADER] = {(uint8_t)i};
        memset(record, i, sizeof record);
        if (!write_all(fd, record, sizeof record, HEADER + (uint64_t)(i - 1) * RECORD))
            break;
        if (!in_haste && io_sync_data(fd, DEADLINE_NONE) != 0)
            break;
        if (io_write_durable(fd, header, sizeof header, 0, DEADLINE_NONE) <= 0)
            break;
        acknowledged = i;
    }
    ck_assert_int_eq(io_close(fd), 0);
}

/* How many records the header counts, or -1 when one of them is not whole. */
static int count_whole_records(void)
{
    int fd = io_sim_open(sim, "store");
    uint8_t header[HEADER] = {0}, record[RECORD], expected[RECORD];
    (void)!pread(fd, header, sizeof header, 0);
    int counted = header[0];
    for (int i = 1; i <= header[0]; i++) {
        memset(expected, i, sizeof expected);
        ssize_t size = pread(fd, record, sizeof record, HEADER + (off_t)(i - 1) * RECORD);
        if (size != RECORD || memcmp(record, expected, RECORD) != 0)
            counted = -1;
    }
    (void)close(fd);
    return counted;
}

static int crash_after(uint64_t operations, uint64_t seed, bool in_haste, uint64_t *lost)
{
    sim = make_sim(seed);
    io_sim_power_off_after(sim, operations);
    run_simulated(append_records, in_haste ? "haste" : NULL);
    bool crashed = !io_sim_is_powered(sim);
    if (!crashed)
        io_sim_power_off(sim);
    *lost += io_sim_power_on(sim);
    int counted = count_whole_records();
    io_sim_destroy(sim);
    return counted;
}

START_TEST(what_was_synced_survives_a_crash_at_every_point)
{
    uint64_t lost = 0;
    for (uint64_t seed = 0; seed < 20; seed++) {
        for (uint64_t operations = 0; operations < 30; operations++) {
            int counted = crash_after(operations, seed, false, &lost);
            ck_assert_msg(counted >= acknowledged, "seed %lu, crash after %lu: %d of %d", seed, operations, counted,
                          acknowledged);
        }
    }
    ck_assert_uint_gt(lost, 20);
}
END_TEST

/* The simulator must be able to find the mistake that it is there for. */
START_TEST(a_store_that_does_not_sync_is_found_out)
{
    uint64_t lost = 0;
    int damaged = 0;
    for (uint64_t seed = 0; seed < 20; seed++)
        damaged += crash_after(12, seed, true, &lost) == -1;
    ck_assert_int_gt(damaged, 5);
}
END_TEST

static void overwrite(void *argument)
{
    int fd = *(int *)argument;
    static const uint8_t old[4096] = {[0 ... 4095] = 'o'}, new[4096] = {[0 ... 4095] = 'n'};
    ck_assert_int_eq(io_write_durable(fd, old, 1, 0, DEADLINE_NONE), 1);
    ck_assert(write_all(fd, old, sizeof old, 0));
    ck_assert_int_eq(io_sync_data(fd, DEADLINE_NONE), 0);
    ck_assert(write_all(fd, new, sizeof new, 0));
    ck_assert(write_all(fd, new, sizeof new, 4096));
}

START_TEST(unsynced_sectors_are_old_or_new_and_files_of_a_folder_count_too)
{
    char path[] = "/tmp/bale-sim-test-XXXXXX";
    int fd = mkstemp(path);
    (void)unlink(path);
    sim = make_sim((uint64_t)_i);
    run_simulated(overwrite, &fd);
    io_sim_power_off(sim);
    uint64_t lost = io_sim_power_on(sim);
    ck_assert_uint_gt(lost, 0);
    static uint8_t bytes[8192];
    ssize_t size = pread(fd, bytes, sizeof bytes, 0);
    ck_assert_int_ge(size, 4096);
    uint64_t old_sectors = 0;
    for (int sector = 0; sector < 8; sector++) {
        for (int i = 1; i < 512; i++)
            ck_assert_uint_eq(bytes[sector * 512 + i], bytes[sector * 512]);
        ck_assert(bytes[sector * 512] == 'o' || bytes[sector * 512] == 'n');
        old_sectors += bytes[sector * 512] == 'o';
    }
    ck_assert_uint_gt(old_sectors, 0);
    ck_assert_uint_le(old_sectors, lost);
    (void)close(fd);
    io_sim_destroy(sim);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("runtime-sim");
    TCase *cases = tcase_create("simulator");
    tcase_set_timeout(cases, 60);
    tcase_add_test(cases, time_is_virtual);
    tcase_add_loop_test(cases, streams_survive_short_results, 0, 10);
    tcase_add_test(cases, the_same_seed_is_the_same_run);
    tcase_add_test(cases, a_deadline_races_with_its_result);
    tcase_add_test(cases, a_parked_stream_wakes_once_for_bytes_or_for_time);
    tcase_add_test(cases, a_listener_goes_on_after_errors);
    tcase_add_test(cases, an_ordered_fault_comes_when_it_was_ordered);
    tcase_add_test(cases, what_was_synced_survives_a_crash_at_every_point);
    tcase_add_test(cases, a_store_that_does_not_sync_is_found_out);
    tcase_add_loop_test(cases, unsynced_sectors_are_old_or_new_and_files_of_a_folder_count_too, 0, 5);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
