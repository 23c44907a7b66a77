/* runtime/fiber/loop.h -- one thread's event loop: ring, fibers, timers, messages from other threads.
 *
 * A loop is created on the thread that runs it, and everything of it is used on that thread only; loop_post and
 * loop_stop are the two exceptions. The thread's loop is implicit: verbs of io.h, fiber.h, wait.h act on it.
 *
 * loop_run: submit and wait (until a completion, a message or the next timer) -> collect completions -> timers ->
 * run ready fibers -> repeat, until loop_stop. After loop_stop it goes on until no fiber is left, or
 * `stop_deadline` has passed: then fibers are cancelled. */
#pragma once

#include "runtime/base/clock.h"
#include "runtime/base/error.h"
#include "runtime/base/list.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct loop;
struct io_driver; /* io.h: the ring, or the simulator */

struct loop_options {
    unsigned ring_entries;          /* submission queue, a power of two; 0: 1024 */
    unsigned fibers_max;            /* 0: 16384 */
    const struct io_driver *driver; /* NULL: io_uring */
    const struct clock *clock;      /* NULL: the system's */
};

/* NULL on failure; a kernel that refuses io_uring is named with the setting to change (kernel.io_uring_disabled,
 * seccomp, kernel older than 6.1). */
struct loop *loop_create(const struct loop_options *options, struct error *error);
void loop_run(struct loop *loop);
/* Waits for threads that are still inside loop_post or loop_stop; nobody may enter them any more. */
void loop_destroy(struct loop *loop);

/* Any thread. */
void loop_stop(struct loop *loop, deadline_t stop_deadline);

/* The calling thread's loop, or NULL. */
struct loop *loop_current(void);

/* Monotonic time as of this turn of the loop: cheap, at most one turn old. loop_clock is exact. */
uint64_t loop_now_ns(void);
const struct clock *loop_clock(void);
deadline_t deadline_after_ms(uint64_t milliseconds);
/* Wall clock, milliseconds since 1970, as of this turn. */
int64_t loop_wall_ms(void);

/* A message from any thread to a loop: `deliver` runs on the loop's thread, outside of any fiber, must not suspend, and
 * typically wakes a fiber or spawns one. The message's memory belongs to the sender and is free again once deliver
 * runs. Lock-free; the loop is woken only when it sleeps. */
struct loop_message {
    struct loop_message *next; /* the loop's */
    void (*deliver)(struct loop_message *message);
};
void loop_post(struct loop *loop, struct loop_message *message);

/* What must have been done when anything that was submitted in this turn of the loop reaches the kernel: bytes of all
 * fibers that go into a file by one write before their requests leave, say. `run` is called once after each
 * loop_run_before_io, on the loop's thread, perhaps in the midst of a fiber; it must not suspend or submit. Set up by
 * list_init(&errand.link); its memory stays until it has run, or the loop is gone. */
struct loop_errand {
    struct list_link link; /* the loop's, while it waits */
    void (*run)(struct loop_errand *errand);
};
/* This thread's loop. One that waits already is left as it is. */
void loop_run_before_io(struct loop_errand *errand);

/* Counters of this loop, for /metrics; readable from any thread (relaxed, each exact in itself). */
struct loop_counters {
    _Atomic uint64_t turns;
    _Atomic uint64_t submissions;
    _Atomic uint64_t completions;
    _Atomic uint64_t cq_overflows;
    _Atomic uint64_t fiber_switches;
    _Atomic uint64_t fibers_live;
    _Atomic uint64_t messages;
    _Atomic uint64_t busy_ns; /* time not spent waiting */
};
const struct loop_counters *loop_counters(const struct loop *loop);
