/* tests/unit/runtime/fiber_test.c -- fibers: order, yielding, cancellation, stacks, and their end by overflow. */
#include "tests/unit/runtime/fixture.h"

#include "runtime/fiber/stack.h"
#include "runtime/fiber/wait.h"
#include "runtime/io/io.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static char trace[64];

static void note(const char *what)
{
    strncat(trace, what, sizeof trace - strlen(trace) - 1);
}

static void note_twice(void *argument)
{
    note(argument);
    fiber_yield();
    note(argument);
}

static void spawn_three(void *argument)
{
    (void)argument;
    trace[0] = '\0';
    spawn("a", note_twice, "a");
    spawn("b", note_twice, "b");
    ck_assert_str_eq(fiber_name(fiber_current()), "test");
    fiber_yield();
    note("t");
    fiber_yield();
    ck_assert_str_eq(trace, "abtab");
}

START_TEST(ready_fibers_take_turns)
{
    ck_assert_ptr_null(fiber_current());
    run_on_loop(spawn_three, NULL);
}
END_TEST

/* Passes a double through a variadic call, which spills vector registers by aligned stores: dies on a stack that is not
 * aligned as the ABI wants it. */
static void print_double(void *argument)
{
    volatile double value = 2.5;
    char text[32];
    (void)snprintf(text, sizeof text, "%f %s", value, (char *)argument);
    ck_assert_str_eq(text, "2.500000 kg");
}

START_TEST(stacks_are_aligned)
{
    run_on_loop(print_double, "kg");
}
END_TEST

/* ---- registers ---- */

static unsigned long mixed;

static void mix(void *argument)
{
    unsigned long a = (unsigned long)(uintptr_t)argument, b = a * 3, c = a * 5, d = a * 7, e = a * 11, f = a * 13;
    for (int i = 0; i < 1000; i++) {
        a += b ^ c;
        b += c ^ d;
        c += d ^ e;
        d += e ^ f;
        e += f ^ a;
        f += a ^ b;
        if (argument != NULL)
            fiber_yield();
    }
    mixed ^= a ^ b ^ c ^ d ^ e ^ f;
}

static unsigned long mix_alone(unsigned long a)
{
    unsigned long b = a * 3, c = a * 5, d = a * 7, e = a * 11, f = a * 13;
    for (int i = 0; i < 1000; i++) {
        a += b ^ c;
        b += c ^ d;
        c += d ^ e;
        d += e ^ f;
        e += f ^ a;
        f += a ^ b;
    }
    return a ^ b ^ c ^ d ^ e ^ f;
}

static void mix_many(void *argument)
{
    (void)argument;
    mixed = 0;
    unsigned long expected = 0;
    for (unsigned long i = 1; i <= 100; i++) {
        spawn("mix", mix, (void *)(uintptr_t)i);
        expected ^= mix_alone(i);
    }
    for (int i = 0; i < 1100; i++)
        fiber_yield();
    ck_assert_uint_eq(mixed, expected);
}

START_TEST(switches_keep_what_fibers_hold_in_registers)
{
    run_on_loop(mix_many, NULL);
}
END_TEST

/* ---- cancellation ---- */

static struct fiber *sleeper;
static int results[3];

static void sleep_thrice(void *argument)
{
    (void)argument;
    sleeper = fiber_current();
    for (int i = 0; i < 3; i++)
        results[i] = io_sleep_until(i == 0 ? deadline_after_ms(1) : DEADLINE_NONE);
}

static void cancel_sleeper(void *argument)
{
    (void)argument;
    results[0] = 1;
    spawn("sleeper", sleep_thrice, NULL);
    while (results[0] == 1) /* however slow the machine is */
        ck_assert_int_eq(io_sleep_until(deadline_after_ms(5)), 0);
    ck_assert(!fiber_is_cancelled());
    fiber_cancel(sleeper);
    fiber_yield();
    ck_assert_int_eq(results[0], 0);
    ck_assert_int_eq(results[1], -ECANCELED);
    ck_assert_int_eq(results[2], -ECANCELED);
}

START_TEST(cancellation_ends_this_wait_and_every_later_one)
{
    run_on_loop(cancel_sleeper, NULL);
}
END_TEST

/* ---- slices ---- */

static bool other_ran;

static void set_other_ran(void *argument)
{
    (void)argument;
    other_ran = true;
}

static void compute(void *argument)
{
    (void)argument;
    spawn("other", set_other_ran, NULL); /* the first fibers wait for their stacks to be made */
    fiber_yield();
    other_ran = false;
    spawn("other", set_other_ran, NULL);
    fiber_yield_if_due();
    if (clock_monotonic_ns(clock_system()) - loop_now_ns() < 500000)
        ck_assert_msg(!other_ran, "it yielded before its slice was over");
    uint64_t end = clock_monotonic_ns(clock_system()) + 2000000;
    while (clock_monotonic_ns(clock_system()) < end)
        continue;
    fiber_yield_if_due();
    ck_assert(other_ran);
}

START_TEST(a_long_computation_yields_when_its_slice_is_over)
{
    fiber_yield_if_due(); /* outside of a loop: nothing */
    run_on_loop(compute, NULL);
}
END_TEST

