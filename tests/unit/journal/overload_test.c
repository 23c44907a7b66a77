/* tests/unit/journal/overload_test.c -- a store that is slow or does not answer: queues stay bounded, callers are
 * refused at once, and it goes on by itself (J47). */
#include "bench/journal/journal_replica.h"
#include "journal/replica/replica.h"
#include "tests/soak/faulty_store.h"
#include "tests/unit/embedded/fixture.h"

#include <check.h>
#include <stdlib.h>

enum { CALLERS = 64, OPS_BYTES = 2000, QUEUE_MS = 300, LIVE_BYTES_MAX = 256 << 10, DECIDE_MS = 1500 };

static const struct journal_options options = {.fold_gap_ms = 100,
                                               .poll_ms = 100,
                                               .request_ms = 500,
                                               .decide_ms = DECIDE_MS,
                                               .queue_ms = QUEUE_MS,
                                               .fold_age_ms = 300,
                                               .live_bytes_max = LIVE_BYTES_MAX,
                                               .may_seed = true};

static struct {
    struct faulty_store faulty;
    struct journal_instance instance;
    bool is_over;
    unsigned running;
    uint64_t committed, rejected, unknown, refused, refused_late;
    uint64_t longest_ns;
    size_t queued_most;
    uint64_t live_most;
} test;

static void look(void)
{
    const struct journal *journal = test.instance.journal;
    if (journal->writer.queued_bytes > test.queued_most)
        test.queued_most = journal->writer.queued_bytes;
    if (journal->tail.live_bytes > test.live_most)
        test.live_most = journal->tail.live_bytes;
}

static void put_something(struct buffer *ops, uint32_t number)
{
    uint8_t value[OPS_BYTES] = {0};
    buffer_clear(ops);
    op_put(ops, &(struct op){OP_MAP_PUT, SPACE_TEST, SPAN("t"), span_of(&number, sizeof number),
                             span_of(value, sizeof value)});
    op_put_counter_add(ops, SPACE_TEST, SPAN("sum"), SPAN("s"), 1);
}

static void call(void *argument)
{
    uint32_t number = (uint32_t)(uintptr_t)argument;
    struct buffer ops = {0};
    struct error error;
    while (!test.is_over) {
        put_something(&ops, number);
        struct journal_batch batch = {.ops = buffer_span(&ops)};
        uint64_t began = clock_monotonic_ns(loop_clock());
        struct journal_answer answer = journal_submit(test.instance.journal, &batch, &error);
        uint64_t lasted = clock_monotonic_ns(loop_clock()) - began;
        look();
        test.committed += answer.outcome == JOURNAL_COMMITTED;
        test.rejected += answer.outcome == JOURNAL_REJECTED;
        test.unknown += answer.outcome == JOURNAL_UNKNOWN;
        test.refused += answer.outcome == JOURNAL_REFUSED;
        test.refused_late += answer.outcome == JOURNAL_REFUSED && lasted > 100 * UINT64_C(1000000);
        if (lasted > test.longest_ns)
            test.longest_ns = lasted;
        journal_replica_sleep(answer.outcome == JOURNAL_COMMITTED ? 1 : 20);
    }
    buffer_free(&ops);
    test.running--;
}

static void begin(struct bucket_store *objects)
{
    struct error error;
    memset(&test, 0, sizeof test);
    ck_assert(bucket_create(objects, &(struct bucket_intent){.name = SPAN(".bale")}, &error));
    faulty_store_init(&test.faulty, objects, random_system());
    journal_instance_open(&test.instance, &test.faulty.base, SPAN(".bale"), SPAN("j/"), &options);
    ck_assert(journal_instance_wait_ready(&test.instance, 30000));
    for (uintptr_t i = 0; i < CALLERS; i++, test.running++)
        ck_assert(fiber_spawn("caller", call, (void *)i, &error));
}

static void end(void)
{
    test.is_over = true;
    while (test.running > 0)
        journal_replica_sleep(5);
    struct error error;
    ck_assert(journal_flush(test.instance.journal, &error));
    uint64_t counted =
        (uint64_t)state_counter(journal_state(test.instance.journal), SPACE_TEST, SPAN("sum"), SPAN("s"));
    ck_assert_uint_ge(counted, test.committed);
    ck_assert_uint_le(counted, test.committed + test.unknown);
    journal_instance_close(&test.instance);
}

static void wait_for_commits(uint64_t more)
{
    uint64_t before = test.committed;
    deadline_t deadline = deadline_after_ms(300000);
    while (test.committed < before + more && loop_now_ns() < deadline)
        journal_replica_sleep(10);
    ck_assert_uint_ge(test.committed, before + more);
}

/* However slow the machine is: callers are refused again and again, and the journal asks its store at its own pace. */
static void wait_for_refusals(uint64_t count)
{
    uint64_t requests = test.faulty.requests;
    uint64_t began = loop_now_ns();
    deadline_t deadline = deadline_after_ms(30000);
    test.refused = test.refused_late = test.longest_ns = 0;
    while (test.refused < count && loop_now_ns() < deadline)
        journal_replica_sleep(10);
    ck_assert_uint_ge(test.refused, count);
    ck_assert_uint_le(test.refused_late, test.refused / 20); /* a queue may have stood before */
    uint64_t seconds = 1 + (loop_now_ns() - began) / UINT64_C(1000000000);
    ck_assert_uint_le(test.faulty.requests - requests, 200 * seconds);
}

static void stop_answering(struct bucket_store *objects, unsigned shard, void *argument)
{
    (void)shard, (void)argument;
    begin(objects);
    wait_for_commits(200);

    test.faulty.refuses = true;
    journal_replica_sleep(QUEUE_MS + 200);
    wait_for_refusals(CALLERS * 40); /* the segment on its way is undecided still */
    journal_replica_sleep(2 * DECIDE_MS);
    ck_assert_uint_le(test.queued_most, LIVE_BYTES_MAX);
    ck_assert_uint_le(test.live_most, LIVE_BYTES_MAX + SEGMENT_BYTES_MAX / 16);
    ck_assert_uint_le(test.longest_ns / 1000000, QUEUE_MS + DECIDE_MS + 10000);

    test.faulty.refuses = false;
    wait_for_commits(200); /* nobody restarted anything */
    end();
}

START_TEST(a_store_that_does_not_answer)
{
    with_new_store(stop_answering, NULL);
}
END_TEST

static void be_slow(struct bucket_store *objects, unsigned shard, void *argument)
{
    (void)shard, (void)argument;
    begin(objects);
    test.faulty.rates = (struct fault_rates){.usual_ms = 60}; /* before and after each request */
    wait_for_commits(300);
    ck_assert_uint_le(test.queued_most, LIVE_BYTES_MAX);
    ck_assert_uint_le(test.live_most, 2 * LIVE_BYTES_MAX);
    test.faulty.rates = (struct fault_rates){0};
    wait_for_commits(200);
    end();
}

START_TEST(a_store_that_is_slow)
{
    with_new_store(be_slow, NULL);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("overload");
    TCase *tests = tcase_create("overload");
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, a_store_that_does_not_answer);
    tcase_add_test(tests, a_store_that_is_slow);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
