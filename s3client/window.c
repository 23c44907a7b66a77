/* s3client/window.c -- how many requests of a shard may be under way: halved when the backend asks for it, and one more
 * with each second in which it does not. */
#include "runtime/base/assert.h"
#include "runtime/fiber/loop.h"
#include "s3client/client_private.h"

enum { NANOSECONDS_PER_SECOND = 1000000000 };

static void publish(struct s3_window *window)
{
    atomic_store_explicit(&window->counters->window, window->size, memory_order_relaxed);
    atomic_store_explicit(&window->counters->requests_under_way, window->under_way, memory_order_relaxed);
}

void s3_window_init(struct s3_window *window, unsigned most, struct s3_client_counters *counters)
{
    *window = (struct s3_window){.most = most, .size = most, .counters = counters};
    wait_queue_init(&window->turns);
    publish(window);
}

static void grow(struct s3_window *window)
{
    if (window->size == window->most)
        return;
    uint64_t seconds = (loop_now_ns() - window->changed_ns) / NANOSECONDS_PER_SECOND;
    uint64_t wanted = window->size + seconds;
    window->size = wanted < window->most ? (unsigned)wanted : window->most;
    window->changed_ns += seconds * NANOSECONDS_PER_SECOND;
}

void s3_window_halve(struct s3_window *window, uint64_t begun_ns)
{
    grow(window);
    if (begun_ns < window->changed_ns && window->size < window->most)
        return; /* it was sent before the window was made smaller: one complaint counts once */
    window->size = window->size > 1 ? window->size / 2 : 1;
    window->changed_ns = loop_now_ns();
    publish(window);
}

/* Whoever leaves hands its place over, so that nobody overtakes those who wait. */
static void hand_over(struct s3_window *window)
{
    grow(window);
    while (window->under_way < window->size && !wait_queue_is_empty(&window->turns)) {
        window->under_way++;
        wait_wake_one(&window->turns);
    }
    publish(window);
}

SUSPENDS bool s3_window_enter(struct s3_window *window, deadline_t deadline, struct error *error)
{
    grow(window);
    if (window->under_way < window->size && wait_queue_is_empty(&window->turns)) {
        window->under_way++;
        publish(window);
        return true;
    }
    metric_add(&window->counters->requests_queued, 1);
    bool is_turn = wait_for(&window->turns, deadline, error);
    metric_add(&window->counters->requests_queued, (uint64_t)-1);
    if (!is_turn && error->kind == ERROR_TIMED_OUT)
        return error_set(error, ERROR_BUSY, NULL, "%u requests to the backend are under way already, no turn came",
                         window->under_way);
    return is_turn;
}

void s3_window_leave(struct s3_window *window)
{
    ASSERT(window->under_way > 0);
    window->under_way--;
    hand_over(window);
}
