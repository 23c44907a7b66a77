/* bench/drive/turnstile.c -- a line of workers before one timer. */
#include "bench/drive/turnstile.h"

#include "runtime/fiber/loop.h"
#include "runtime/io/io.h"

#include <errno.h>
#include <poll.h>
#include <sys/timerfd.h>
#include <unistd.h>

static uint64_t now_ns(void)
{
    return clock_monotonic_ns(loop_clock());
}

bool turnstile_begin(struct turnstile *turnstile, const struct arrivals *arrivals, uint64_t begun_ns, uint64_t end_ns,
                     struct error *error)
{
    *turnstile =
        (struct turnstile){.is_open_loop = arrivals != NULL, .begun_ns = begun_ns, .end_ns = end_ns, .timer = -1};
    wait_queue_init(&turnstile->line);
    if (arrivals == NULL)
        return true;
    turnstile->arrivals = *arrivals;
    turnstile->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    return turnstile->timer >= 0 || error_set_errno(error, errno, "a timer");
}

void turnstile_end(struct turnstile *turnstile)
{
    if (turnstile->timer >= 0)
        (void)close(turnstile->timer);
}

void turnstile_close(struct turnstile *turnstile)
{
    turnstile->is_over = true;
    wait_wake_all(&turnstile->line);
}

SUSPENDS static void sleep_until(const struct turnstile *turnstile, uint64_t due_ns)
{
    const uint64_t second_ns = 1000000000;
    const struct itimerspec when = {
        .it_value = {.tv_sec = (time_t)(due_ns / second_ns), .tv_nsec = (long)(due_ns % second_ns)}};
    uint64_t expirations;
    if (due_ns <= now_ns() || timerfd_settime(turnstile->timer, TFD_TIMER_ABSTIME, &when, NULL) != 0)
        return;
    (void)io_poll(turnstile->timer, POLLIN, DEADLINE_NONE);
    (void)!read(turnstile->timer, &expirations, sizeof expirations);
}

static void count_not_begun(struct turnstile *turnstile, uint64_t due_ns)
{
    for (; due_ns < turnstile->end_ns; due_ns = turnstile->begun_ns + arrivals_next_ns(&turnstile->arrivals))
        turnstile->not_begun++;
}

/* For the one whose turn it is. */
SUSPENDS static bool await_next(struct turnstile *turnstile, uint64_t *ret_due_ns)
{
    *ret_due_ns = turnstile->begun_ns + arrivals_next_ns(&turnstile->arrivals);
    if (*ret_due_ns >= turnstile->end_ns)
        return false;
    if (now_ns() >= turnstile->end_ns) {
        count_not_begun(turnstile, *ret_due_ns);
        return false;
    }
    sleep_until(turnstile, *ret_due_ns);
    return !turnstile->is_over;
}

bool turnstile_pass(struct turnstile *turnstile, uint64_t *ret_due_ns)
{
    struct error error;
    if (!turnstile->is_open_loop) {
        *ret_due_ns = now_ns();
        return !turnstile->is_over && *ret_due_ns < turnstile->end_ns;
    }
    while (turnstile->is_taken && !turnstile->is_over)
        if (!wait_for(&turnstile->line, DEADLINE_NONE, &error))
            return false;
    if (turnstile->is_over)
        return false;
    turnstile->is_taken = true;
    bool is_passed = await_next(turnstile, ret_due_ns);
    turnstile->is_taken = false;
    if (is_passed)
        wait_wake_one(&turnstile->line);
    else
        turnstile_close(turnstile);
    return is_passed;
}
