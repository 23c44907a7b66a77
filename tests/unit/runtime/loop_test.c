/* tests/unit/runtime/loop_test.c -- messages from other threads, what runs before I/O, stopping, waiting in line,
 * pools. */
#include "tests/unit/runtime/fixture.h"

#include "runtime/base/list.h"
#include "runtime/fiber/pool.h"
#include "runtime/fiber/wait.h"
#include "runtime/io/io.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* ---- messages ---- */

enum { THREADS = 4, MESSAGES = 2000 };

struct note {
    struct loop_message message;
    unsigned thread;
    unsigned number;
};

struct poster {
    pthread_t thread;
    struct loop *loop;
    unsigned index;
    struct note *notes;
};

static unsigned delivered;
static unsigned next_number[THREADS];
static struct wait_queue arrival;

static void deliver(struct loop_message *message)
{
    struct note *note = LIST_ELEMENT(message, struct note, message);
    ck_assert_ptr_null(fiber_current());
    ck_assert_uint_eq(note->number, next_number[note->thread]); /* in the order of their sender */
    next_number[note->thread]++;
    delivered++;
    wait_wake_all(&arrival);
}

static void *post_all(void *argument)
{
    struct poster *poster = argument;
    for (unsigned i = 0; i < MESSAGES; i++) {
        poster->notes[i] = (struct note){.message.deliver = deliver, .thread = poster->index, .number = i};
        loop_post(poster->loop, &poster->notes[i].message);
        if (i % 16 == 0)
            (void)usleep(i % 3 * 20); /* sometimes the loop has gone to sleep, sometimes not */
    }
    return NULL;
}

static void receive_posts(void *argument)
{
    (void)argument;
    static struct poster posters[THREADS];
    struct error error;
    delivered = 0;
    memset(next_number, 0, sizeof next_number);
    wait_queue_init(&arrival);
    for (unsigned i = 0; i < THREADS; i++) {
        posters[i] =
            (struct poster){.loop = loop_current(), .index = i, .notes = calloc(MESSAGES, sizeof(struct note))};
        ck_assert_int_eq(pthread_create(&posters[i].thread, NULL, post_all, &posters[i]), 0);
    }
    while (delivered < THREADS * MESSAGES)
        ck_assert(wait_for(&arrival, deadline_after_ms(60000), &error));
    for (unsigned i = 0; i < THREADS; i++) {
        (void)pthread_join(posters[i].thread, NULL);
        free(posters[i].notes);
    }
    ck_assert_uint_eq(atomic_load(&loop_counters(loop_current())->messages), THREADS * MESSAGES);
}

START_TEST(messages_of_many_threads_all_arrive_in_order)
{
    run_on_loop(receive_posts, NULL);
}
END_TEST

/* Two loops send one message to and fro: each hop finds the other one asleep. */
struct side {
    struct loop *_Atomic loop;
    struct side *other;
    struct loop_message message;
    struct wait_queue arrival;
    bool serves;
    unsigned hops;
};

static void hop(struct loop_message *message)
{
    struct side *side = LIST_ELEMENT(message, struct side, message);
    side->hops++;
    wait_wake_all(&side->arrival);
}

static void bounce(void *argument)
{
    struct side *side = argument;
    struct error error;
    side->message.deliver = hop;
    wait_queue_init(&side->arrival);
    atomic_store(&side->loop, loop_current());
    while (atomic_load(&side->other->loop) == NULL)
        fiber_yield();
    for (unsigned i = 1; i <= 500; i++) {
        if (side->serves)
            loop_post(atomic_load(&side->other->loop), &side->other->message);
        while (side->hops < i)
            ck_assert(wait_for(&side->arrival, deadline_after_ms(60000), &error));
        if (!side->serves)
            loop_post(atomic_load(&side->other->loop), &side->other->message);
    }
}

static pthread_barrier_t posts_have_ended; /* only then may the loops be destroyed */

