/* tests/unit/s3/access_log_test.c -- lines that wait: bounded memory, what is lost is counted, and so it is beside the
 * data. Nothing is written here: tests/s3 and tests/process do that. */
#include "server/s3/access_log/access_log.h"

#include "runtime/base/clock.h"
#include "tests/unit/run_suite.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const struct span document = SPAN("<BucketLoggingStatus/>");

static struct bucket_info source(uint64_t creation_id)
{
    return (struct bucket_info){.name = "bucket", .owner = "alice", .creation_id = creation_id};
}

static const struct access_line line = {.time_ms = INT64_C(1549411238123),
                                        .operation = SPAN("REST.GET.OBJECT"),
                                        .method = SPAN("GET"),
                                        .target = SPAN("/")};

static struct access_log *make(struct access_tally_slot *slot)
{
    const struct access_log_options options = {.clock = clock_system(), .period_ms = 60000, .tally = slot};
    return access_log_create(&options);
}

START_TEST(memory_is_bounded)
{
    struct access_tally_slot slot = {0};
    struct access_log *log = make(&slot);
    const struct access_log_counters *counters = access_log_counters(log);
    enum { LINES = 150000 };
    for (unsigned i = 0; i < LINES; i++) {
        const struct bucket_info info = source(1 + i % 7);
        access_log_add(log, &info, document, &line);
    }
    ck_assert_uint_eq(metric_read(&counters->lines), LINES);
    ck_assert_uint_gt(metric_read(&counters->lines_lost), 0);
    ck_assert_uint_eq(metric_read(&counters->lines_lost) + atomic_load(&slot.lines), LINES);
    ck_assert_uint_le(metric_read(&counters->bytes_waiting), ACCESS_LOG_BYTES_MAX + ACCESS_LOG_OBJECT_BYTES_MAX);
    ck_assert_uint_gt(metric_read(&counters->bytes_waiting), ACCESS_LOG_BYTES_MAX / 2);
    access_log_destroy(log);
    ck_assert_uint_eq(atomic_load(&slot.lines), 0);
}
END_TEST

/* Each batch costs memory of its own, also if it has one line. */
START_TEST(so_are_many_buckets)
{
    struct access_log *log = make(NULL);
    const struct access_log_counters *counters = access_log_counters(log);
    enum { BUCKETS = 30000 };
    for (unsigned i = 0; i < BUCKETS; i++) {
        const struct bucket_info info = source(1 + i);
        access_log_add(log, &info, document, &line);
    }
    ck_assert_uint_gt(metric_read(&counters->lines_lost), 0);
    ck_assert_uint_lt(metric_read(&counters->lines_lost), BUCKETS);
    ck_assert_uint_le(metric_read(&counters->bytes_waiting), ACCESS_LOG_BYTES_MAX + ACCESS_LINE_BYTES_MAX);
    access_log_destroy(log);
}
END_TEST

START_TEST(the_count_outlives_the_process)
{
    char folder[] = "/tmp/bale-tally-XXXXXX";
    char path[sizeof folder + 16];
    struct access_tally tally;
    ck_assert_ptr_nonnull(mkdtemp(folder));
    access_tally_open(folder, &tally);
    ck_assert(tally.slots != NULL && tally.lost_before == 0);
    access_tally_add(&tally.slots[0], 5);
    access_tally_add(&tally.slots[ACCESS_TALLY_SHARDS - 1], 7);
    access_tally_sub(&tally.slots[0], 2);
    access_tally_close(&tally); /* as a crash leaves it */
    access_tally_open(folder, &tally);
    ck_assert_uint_eq(tally.lost_before, 10);
    access_tally_close(&tally);
    access_tally_open(folder, &tally);
    ck_assert_uint_eq(tally.lost_before, 0);
    access_tally_close(&tally);
    (void)snprintf(path, sizeof path, "%s/access-log", folder);
    ck_assert_int_eq(unlink(path), 0);
    ck_assert_int_eq(rmdir(folder), 0);
    access_tally_open("/proc/nothing-can-be-made-here", &tally);
    ck_assert(tally.slots == NULL && tally.lost_before == 0);
    access_tally_close(&tally);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("access log");
    TCase *cases = tcase_create("access log");
    tcase_add_test(cases, memory_is_bounded);
    tcase_add_test(cases, so_are_many_buckets);
    tcase_add_test(cases, the_count_outlives_the_process);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
