/* runtime/fiber/timer.h -- many deadlines, one clock: a hierarchical wheel; private to runtime/.
 *
 * Arming and disarming cost a few instructions whatever their number, because nearly all deadlines are disarmed before
 * they pass. A tick is 2^20 ns, about a millisecond: a timer never fires early, and at most a tick (plus one turn of
 * the loop) late. */
#pragma once

#include "runtime/base/clock.h"
#include "runtime/base/list.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    TIMER_TICK_BITS = 20,
    TIMER_SLOT_BITS = 6, /* one word of 64 bits says which slots of a level are in use */
    TIMER_SLOTS = 1 << TIMER_SLOT_BITS,
    TIMER_LEVELS = 8, /* 8 * 6 bits hold every tick of 64 bits of nanoseconds */
};

/* Lives in its owner. Zeroed: not armed. */
struct timer {
    struct list_link link;
    deadline_t deadline;
    void (*expired)(struct timer *timer); /* called by timer_wheel_advance, when disarmed again */
    uint8_t level;
    uint8_t slot;
};

struct timer_wheel {
    uint64_t now; /* in ticks: every tick up to here has been looked at */
    uint64_t used[TIMER_LEVELS];
    struct list_link slots[TIMER_LEVELS][TIMER_SLOTS];
};

void timer_wheel_init(struct timer_wheel *wheel, uint64_t now_ns);

/* DEADLINE_NONE arms nothing; a deadline that has passed fires with the next tick. The timer must not be armed. */
void timer_arm(struct timer_wheel *wheel, struct timer *timer, deadline_t deadline);
/* Also of one that is not armed. */
void timer_disarm(struct timer_wheel *wheel, struct timer *timer);

static inline bool timer_is_armed(const struct timer *timer)
{
    return timer->link.next != NULL;
}

/* Fires what is due. */
void timer_wheel_advance(struct timer_wheel *wheel, uint64_t now_ns);

/* When advance has something to do next: the earliest deadline's tick, or, where many timers are, perhaps earlier.
 * DEADLINE_NONE when no timer is armed. */
deadline_t timer_wheel_next(const struct timer_wheel *wheel);
