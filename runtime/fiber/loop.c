/* runtime/fiber/loop.c -- one thread's event loop: ring, fibers, timers, messages from other threads. */
#include "runtime/fiber/loop.h"

#include "runtime/base/assert.h"
#include "runtime/fiber/loop_private.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>

enum {
    RING_ENTRIES_DEFAULT = 1024,
    FIBERS_MAX_DEFAULT = 16384,
};

static _Thread_local struct loop *thread_loop;

struct loop *loop_current(void)
{
    return thread_loop;
}

struct loop *loop_here(void)
{
    ASSERT(thread_loop != NULL);
    return thread_loop;
}

/* ---- time ---- */

static void refresh_time(struct loop *loop)
{
    loop->now_ns = clock_monotonic_ns(loop->clock);
    loop->wall_ms = 0;
}

uint64_t loop_now_ns(void)
{
    return thread_loop == NULL ? clock_monotonic_ns(clock_system()) : thread_loop->now_ns;
}

const struct clock *loop_clock(void)
{
    return thread_loop == NULL ? clock_system() : thread_loop->clock;
}

deadline_t deadline_after_ms(uint64_t milliseconds)
{
    uint64_t now = loop_now_ns();
    return milliseconds > (DEADLINE_NONE - now) / 1000000 ? DEADLINE_NONE : now + milliseconds * 1000000;
}

int64_t loop_wall_ms(void)
{
    struct loop *loop = thread_loop;
    if (loop == NULL)
        return clock_wall_ms(clock_system());
    if (loop->wall_ms == 0)
        loop->wall_ms = clock_wall_ms(loop->clock);
    return loop->wall_ms;
}

/* ---- before I/O ---- */

void loop_run_before_io(struct loop_errand *errand)
{
    if (list_is_empty(&errand->link))
        list_append(&loop_here()->errands, &errand->link);
}

static void run_errands(struct loop *loop)
{
    for (struct list_link *link; (link = list_take_first(&loop->errands)) != NULL;) {
        struct loop_errand *errand = LIST_ELEMENT(link, struct loop_errand, link);
        errand->run(errand);
    }
}

/* ---- creation and end ---- */

static bool open_parts(struct loop *loop, const struct loop_options *options, struct error *error)
{
    if (!stack_pool_open(&loop->stacks, fiber_name_of_stack, error))
        return false;
    struct io_setup setup = {
        .loop = loop,
        .counters = &loop->counters,
        .before_submit = run_errands,
        .ring_entries = options->ring_entries == 0 ? RING_ENTRIES_DEFAULT : options->ring_entries,
        .clock = options->clock,
    };
    loop->io = loop->driver->open(loop->driver, &setup, error);
    if (loop->io == NULL) {
        stack_pool_close(&loop->stacks);
        return false;
    }
    loop->clock = options->clock != NULL ? options->clock : loop->driver->clock(loop->io);
    return true;
}

struct loop *loop_create(const struct loop_options *options, struct error *error)
{
    ASSERT(thread_loop == NULL);
    struct loop *loop = aligned_alloc(_Alignof(struct loop), sizeof *loop);
    if (loop == NULL) {
        error_set(error, ERROR_BUSY, NULL, "no memory for an event loop");
        return NULL;
    }
    *loop = (struct loop){
        .driver = options->driver != NULL ? options->driver : &io_ring_driver,
        .fibers_max = options->fibers_max == 0 ? FIBERS_MAX_DEFAULT : options->fibers_max,
    };
    list_init(&loop->ready);
    list_init(&loop->fibers);
    list_init(&loop->errands);
    list_init(&loop->parked);
    if (!open_parts(loop, options, error)) {
        free(loop);
        return NULL;
    }
    refresh_time(loop);
    timer_wheel_init(&loop->timers, loop->now_ns);
    thread_loop = loop;
    return loop;
}

void loop_destroy(struct loop *loop)
{
    ASSERT(loop == thread_loop && loop->current == NULL);
    ASSERT(loop->fibers_count == 0 && list_is_empty(&loop->parked));
    while (atomic_load(&loop->visitors) != 0)
        (void)sched_yield();
    thread_loop = NULL;
    loop->driver->close(loop->io);
    stack_pool_close(&loop->stacks);
    free(loop);
}

const struct loop_counters *loop_counters(const struct loop *loop)
{
    return &loop->counters;
}

/* ---- other threads ---- */

/* Whoever publishes something looks at `asleep` afterwards; the loop sets `asleep`, then looks at what is published.
 * All four are sequentially consistent, so at least one of the two sees the other. */
static void wake_if_asleep(struct loop *loop)
{
    if (atomic_load(&loop->asleep) && atomic_exchange(&loop->asleep, false))
        loop->driver->wake(loop->io);
}

/* The message, or the stop, may end the loop before its sender has returned: loop_destroy waits for whoever is inside.
 */