static void *run_side(void *side)
{
    struct error error;
    struct loop *loop = loop_create(&(struct loop_options){.ring_entries = 8}, &error);
    spawn("bounce", bounce, side);
    loop_stop(loop, DEADLINE_NONE);
    loop_run(loop);
    (void)pthread_barrier_wait(&posts_have_ended);
    loop_destroy(loop);
    return NULL;
}

START_TEST(a_sleeping_loop_is_woken_every_time)
{
    struct side left = {.serves = true}, right = {.other = &left};
    left.other = &right;
    pthread_t thread;
    ck_assert_int_eq(pthread_barrier_init(&posts_have_ended, NULL, 2), 0);
    ck_assert_int_eq(pthread_create(&thread, NULL, run_side, &right), 0);
    (void)run_side(&left);
    (void)pthread_join(thread, NULL);
    ck_assert_uint_eq(left.hops, 500);
    ck_assert_uint_eq(right.hops, 500);
}
END_TEST

/* ---- stopping ---- */

static int last_result;

static void sleep_long(void *argument)
{
    last_result = io_sleep_until(deadline_after_ms(*(unsigned *)argument));
}

static uint64_t run_sleeper_until_stop(unsigned sleep_ms, unsigned stop_ms)
{
    struct error error;
    last_result = 1;
    struct loop *loop = loop_create(&(struct loop_options){.ring_entries = 8}, &error);
    ck_assert_ptr_nonnull(loop);
    spawn("sleeper", sleep_long, &sleep_ms);
    loop_stop(loop, deadline_after_ms(stop_ms));
    uint64_t before = clock_monotonic_ns(clock_system());
    loop_run(loop);
    loop_destroy(loop);
    return (clock_monotonic_ns(clock_system()) - before) / 1000000;
}

START_TEST(stopping_waits_for_fibers)
{
    ck_assert_uint_lt(run_sleeper_until_stop(30, 60000), 30000);
    ck_assert_int_eq(last_result, 0);
}
END_TEST

START_TEST(stopping_cancels_fibers_at_its_deadline)
{
    ck_assert_uint_lt(run_sleeper_until_stop(60000, 30), 30000);
    ck_assert_int_eq(last_result, -ECANCELED);
}
END_TEST

static void *stop_twice(void *loop)
{
    loop_stop(loop, DEADLINE_NONE);
    (void)usleep(20000);
    loop_stop(loop, 0);
    return NULL;
}

START_TEST(a_second_stop_may_be_nearer)
{
    struct error error;
    unsigned sleep_ms = 60000;
    pthread_t thread;
    struct loop *loop = loop_create(&(struct loop_options){.ring_entries = 8}, &error);
    spawn("sleeper", sleep_long, &sleep_ms);
    ck_assert_int_eq(pthread_create(&thread, NULL, stop_twice, loop), 0);
    loop_run(loop);
    (void)pthread_join(thread, NULL);
    loop_destroy(loop);
    ck_assert_int_eq(last_result, -ECANCELED);
}
END_TEST

/* ---- waiting ---- */

static struct wait_queue line;
static char order[16];

static void stand_in_line(void *argument)
{
    struct error error;
    bool woken = wait_for(&line, deadline_after_ms(argument == NULL ? 10 : 5000), &error);
    if (argument == NULL) {
        ck_assert(!woken);
        ck_assert_int_eq(error.kind, ERROR_TIMED_OUT);
    } else {
        ck_assert(woken);
        strncat(order, argument, 1);
    }
}

static void wake_line(void *argument)
{
    (void)argument;
    order[0] = '\0';
    wait_queue_init(&line);
    wait_wake_one(&line); /* nobody there: not remembered */
    spawn("1", stand_in_line, "1");
    spawn("late", stand_in_line, NULL);
    spawn("2", stand_in_line, "2");
    spawn("3", stand_in_line, "3");
    fiber_yield(); /* they stand in line: the late one's time began before ours */
    io_sleep_until(deadline_after_ms(30));
    wait_wake_one(&line);
    fiber_yield();
    ck_assert_str_eq(order, "1");
    ck_assert(!wait_queue_is_empty(&line));
    wait_wake_all(&line);
    fiber_yield();
    ck_assert_str_eq(order, "123");
    ck_assert(wait_queue_is_empty(&line));
}

