/* tests/unit/runtime/offload_test.c -- work on other threads, from the fibers of several loops; background pace. */
#include "runtime/fiber/offload.h"

#include "runtime/base/assert.h"
#include "runtime/io/io.h"
#include "runtime/io/pace.h"
#include "tests/unit/runtime/fixture.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

enum { LOOPS = 3, FIBERS = 50, ROUNDS = 40 };

static struct offload *pool;

/* ---- offload ---- */

struct sum {
    pthread_t caller;
    uint64_t value;
    bool was_elsewhere;
};

static void add_up(void *argument)
{
    struct sum *sum = argument;
    sum->was_elsewhere = !pthread_equal(sum->caller, pthread_self());
    for (uint64_t i = 1; i <= 1000; i++)
        sum->value += i;
}

static _Atomic unsigned sums_right;

SUSPENDS static void ask_for_sums(void *argument)
{
    struct error error;
    (void)argument;
    for (int i = 0; i < ROUNDS; i++) {
        struct sum sum = {.caller = pthread_self()};
        ASSERT(offload_run(pool, add_up, &sum, &error));
        ASSERT(sum.was_elsewhere && sum.value == 500500);
        atomic_fetch_add(&sums_right, 1);
    }
}

SUSPENDS static void spawn_askers(void *argument)
{
    struct error error;
    (void)argument;
    for (int i = 0; i < FIBERS; i++)
        ASSERT(fiber_spawn("ask", ask_for_sums, NULL, &error));
}

static void *run_askers(void *unused)
{
    (void)unused;
    run_to_end(spawn_askers, NULL);
    return NULL;
}

START_TEST(runs_work_for_many_fibers_of_many_loops)
{
    struct error error;
    pthread_t threads[LOOPS];
    pool = offload_create("test", 4, LOOPS * FIBERS, &error);
    ck_assert(pool != NULL);
    for (int i = 0; i < LOOPS; i++)
        ck_assert(pthread_create(&threads[i], NULL, run_askers, NULL) == 0);
    for (int i = 0; i < LOOPS; i++)
        (void)pthread_join(threads[i], NULL);
    offload_destroy(pool);
    ck_assert_uint_eq(atomic_load(&sums_right), LOOPS * FIBERS * ROUNDS);
}
END_TEST

static _Atomic unsigned blocked;

static void block(void *argument)
{
    char byte;
    blocked++;
    ASSERT(read(*(int *)argument, &byte, 1) == 1);
}

static unsigned ended;
static int gate[2];

SUSPENDS static void wait_at_gate(void *argument)
{
    struct error error;
    (void)argument;
    ASSERT(offload_run(pool, block, &gate[0], &error));
    ended++;
}

/* One job runs, two wait: there is no room for a fourth; the loop goes on meanwhile. */
SUSPENDS static void fill_queue(void *argument)
{
    struct error error;
    (void)argument;
    ASSERT(fiber_spawn("gate", wait_at_gate, NULL, &error));
    while (blocked == 0) /* the pool's thread has taken it from the queue */
        (void)io_sleep_until(deadline_after_ms(1));
    ASSERT(fiber_spawn("gate", wait_at_gate, NULL, &error) && fiber_spawn("gate", wait_at_gate, NULL, &error));
    fiber_yield();
    ASSERT(!offload_run(pool, block, &gate[0], &error) && error.kind == ERROR_BUSY);
    ASSERT(ended == 0);
    ASSERT(write(gate[1], "abc", 3) == 3);
}

START_TEST(bounds_the_queue)
{
    struct error error;
    ck_assert(pipe(gate) == 0);
    pool = offload_create("test", 1, 2, &error);
    run_to_end(fill_queue, NULL);
    offload_destroy(pool);
    ck_assert_uint_eq(ended, 3);
}
END_TEST

static struct fiber *cancelled;
static bool was_complete;

SUSPENDS static void be_cancelled(void *argument)
{
    struct error error;
    (void)argument;
    cancelled = fiber_current();
    ASSERT(offload_run(pool, block, &gate[0], &error)); /* cancellation does not interrupt it */
    ASSERT(fiber_is_cancelled());
    was_complete = true;
}

SUSPENDS static void cancel_other(void *argument)
{
    struct error error;
    (void)argument;
    ASSERT(fiber_spawn("cancelled", be_cancelled, NULL, &error));
    (void)io_sleep_until(deadline_after_ms(20));
    fiber_cancel(cancelled);
    (void)io_sleep_until(deadline_after_ms(20));
    ASSERT(!was_complete);
    ASSERT(write(gate[1], "a", 1) == 1);
}

START_TEST(is_not_interrupted)
{
    struct error error;
    ck_assert(pipe(gate) == 0);
    pool = offload_create("test", 1, 2, &error);
    run_to_end(cancel_other, NULL);
    offload_destroy(pool);
    ck_assert(was_complete);
}
END_TEST

static void never(void *argument)
{
    (void)argument;
    ASSERT(false);
}

