/* runtime/fiber/loop_private.h -- what the files of runtime/ know of a loop and its fibers. */
#pragma once

#include "runtime/base/list.h"
#include "runtime/fiber/fiber.h"
#include "runtime/fiber/io_driver.h"
#include "runtime/fiber/loop.h"
#include "runtime/fiber/stack.h"
#include "runtime/fiber/timer.h"

/* What a suspended fiber waits for, so that cancellation can end it. Lives on the fiber's stack. */
struct fiber_wait {
    /* Makes the wait end soon with `reason` (-ECANCELED, -ETIMEDOUT), unless its result comes first. */
    void (*interrupt)(struct fiber_wait *wait, int reason);
};

enum fiber_state { FIBER_READY, FIBER_RUNNING, FIBER_SUSPENDED, FIBER_ENDED };

/* Lies at the top of its stack. */
struct fiber {
    void *saved; /* context, while it does not run */
    enum fiber_state state;
    bool cancelled;
    const char *name;
    struct fiber_wait *wait;
    struct list_link ready;    /* in loop.ready */
    struct list_link siblings; /* in loop.fibers */
    fiber_entry *entry;
    void *argument;
    const struct errand *errand;
    void *stack;
    void *sanitizer; /* ASan's fake stack, or TSan's fiber */
};

enum loop_phase { LOOP_RUNNING, LOOP_STOPPING, LOOP_CANCELLING };

struct loop {
    const struct io_driver *driver;
    struct io_context *io;
    const struct clock *clock;
    uint64_t now_ns;
    uint64_t busy_since_ns;
    int64_t wall_ms; /* 0: not read in this turn */
    struct timer_wheel timers;

    struct fiber *current;
    void *saved; /* the thread's own context, while a fiber runs */
    void *sanitizer;
    const void *thread_stack; /* for ASan */
    size_t thread_stack_bytes;
    struct list_link ready;
    struct list_link fibers;
    size_t fibers_count;
    size_t fibers_max;
    struct stack_pool stacks;

    struct list_link errands; /* before the kernel is entered */
    struct list_link parked;  /* streams: expired when the loop stops */
    enum loop_phase phase;
    struct timer stop_timer;

    _Alignas(64) struct loop_counters counters;

    /* Written by other threads. */
    _Alignas(64) _Atomic(struct loop_message *) inbox; /* the last posted first */
    _Atomic unsigned visitors;                         /* other threads inside loop_post or loop_stop */
    atomic_bool asleep;
    atomic_bool stop_requested;
    _Atomic deadline_t stop_deadline;
};

/* The thread's loop; it must have one. */
struct loop *loop_here(void);

/* Whether anything but the running fiber has something to do. */
bool loop_has_work(struct loop *loop);

/* fiber.c, for loop.c: runs one until it suspends or ends. */
void fiber_run(struct loop *loop, struct fiber *fiber);
const char *fiber_name_of_stack(void *stack);

/* stream.c, for loop.c. */
void stream_expire_parked(struct loop *loop);