START_TEST(who_waits_is_woken_first_come_first_served)
{
    run_on_loop(wake_line, NULL);
}
END_TEST

/* ---- pools ---- */

static int made, destroyed, most_used;
static bool refuse;

static void *make(void *context)
{
    (void)context;
    if (refuse)
        return NULL;
    made++;
    return malloc(1);
}

static void destroy(void *element, void *context)
{
    (void)context;
    destroyed++;
    free(element);
}

static struct pool *pool;
static int served;

static void use_pool(void *argument)
{
    struct error error;
    void *element = pool_acquire(pool, deadline_after_ms(60000), &error);
    ck_assert_ptr_nonnull(element);
    int used = (int)pool_in_use(pool);
    most_used = used > most_used ? used : most_used;
    io_sleep_until(deadline_after_ms((uintptr_t)argument % 3));
    pool_release(pool, element);
    if ((uintptr_t)argument % 4 == 0) { /* once more at once: must not overtake who waits */
        size_t waiting = pool_waiting(pool);
        element = pool_acquire(pool, deadline_after_ms(60000), &error);
        ck_assert(waiting == 0 || pool_waiting(pool) < waiting + 1);
        pool_release(pool, element);
    }
    served++;
}

static void share_pool(void *argument)
{
    (void)argument;
    struct error error;
    struct pool_kind kind = {.name = "thing", .create = make, .destroy = destroy, .elements_max = 3};
    pool = pool_create(&kind);
    for (uintptr_t i = 0; i < 100; i++)
        spawn("user", use_pool, (void *)i);
    while (served < 100)
        io_sleep_until(deadline_after_ms(1));
    ck_assert_int_eq(most_used, 3);
    ck_assert_int_eq(made, 3);
    void *held[3];
    for (int i = 0; i < 3; i++)
        held[i] = pool_acquire(pool, 0, &error);
    ck_assert_ptr_null(pool_acquire(pool, deadline_after_ms(10), &error));
    ck_assert_int_eq(error.kind, ERROR_TIMED_OUT);
    for (int i = 0; i < 3; i++)
        pool_release(pool, held[i]);
    pool_destroy(pool);
    ck_assert_int_eq(destroyed, 3);
}

START_TEST(a_pool_is_bounded_and_nobody_waits_for_ever)
{
    run_on_loop(share_pool, NULL);
}
END_TEST

static void fail_to_make(void *argument)
{
    (void)argument;
    struct error error;
    struct pool_kind kind = {.name = "thing", .create = make, .destroy = destroy, .elements_max = 1};
    pool = pool_create(&kind);
    refuse = true;
    ck_assert_ptr_null(pool_acquire(pool, DEADLINE_NONE, &error));
    ck_assert_int_eq(error.kind, ERROR_BUSY);
    refuse = false;
    void *element = pool_acquire(pool, DEADLINE_NONE, &error);
    ck_assert_ptr_nonnull(element);
    pool_release(pool, element);
    pool_destroy(pool);
}

START_TEST(a_pool_survives_a_failed_creation)
{
    run_on_loop(fail_to_make, NULL);
}
END_TEST

/* ---- before I/O ---- */

enum { SENDERS = 40, SMALL_RING = 8 };

struct look {
    struct loop_errand errand;
    int sockets[SENDERS][2];
    bool is_asked[SENDERS];  /* its fiber has asked for the errand, and submits */
    bool is_served[SENDERS]; /* the errand has run since */
    unsigned runs;
    unsigned sent;
    unsigned too_early; /* bytes that had left when the errand ran, or without it */
};

