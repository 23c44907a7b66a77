/* runtime/fiber/fiber.c -- stackful coroutines: spawn, suspend, wake, cancel. */
#include "runtime/fiber/fiber.h"

#include "runtime/base/assert.h"
#include "runtime/fiber/errand.h"
#include "runtime/fiber/fiber_switch.h"
#include "runtime/fiber/loop_private.h"

#include <errno.h>

#if defined(__SANITIZE_ADDRESS__)
#define FIBER_ASAN 1
#elif defined(__SANITIZE_THREAD__)
#define FIBER_TSAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define FIBER_ASAN 1
#elif __has_feature(thread_sanitizer)
#define FIBER_TSAN 1
#endif
#endif

#ifdef FIBER_ASAN
#include <sanitizer/common_interface_defs.h>
#endif
#ifdef FIBER_TSAN
#include <sanitizer/tsan_interface.h>
#endif

enum {
    SLICE_NS = 500 * 1000,
    /* Fibers would otherwise all use the same sets of the first-level cache for the tops of their stacks. */
    COLOUR_BYTES = 256,
    COLOURS = 8,
};

/* ---- what sanitizers are told around a switch ---- */

static void before_entering(struct loop *loop, struct fiber *fiber)
{
#ifdef FIBER_ASAN
    __sanitizer_start_switch_fiber(&loop->sanitizer, fiber->stack, STACK_BYTES);
#elif defined(FIBER_TSAN)
    loop->sanitizer = __tsan_get_current_fiber();
    __tsan_switch_to_fiber(fiber->sanitizer, 0);
#else
    (void)loop;
    (void)fiber;
#endif
}

static void after_entering(struct loop *loop, struct fiber *fiber)
{
#ifdef FIBER_ASAN
    __sanitizer_finish_switch_fiber(fiber->sanitizer, &loop->thread_stack, &loop->thread_stack_bytes);
#else
    (void)loop;
    (void)fiber;
#endif
}

static void before_leaving(struct loop *loop, struct fiber *fiber)
{
#ifdef FIBER_ASAN
    bool ended = fiber->state == FIBER_ENDED;
    __sanitizer_start_switch_fiber(ended ? NULL : &fiber->sanitizer, loop->thread_stack, loop->thread_stack_bytes);
#elif defined(FIBER_TSAN)
    (void)fiber;
    __tsan_switch_to_fiber(loop->sanitizer, 0);
#else
    (void)loop;
    (void)fiber;
#endif
}

static void after_leaving(struct loop *loop)
{
#ifdef FIBER_ASAN
    __sanitizer_finish_switch_fiber(loop->sanitizer, NULL, NULL);
#else
    (void)loop;
#endif
}

static void create_sanitizer_state(struct fiber *fiber)
{
#ifdef FIBER_TSAN
    fiber->sanitizer = __tsan_create_fiber(0);
    __tsan_set_fiber_name(fiber->sanitizer, fiber->name);
#else
    (void)fiber;
#endif
}

static void destroy_sanitizer_state(struct fiber *fiber)
{
#ifdef FIBER_TSAN
    __tsan_destroy_fiber(fiber->sanitizer);
#else
    (void)fiber;
#endif
}

/* ---- life ---- */

static struct fiber *place(void *stack)
{
    size_t colour = ((uintptr_t)stack / (STACK_BYTES + STACK_GUARD_BYTES)) % COLOURS;
    uintptr_t top = (uintptr_t)stack + STACK_BYTES - colour * COLOUR_BYTES - sizeof(struct fiber);
    return (struct fiber *)(top & ~(uintptr_t)63);
}

const char *fiber_name_of_stack(void *stack)
{
    return place(stack)->name;
}

static void leave(struct loop *loop, struct fiber *fiber)
{
    before_leaving(loop, fiber);
    fiber_switch(&fiber->saved, loop->saved);
    after_entering(loop, fiber);
}

static void begin(void *argument)
{
    struct fiber *fiber = argument;
    struct loop *loop = loop_here();
    after_entering(loop, fiber);
    fiber->entry(fiber->argument);
    fiber->state = FIBER_ENDED;
    leave(loop, fiber);
    UNREACHABLE();
}