static void enter_from_outside(struct loop *loop)
{
    atomic_fetch_add(&loop->visitors, 1);
}

static void leave_from_outside(struct loop *loop)
{
    atomic_fetch_sub(&loop->visitors, 1);
}

void loop_post(struct loop *loop, struct loop_message *message)
{
    enter_from_outside(loop);
    struct loop_message *first = atomic_load_explicit(&loop->inbox, memory_order_relaxed);
    do
        message->next = first;
    while (!atomic_compare_exchange_weak(&loop->inbox, &first, message));
    wake_if_asleep(loop);
    leave_from_outside(loop);
}

void loop_stop(struct loop *loop, deadline_t stop_deadline)
{
    enter_from_outside(loop);
    atomic_store(&loop->stop_deadline, stop_deadline);
    atomic_store(&loop->stop_requested, true);
    wake_if_asleep(loop);
    leave_from_outside(loop);
}

static struct loop_message *reversed(struct loop_message *list)
{
    struct loop_message *result = NULL;
    while (list != NULL) {
        struct loop_message *next = list->next;
        list->next = result;
        result = list;
        list = next;
    }
    return result;
}

static void deliver_messages(struct loop *loop)
{
    if (atomic_load_explicit(&loop->inbox, memory_order_relaxed) == NULL)
        return;
    struct loop_message *message = reversed(atomic_exchange(&loop->inbox, NULL));
    while (message != NULL) {
        struct loop_message *next = message->next;
        counter_add(&loop->counters.messages, 1);
        message->deliver(message);
        message = next;
    }
}

/* ---- stopping ---- */

static void cancel_fibers(struct timer *timer)
{
    struct loop *loop = LIST_ELEMENT(timer, struct loop, stop_timer);
    loop->phase = LOOP_CANCELLING;
    for (struct list_link *link = loop->fibers.next; link != &loop->fibers; link = link->next)
        fiber_cancel(LIST_ELEMENT(link, struct fiber, siblings));
}

static void begin_stopping(struct loop *loop)
{
    if (!atomic_load_explicit(&loop->stop_requested, memory_order_relaxed) ||
        !atomic_exchange(&loop->stop_requested, false))
        return;
    if (loop->phase == LOOP_RUNNING) {
        loop->phase = LOOP_STOPPING;
        stream_expire_parked(loop);
    }
    if (loop->phase == LOOP_STOPPING) { /* a second request may bring a nearer deadline */
        timer_disarm(&loop->timers, &loop->stop_timer);
        loop->stop_timer.expired = cancel_fibers;
        timer_arm(&loop->timers, &loop->stop_timer, atomic_load(&loop->stop_deadline));
    }
}

static bool has_ended(const struct loop *loop)
{
    return loop->phase != LOOP_RUNNING && loop->fibers_count == 0 && list_is_empty(&loop->parked);
}

/* ---- the turn ---- */

bool loop_has_work(struct loop *loop)
{
    return !list_is_empty(&loop->ready) || atomic_load_explicit(&loop->inbox, memory_order_relaxed) != NULL ||
           loop->driver->has_work(loop->io);
}

static void do_io(struct loop *loop)
{
    run_errands(loop);
    if (!list_is_empty(&loop->ready)) {
        loop->driver->turn(loop->io, 0);
        refresh_time(loop);
        return;
    }
    uint64_t busy_until = clock_monotonic_ns(loop->clock);
    counter_add(&loop->counters.busy_ns, busy_until - loop->busy_since_ns);
    atomic_store(&loop->asleep, true);
    bool is_awaited = atomic_load(&loop->inbox) != NULL || atomic_load(&loop->stop_requested);
    loop->driver->turn(loop->io, is_awaited ? 0 : timer_wheel_next(&loop->timers));
    atomic_store_explicit(&loop->asleep, false, memory_order_relaxed);
    refresh_time(loop);
    loop->busy_since_ns = loop->now_ns;
}

/* Those that are ready now: who becomes ready meanwhile runs in the next turn, after I/O. */
static void run_ready(struct loop *loop)
{
    struct list_link *last = loop->ready.previous;
    if (last == &loop->ready)
        return;
    struct list_link *link;
    do {
        link = list_take_first(&loop->ready);
        fiber_run(loop, LIST_ELEMENT(link, struct fiber, ready));
    } while (link != last);
}

void loop_run(struct loop *loop)
{
    ASSERT(loop == thread_loop && loop->current == NULL);
    refresh_time(loop);
    loop->busy_since_ns = loop->now_ns;
    do {
        do_io(loop);
        deliver_messages(loop);
        begin_stopping(loop);
        timer_wheel_advance(&loop->timers, loop->now_ns);
        run_ready(loop);
        counter_add(&loop->counters.turns, 1);
    } while (!has_ended(loop));
    run_errands(loop);
    timer_disarm(&loop->timers, &loop->stop_timer);
}
