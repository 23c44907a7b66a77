/* runtime/fiber/timer.c -- many deadlines, one clock: a hierarchical wheel.
 *
 * A tick is a number of TIMER_LEVELS groups of 6 bits. A timer lies on the level of the highest group in which its tick
 * differs from the wheel's, in the slot that this group names. So all slots in use lie ahead of the wheel's own, those
 * of a lower level come before those of a higher one, and the first bit of the lowest level in use is what comes next.
 */
#include "runtime/fiber/timer.h"

#include "runtime/base/assert.h"

void timer_wheel_init(struct timer_wheel *wheel, uint64_t now_ns)
{
    wheel->now = now_ns >> TIMER_TICK_BITS;
    for (unsigned level = 0; level < TIMER_LEVELS; level++) {
        wheel->used[level] = 0;
        for (unsigned slot = 0; slot < TIMER_SLOTS; slot++)
            list_init(&wheel->slots[level][slot]);
    }
}

/* The first tick at which the deadline has passed. */
static uint64_t tick_of(deadline_t deadline)
{
    return (deadline >> TIMER_TICK_BITS) + ((deadline & ((1U << TIMER_TICK_BITS) - 1)) != 0);
}

static void insert(struct timer_wheel *wheel, struct timer *timer, uint64_t tick)
{
    unsigned level = (63U - (unsigned)__builtin_clzll(tick ^ wheel->now)) / TIMER_SLOT_BITS;
    unsigned slot = (tick >> (level * TIMER_SLOT_BITS)) % TIMER_SLOTS;
    timer->level = (uint8_t)level;
    timer->slot = (uint8_t)slot;
    wheel->used[level] |= 1ULL << slot;
    list_append(&wheel->slots[level][slot], &timer->link);
}

void timer_arm(struct timer_wheel *wheel, struct timer *timer, deadline_t deadline)
{
    ASSERT(!timer_is_armed(timer));
    timer->deadline = deadline;
    if (deadline == DEADLINE_NONE)
        return;
    uint64_t tick = tick_of(deadline);
    insert(wheel, timer, tick > wheel->now ? tick : wheel->now + 1);
}

void timer_disarm(struct timer_wheel *wheel, struct timer *timer)
{
    if (!timer_is_armed(timer))
        return;
    list_remove(&timer->link);
    timer->link.next = NULL;
    if (list_is_empty(&wheel->slots[timer->level][timer->slot]))
        wheel->used[timer->level] &= ~(1ULL << timer->slot);
}

/* The next slot in use, and the tick at which it begins. False when there is none. */
static bool find_next(const struct timer_wheel *wheel, unsigned *ret_level, unsigned *ret_slot, uint64_t *ret_tick)
{
    for (unsigned level = 0; level < TIMER_LEVELS; level++) {
        if (wheel->used[level] == 0)
            continue;
        unsigned shift = level * TIMER_SLOT_BITS;
        unsigned slot = (unsigned)__builtin_ctzll(wheel->used[level]);
        uint64_t above = wheel->now >> shift >> TIMER_SLOT_BITS << TIMER_SLOT_BITS;
        *ret_level = level;
        *ret_slot = slot;
        *ret_tick = (above | slot) << shift;
        return true;
    }
    return false;
}

/* The wheel has reached the beginning of a slot: its timers fire or move to lower levels. */
static void empty_slot(struct timer_wheel *wheel, unsigned level, unsigned slot)
{
    struct list_link due;
    list_init(&due);
    wheel->used[level] &= ~(1ULL << slot);
    struct list_link *link;
    while ((link = list_take_first(&wheel->slots[level][slot])) != NULL) {
        struct timer *timer = LIST_ELEMENT(link, struct timer, link);
        uint64_t tick = tick_of(timer->deadline);
        if (tick > wheel->now)
            insert(wheel, timer, tick);
        else
            list_append(&due, link);
    }
    while ((link = list_take_first(&due)) != NULL) {
        struct timer *timer = LIST_ELEMENT(link, struct timer, link);
        link->next = NULL;
        timer->expired(timer);
    }
}

void timer_wheel_advance(struct timer_wheel *wheel, uint64_t now_ns)
{
    uint64_t target = now_ns >> TIMER_TICK_BITS;
    unsigned level, slot;
    uint64_t tick;
    while (wheel->now < target && find_next(wheel, &level, &slot, &tick) && tick <= target) {
        wheel->now = tick;
        empty_slot(wheel, level, slot);
    }
    if (wheel->now < target)
        wheel->now = target;
}

/* The first timer of a slot of a higher level, so that a loop with little to do is not woken only to sort it into a
 * lower one. Of many timers it is not worth a search: then, and of the lowest level, when the slot `begins`. */
static uint64_t first_tick(const struct timer_wheel *wheel, unsigned level, unsigned slot, uint64_t begins)
{
    enum { SEARCHED_MAX = 8 };
    const struct list_link *list = &wheel->slots[level][slot];
    uint64_t first = UINT64_MAX;
    unsigned count = 0;
    if (level == 0)
        return begins;
    for (const struct list_link *link = list->next; link != list; link = link->next) {
        uint64_t tick = tick_of(LIST_ELEMENT(link, struct timer, link)->deadline);
        if (++count > SEARCHED_MAX)
            return begins;
        first = tick < first ? tick : first;
    }
    return first > begins ? first : begins;
}

deadline_t timer_wheel_next(const struct timer_wheel *wheel)
{
    unsigned level, slot;
    uint64_t tick;
    if (!find_next(wheel, &level, &slot, &tick))
        return DEADLINE_NONE;
    return first_tick(wheel, level, slot, tick) << TIMER_TICK_BITS;
}