bool fiber_spawn(const char *name, fiber_entry *entry, void *argument, struct error *error)
{
    struct loop *loop = loop_here();
    if (loop->fibers_count >= loop->fibers_max)
        return error_set(error, ERROR_BUSY, NULL, "all %zu fibers of the shard are in use", loop->fibers_max);
    void *stack = stack_take(&loop->stacks);
    if (stack == NULL)
        return error_set(error, ERROR_BUSY, NULL, "no memory for the stack of a further fiber (there are %zu)",
                         loop->fibers_count);
    struct fiber *fiber = place(stack);
    *fiber = (struct fiber){
        .state = FIBER_READY,
        .cancelled = loop->phase == LOOP_CANCELLING,
        .name = name,
        .entry = entry,
        .argument = argument,
        .stack = stack,
    };
    fiber->saved = fiber_switch_prepare(fiber, begin, fiber);
    create_sanitizer_state(fiber);
    list_append(&loop->fibers, &fiber->siblings);
    list_append(&loop->ready, &fiber->ready);
    loop->fibers_count++;
    atomic_store_explicit(&loop->counters.fibers_live, loop->fibers_count, memory_order_relaxed);
    return true;
}

static void end(struct loop *loop, struct fiber *fiber)
{
    destroy_sanitizer_state(fiber);
    list_remove(&fiber->siblings);
    loop->fibers_count--;
    atomic_store_explicit(&loop->counters.fibers_live, loop->fibers_count, memory_order_relaxed);
    stack_give_back(&loop->stacks, fiber->stack);
}

void fiber_run(struct loop *loop, struct fiber *fiber)
{
    ASSERT(loop->current == NULL && fiber->state == FIBER_READY);
    loop->current = fiber;
    fiber->state = FIBER_RUNNING;
    counter_add(&loop->counters.fiber_switches, 1);
    before_entering(loop, fiber);
    fiber_switch(&loop->saved, fiber->saved);
    after_leaving(loop);
    loop->current = NULL;
    if (fiber->state == FIBER_ENDED)
        end(loop, fiber);
}

/* ---- the verbs ---- */

struct fiber *fiber_current(void)
{
    struct loop *loop = loop_current();
    return loop == NULL ? NULL : loop->current;
}

const char *fiber_name(const struct fiber *fiber)
{
    return fiber->name;
}

SUSPENDS void fiber_suspend(void)
{
    struct loop *loop = loop_here();
    struct fiber *fiber = loop->current;
    ASSERT(fiber != NULL);
    fiber->state = FIBER_SUSPENDED;
    leave(loop, fiber);
}

void fiber_wake(struct fiber *fiber)
{
    ASSERT(fiber->state == FIBER_SUSPENDED);
    fiber->state = FIBER_READY;
    list_append(&loop_here()->ready, &fiber->ready);
}

SUSPENDS void fiber_yield(void)
{
    struct loop *loop = loop_here();
    struct fiber *fiber = loop->current;
    ASSERT(fiber != NULL);
    fiber->state = FIBER_READY;
    list_append(&loop->ready, &fiber->ready);
    leave(loop, fiber);
}

SUSPENDS void fiber_yield_if_due(void)
{
    struct loop *loop = loop_current();
    if (loop == NULL || loop->current == NULL)
        return; /* on a thread of its own it is in nobody's way */
    /* Measured from the beginning of the turn: whoever ran before in the same turn has made the others wait, too. */
    if (clock_monotonic_ns(loop->clock) - loop->now_ns < SLICE_NS)
        return;
    if (loop_has_work(loop))
        fiber_yield();
}

void fiber_cancel(struct fiber *fiber)
{
    fiber->cancelled = true;
    if (fiber->wait != NULL)
        fiber->wait->interrupt(fiber->wait, -ECANCELED);
}

bool fiber_is_cancelled(void)
{
    struct fiber *fiber = fiber_current();
    return fiber != NULL && fiber->cancelled;
}

void errand_set(const struct errand *errand)
{
    fiber_current()->errand = errand;
}

bool errand_is_in_vain(void)
{
    const struct fiber *fiber = fiber_current();
    return fiber != NULL && fiber->errand != NULL && fiber->errand->is_in_vain(fiber->errand->argument);
}
