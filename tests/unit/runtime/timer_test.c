/* tests/unit/runtime/timer_test.c -- the timer wheel against a plain list of deadlines. */
#include "tests/unit/runtime/fixture.h"

#include "runtime/base/random.h"
#include "runtime/fiber/timer.h"

#include <string.h>

enum { TICK = 1 << TIMER_TICK_BITS, TIMERS = 500 };

struct probe {
    struct timer timer;
    uint64_t fired_at; /* 0: not yet */
};

static uint64_t now;

static void fire(struct timer *timer)
{
    struct probe *probe = LIST_ELEMENT(timer, struct probe, timer);
    ck_assert_uint_eq(probe->fired_at, 0);
    ck_assert(!timer_is_armed(timer));
    probe->fired_at = now;
}

static uint64_t draw_delay(const struct random_source *random)
{
    return random_below(random, 1ULL << random_below(random, 45)); /* all magnitudes, up to ten hours */
}

START_TEST(fires_never_early_and_at_most_a_tick_late)
{
    static struct timer_wheel wheel;
    static struct probe probes[TIMERS];
    memset(probes, 0, sizeof probes);
    struct random_seeded state;
    struct random_source random = random_seeded(&state, (uint64_t)_i);
    now = random_below(&random, 1ULL << 50);
    timer_wheel_init(&wheel, now);
    for (int i = 0; i < TIMERS; i++) {
        probes[i].timer.expired = fire;
        timer_arm(&wheel, &probes[i].timer, now + draw_delay(&random));
    }
    for (int i = 0; i < TIMERS; i += 5)
        timer_disarm(&wheel, &probes[i].timer);
    while (timer_wheel_next(&wheel) != DEADLINE_NONE) {
        uint64_t before = now;
        now = timer_wheel_next(&wheel);
        ck_assert_uint_gt(now, before - TICK);
        timer_wheel_advance(&wheel, now);
    }
    for (int i = 0; i < TIMERS; i++) {
        if (i % 5 == 0) {
            ck_assert_uint_eq(probes[i].fired_at, 0);
            continue;
        }
        ck_assert_uint_ge(probes[i].fired_at, probes[i].timer.deadline);
        ck_assert_uint_le(probes[i].fired_at - probes[i].timer.deadline, 2 * TICK);
    }
}
END_TEST

START_TEST(jumps_fire_all_that_is_due_and_nothing_else)
{
    static struct timer_wheel wheel;
    static struct probe probes[TIMERS];
    memset(probes, 0, sizeof probes);
    struct random_seeded state;
    struct random_source random = random_seeded(&state, 1000 + (uint64_t)_i);
    now = random_below(&random, 1ULL << 50);
    timer_wheel_init(&wheel, now);
    for (int i = 0; i < TIMERS; i++)
        probes[i].timer.expired = fire;
    for (int round = 0; round < 200; round++) {
        struct probe *probe = &probes[random_below(&random, TIMERS)];
        timer_disarm(&wheel, &probe->timer);
        probe->fired_at = 0;
        timer_arm(&wheel, &probe->timer, now + draw_delay(&random));
        now += draw_delay(&random);
        timer_wheel_advance(&wheel, now);
        for (int i = 0; i < TIMERS; i++) {
            if (timer_is_armed(&probes[i].timer))
                ck_assert_uint_ge(probes[i].timer.deadline + TICK, now);
            else if (probes[i].fired_at != 0)
                ck_assert_uint_le(probes[i].timer.deadline, now);
        }
    }
}
END_TEST

START_TEST(what_has_passed_fires_with_the_next_tick)
{
    static struct timer_wheel wheel;
    struct probe probe = {.timer.expired = fire};
    now = 1000ULL * TICK;
    timer_wheel_init(&wheel, now);
    timer_arm(&wheel, &probe.timer, 5);
    ck_assert_uint_eq(timer_wheel_next(&wheel), now + TICK);
    timer_wheel_advance(&wheel, now);
    ck_assert_uint_eq(probe.fired_at, 0);
    now += TICK;
    timer_wheel_advance(&wheel, now);
    ck_assert_uint_eq(probe.fired_at, now);
}
END_TEST