/* The one thread is at something else: what it has not begun in time it never begins; what it has, is waited for. */
SUSPENDS static void give_up_waiting(void *argument)
{
    struct error error;
    (void)argument;
    blocked = ended = 0;
    spawn("gate", wait_at_gate, NULL);
    while (blocked == 0)
        (void)io_sleep_until(deadline_after_ms(1));
    for (unsigned i = 0; i < 5; i++) { /* there is room for two: each one leaves the queue again */
        ASSERT(!offload_run_within(pool, never, NULL, deadline_after_ms(5), &error));
        ASSERT(error.kind == ERROR_TIMED_OUT);
    }
    ASSERT(write(gate[1], "a", 1) == 1);
    while (ended == 0)
        (void)io_sleep_until(deadline_after_ms(1));
}

SUSPENDS static void open_gate_late(void *argument)
{
    (void)argument;
    while (blocked == 0)
        (void)io_sleep_until(deadline_after_ms(1));
    (void)io_sleep_until(deadline_after_ms(40));
    ASSERT(write(gate[1], "a", 1) == 1);
}

SUSPENDS static void stay_with_what_has_begun(void *argument)
{
    struct error error;
    (void)argument;
    blocked = 0;
    spawn("late", open_gate_late, NULL);
    ASSERT(offload_run_within(pool, block, &gate[0], deadline_after_ms(20), &error) || blocked == 0);
    if (blocked == 0) /* no processor in 20 ms: the other fiber waits for it */
        ASSERT(offload_run(pool, block, &gate[0], &error));
}

START_TEST(begins_in_time_or_never)
{
    struct error error;
    ck_assert(pipe(gate) == 0);
    pool = offload_create("test", 1, 2, &error);
    run_to_end(give_up_waiting, NULL);
    run_to_end(stay_with_what_has_begun, NULL);
    offload_destroy(pool);
}
END_TEST

static void note_policy(void *argument)
{
    *(int *)argument = sched_getscheduler(0);
}

SUSPENDS static void ask_for_policy(void *argument)
{
    struct error error;
    ASSERT(offload_run(pool, note_policy, argument, &error));
}

START_TEST(idle_threads_are_idle)
{
    struct error error;
    int policy = -1;
    pool = offload_create("test", 1, 2, &error);
    ck_assert(offload_make_idle(pool));
    run_to_end(ask_for_policy, &policy);
    offload_destroy(pool);
    ck_assert_int_eq(policy, SCHED_IDLE);
    pool = offload_create("test", 1, 2, &error);
    run_to_end(ask_for_policy, &policy);
    offload_destroy(pool);
    ck_assert_int_eq(policy, SCHED_OTHER);
}
END_TEST

/* ---- pace ---- */

SUSPENDS static uint64_t spend_ms(struct pace *pace, uint64_t units, unsigned times)
{
    struct error error;
    uint64_t started = clock_monotonic_ns(loop_clock());
    for (unsigned i = 0; i < times; i++)
        ASSERT(pace_spend(pace, units, &error));
    return (clock_monotonic_ns(loop_clock()) - started) / 1000000;
}

enum { HANG_MS = 20000 };

SUSPENDS static void spend(void *argument)
{
    struct pace pace;
    (void)argument;
    pace_init(&pace, 1000);
    uint64_t took = spend_ms(&pace, 10, 20); /* 200 units */
    ASSERT(took >= 195 && took < HANG_MS);
    took += spend_ms(&pace, 300, 1); /* a sleep that was too long has earned a part of them */
    ASSERT(took >= 495 && took < 2 * HANG_MS);
    pace_init(&pace, 100000); /* many sleeps shorter than the clock's step lose nothing of the budget */
    took = spend_ms(&pace, 3, 5000);
    ASSERT(took >= 145 && took < HANG_MS);
    pace_init(&pace, 10);
    took = spend_ms(&pace, 0, 100);
    ASSERT(took < HANG_MS);
    pace_init(&pace, 0);
    took = spend_ms(&pace, UINT64_MAX, 100);
    ASSERT(took < HANG_MS);
}

START_TEST(paces)
{
    run_to_end(spend, NULL);
}
END_TEST

SUSPENDS static void spend_too_much(void *argument)
{
    struct pace pace;
    struct error error;
    (void)argument;
    cancelled = fiber_current();
    pace_init(&pace, 1);
    ASSERT(!pace_spend(&pace, 1000, &error) && error.kind == ERROR_CANCELLED);
    pace_init(&pace, 0);
    ASSERT(!pace_spend(&pace, 1, &error) && error.kind == ERROR_CANCELLED);
    was_complete = true;
}

SUSPENDS static void cancel_spender(void *argument)
{
    struct error error;
    (void)argument;
    ASSERT(fiber_spawn("spender", spend_too_much, NULL, &error));
    (void)io_sleep_until(deadline_after_ms(20));
    fiber_cancel(cancelled);
}

START_TEST(paces_until_cancelled)
{
    run_to_end(cancel_spender, NULL);
    ck_assert(was_complete);
}
END_TEST

int main(void)
{
    TCase *tcase = tcase_create("offload");
    tcase_set_timeout(tcase, 30);
    tcase_add_test(tcase, runs_work_for_many_fibers_of_many_loops);
    tcase_add_test(tcase, bounds_the_queue);
    tcase_add_test(tcase, is_not_interrupted);
    tcase_add_test(tcase, begins_in_time_or_never);
    tcase_add_test(tcase, idle_threads_are_idle);
    tcase_add_test(tcase, paces);
    tcase_add_test(tcase, paces_until_cancelled);
    Suite *suite = suite_create("offload");
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