/* ---- bounds ---- */

static void wait_for_release(void *argument)
{
    struct error error;
    ck_assert(wait_for(argument, DEADLINE_NONE, &error));
}

static void fill(void *argument)
{
    (void)argument;
    struct wait_queue queue;
    struct error error;
    wait_queue_init(&queue);
    for (int i = 0; i < 9; i++)
        ck_assert(fiber_spawn("filler", wait_for_release, &queue, &error));
    ck_assert(!fiber_spawn("filler", wait_for_release, &queue, &error));
    ck_assert_int_eq(error.kind, ERROR_BUSY);
    fiber_yield();
    wait_wake_all(&queue);
    fiber_yield();
    ck_assert(fiber_spawn("filler", set_other_ran, NULL, &error));
}

START_TEST(the_number_of_fibers_is_bounded)
{
    run_with(&(struct loop_options){.ring_entries = 8, .fibers_max = 10}, fill, NULL);
}
END_TEST

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

static void touch_and_wait(void *argument)
{
    struct error error;
    volatile uint8_t deep[3000];
    for (size_t i = 0; i < sizeof deep; i++)
        deep[i] = (uint8_t)i;
    (void)wait_for(argument, DEADLINE_NONE, &error);
}

static void use_many_stacks(void *argument)
{
    (void)argument;
    struct wait_queue queue;
    wait_queue_init(&queue);
    long before = resident_kib();
    for (int i = 0; i < 5000; i++)
        spawn("deep", touch_and_wait, &queue);
    fiber_yield();
    long during = resident_kib();
    wait_wake_all(&queue);
    fiber_yield();
    long after = resident_kib();
    ck_assert_msg(during - before > 5000 * 4, "%ld KiB", during - before);
    ck_assert_msg(during - before < 5000 * 12, "%ld KiB", during - before);
    ck_assert_msg(after - before < STACK_WARM_MAX * 16 + 512, "%ld KiB stay", after - before);
}

START_TEST(stacks_give_their_memory_back)
{
    run_on_loop(use_many_stacks, NULL);
}
END_TEST

/* ---- overflow ---- */

__attribute__((noinline)) static int dig(int depth)
{
    volatile char frame[1024];
    frame[0] = (char)depth;
    return depth == 0 ? frame[0] : dig(depth - 1) + frame[0];
}

static void dig_too_deep(void *argument)
{
    (void)argument;
    (void)dig(1000000);
}

static void spawn_digger(void *argument)
{
    (void)argument;
    spawn("digger", dig_too_deep, NULL);
    fiber_yield();
}

/* Runs the scenario in a child; returns its wait status and what it wrote to standard error. */
static int run_in_child(fiber_entry *body, char *ret_text, size_t size)
{
    int ends[2];
    ck_assert_int_eq(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) {
        (void)dup2(ends[1], STDERR_FILENO);
        run_on_loop(body, NULL);
        _exit(0);
    }
    (void)close(ends[1]);
    size_t length = 0;
    ssize_t got;
    while ((got = read(ends[0], ret_text + length, size - 1 - length)) > 0)
        length += (size_t)got;
    ret_text[length] = '\0';
    (void)close(ends[0]);
    int status;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    return status;
}

START_TEST(an_overflow_names_the_fiber_and_aborts)
{
    char text[256];
    int status = run_in_child(spawn_digger, text, sizeof text);
    ck_assert(WIFSIGNALED(status));
    ck_assert_int_eq(WTERMSIG(status), SIGABRT);
    ck_assert_str_eq(text, "fiber \"digger\" has overflown its stack\n");
}
END_TEST

static void fault_elsewhere(void *argument)
{
    (void)argument;
    volatile uintptr_t nowhere = 16;
    *(volatile int *)nowhere = 1;
}

START_TEST(another_fault_is_an_ordinary_one)
{
    char text[256];
    int status = run_in_child(fault_elsewhere, text, sizeof text);
    ck_assert(WIFSIGNALED(status));
    ck_assert_int_eq(WTERMSIG(status), SIGSEGV);
    ck_assert_str_eq(text, "");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("runtime-fiber");
    TCase *fibers = tcase_create("fibers");
    tcase_add_test(fibers, ready_fibers_take_turns);
    tcase_add_test(fibers, stacks_are_aligned);
    tcase_add_test(fibers, switches_keep_what_fibers_hold_in_registers);
    tcase_add_test(fibers, cancellation_ends_this_wait_and_every_later_one);
    tcase_add_test(fibers, the_number_of_fibers_is_bounded);
    if (!is_instrumented()) { /* which has shadow memory, and a handler of faults of its own */
        tcase_add_test(fibers, a_long_computation_yields_when_its_slice_is_over);
        tcase_add_test(fibers, stacks_give_their_memory_back);
        tcase_add_test(fibers, an_overflow_names_the_fiber_and_aborts);
        tcase_add_test(fibers, another_fault_is_an_ordinary_one);
    }
    suite_add_tcase(suite, fibers);
    return run_suite(suite);
}