static bool has_arrived(const struct look *look, unsigned index)
{
    uint8_t byte;
    return recv(look->sockets[index][1], &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 1;
}

static void look_for_bytes(struct loop_errand *errand)
{
    struct look *look = LIST_ELEMENT(errand, struct look, errand);
    look->runs++;
    for (unsigned i = 0; i < SENDERS; i++) {
        look->too_early += look->is_asked[i] && !look->is_served[i] && has_arrived(look, i);
        look->is_served[i] = look->is_asked[i];
    }
}

struct sender {
    struct look *look;
    unsigned index;
};

static void send_byte(void *argument)
{
    const struct sender *sender = argument;
    struct look *look = sender->look;
    loop_run_before_io(&look->errand);
    look->is_asked[sender->index] = true;
    ck_assert_int_eq(io_send(look->sockets[sender->index][0], "x", 1, deadline_after_ms(60000)), 1);
    look->too_early += !look->is_served[sender->index];
    look->sent++;
}

/* All of them submit in one turn of the loop, more than a small ring takes at once. */
static void send_all(void *argument)
{
    struct look *look = argument;
    static struct sender senders[SENDERS];
    for (unsigned i = 0; i < SENDERS; i++) {
        senders[i] = (struct sender){look, i};
        spawn("sender", send_byte, &senders[i]);
    }
    while (look->sent < SENDERS)
        (void)io_sleep_until(deadline_after_ms(1));
}

static void make_look(struct look *look)
{
    *look = (struct look){.errand.run = look_for_bytes};
    list_init(&look->errand.link);
    for (unsigned i = 0; i < SENDERS; i++)
        ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, look->sockets[i]), 0);
}

static void end_look(const struct look *look)
{
    for (unsigned i = 0; i < SENDERS; i++) {
        (void)close(look->sockets[i][0]);
        (void)close(look->sockets[i][1]);
    }
}

START_TEST(an_errand_runs_once_before_all_that_a_turn_submits)
{
    struct look look;
    make_look(&look);
    run_with(&(struct loop_options){.ring_entries = 2 * SENDERS}, send_all, &look);
    ck_assert_uint_eq(look.runs, 1);
    ck_assert_uint_eq(look.too_early, 0);
    end_look(&look);
}
END_TEST

START_TEST(an_errand_runs_before_a_full_ring_is_submitted)
{
    struct look look;
    make_look(&look);
    run_with(&(struct loop_options){.ring_entries = SMALL_RING}, send_all, &look);
    ck_assert_uint_gt(look.runs, 1);
    ck_assert_uint_eq(look.too_early, 0);
    end_look(&look);
}
END_TEST

static void ask_and_end(void *argument)
{
    struct look *look = argument;
    loop_run_before_io(&look->errand);
}

START_TEST(an_errand_of_the_last_turn_runs)
{
    struct look look;
    make_look(&look);
    run_to_end(ask_and_end, &look);
    ck_assert_uint_eq(look.runs, 1);
    end_look(&look);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("runtime-loop");
    TCase *loops = tcase_create("loop");
    tcase_set_timeout(loops, 60);
    tcase_add_test(loops, messages_of_many_threads_all_arrive_in_order);
    tcase_add_test(loops, a_sleeping_loop_is_woken_every_time);
    tcase_add_test(loops, stopping_waits_for_fibers);
    tcase_add_test(loops, stopping_cancels_fibers_at_its_deadline);
    tcase_add_test(loops, a_second_stop_may_be_nearer);
    tcase_add_test(loops, who_waits_is_woken_first_come_first_served);
    tcase_add_test(loops, a_pool_is_bounded_and_nobody_waits_for_ever);
    tcase_add_test(loops, a_pool_survives_a_failed_creation);
    tcase_add_test(loops, an_errand_runs_once_before_all_that_a_turn_submits);
    tcase_add_test(loops, an_errand_runs_before_a_full_ring_is_submitted);
    tcase_add_test(loops, an_errand_of_the_last_turn_runs);
    suite_add_tcase(suite, loops);
    return run_suite(suite);
}