/* A loop that has little to do sleeps until there is something to be done, and not only to sort timers. */
START_TEST(few_timers_are_waited_for_in_one_go)
{
    static struct timer_wheel wheel;
    static struct probe probes[100];
    memset(probes, 0, sizeof probes);
    now = 1000ULL * TICK;
    timer_wheel_init(&wheel, now);
    for (uint64_t ticks = 50; ticks < UINT64_C(1) << 30; ticks *= 3) {
        probes[0] = (struct probe){.timer.expired = fire};
        probes[1] = (struct probe){.timer.expired = fire};
        timer_arm(&wheel, &probes[1].timer, now + (ticks + 1) * TICK);
        timer_arm(&wheel, &probes[0].timer, now + ticks * TICK);
        ck_assert_uint_eq(timer_wheel_next(&wheel), now + ticks * TICK);
        now += ticks * TICK;
        timer_wheel_advance(&wheel, now);
        ck_assert_uint_eq(probes[0].fired_at, now);
        ck_assert_uint_eq(timer_wheel_next(&wheel), now + TICK);
        now += TICK;
        timer_wheel_advance(&wheel, now);
        ck_assert_uint_eq(probes[1].fired_at, now);
    }
    for (int i = 0; i < 100; i++) { /* of many, at least none is overslept */
        probes[i] = (struct probe){.timer.expired = fire};
        timer_arm(&wheel, &probes[i].timer, now + (100000ULL - (unsigned)i) * TICK);
    }
    ck_assert_uint_le(timer_wheel_next(&wheel), now + 99901ULL * TICK);
    ck_assert_uint_gt(timer_wheel_next(&wheel), now);
}
END_TEST

START_TEST(no_deadline_arms_nothing)
{
    static struct timer_wheel wheel;
    struct probe probe = {.timer.expired = fire};
    timer_wheel_init(&wheel, 0);
    timer_arm(&wheel, &probe.timer, DEADLINE_NONE);
    ck_assert(!timer_is_armed(&probe.timer));
    ck_assert_uint_eq(timer_wheel_next(&wheel), DEADLINE_NONE);
    timer_disarm(&wheel, &probe.timer);
}
END_TEST

static struct timer_wheel shared_wheel;
static struct probe victim;

static void disarm_victim(struct timer *timer)
{
    fire(timer);
    timer_disarm(&shared_wheel, &victim.timer);
}

START_TEST(one_that_fires_may_disarm_another_of_the_same_tick)
{
    struct probe killer = {.timer.expired = disarm_victim};
    victim = (struct probe){.timer.expired = fire};
    now = TICK;
    timer_wheel_init(&shared_wheel, now);
    timer_arm(&shared_wheel, &killer.timer, 3 * TICK);
    timer_arm(&shared_wheel, &victim.timer, 3 * TICK);
    now = 10 * TICK;
    timer_wheel_advance(&shared_wheel, now);
    ck_assert_uint_eq(killer.fired_at, now);
    ck_assert_uint_eq(victim.fired_at, 0);
    ck_assert_uint_eq(timer_wheel_next(&shared_wheel), DEADLINE_NONE);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("runtime-timer");
    TCase *timers = tcase_create("timers");
    tcase_add_loop_test(timers, fires_never_early_and_at_most_a_tick_late, 0, 20);
    tcase_add_loop_test(timers, jumps_fire_all_that_is_due_and_nothing_else, 0, 20);
    tcase_add_test(timers, what_has_passed_fires_with_the_next_tick);
    tcase_add_test(timers, few_timers_are_waited_for_in_one_go);
    tcase_add_test(timers, no_deadline_arms_nothing);
    tcase_add_test(timers, one_that_fires_may_disarm_another_of_the_same_tick);
    suite_add_tcase(suite, timers);
    return run_suite(suite);
}
