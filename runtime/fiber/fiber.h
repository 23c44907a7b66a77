/* runtime/fiber/fiber.h -- stackful coroutines: how a handler waits without a callback.
 *
 * A fiber belongs to the loop (shard thread) that spawned it and never leaves it. It runs until it suspends; nothing
 * preempts it, so code between two suspension points is atomic for everything of the same shard. A function that may
 * suspend says SUSPENDS in its prototype: after it, re-check what you assumed. Never suspend inside a parser, a
 * library's callback, or while holding a lock or an LMDB transaction.
 *
 * Stacks come from a guarded pool: 64 KiB of address space each (256 KiB under sanitizers), given back to the pool
 * when the entry function returns. Keep frames small: anything above 4 KiB belongs into an arena or a buffer. */
#pragma once

#include "runtime/base/clock.h"
#include "runtime/base/error.h"
#include "runtime/base/list.h"

#include <stdbool.h>

/* Marks a function during which other fibers of the shard may run. */
#define SUSPENDS

struct fiber;
typedef void fiber_entry(void *argument);

/* Starts a fiber on the calling thread's loop; it first runs when the loop next runs ready fibers. `name` is static.
 * False (ERROR_BUSY) when the loop's cap on fibers is reached. */
bool fiber_spawn(const char *name, fiber_entry *entry, void *argument, struct error *error);

/* The running fiber, or NULL outside of one. */
struct fiber *fiber_current(void);
const char *fiber_name(const struct fiber *fiber);

/* Lets the other ready fibers run, and I/O complete, before it returns. */
SUSPENDS void fiber_yield(void);

/* The same, but only if this fiber has had its slice (about 0.5 ms) and others wait: call it between the slices of long
 * computations. */
SUSPENDS void fiber_yield_if_due(void);

/* Ends the fiber's current wait and every later one with -ECANCELED (ERROR_CANCELLED) until it returns. */
void fiber_cancel(struct fiber *fiber);
bool fiber_is_cancelled(void);

/* The pair below is what wait queues, pools and I/O are built of; handlers use those instead.
 * fiber_suspend returns after some fiber_wake of this fiber (same thread only); a wake that comes while it is not
 * suspended is an error of the programmer. */
SUSPENDS void fiber_suspend(void);
void fiber_wake(struct fiber *fiber);
