/* journal/fiber_scheduler.c -- the journal's tasks as fibers, which stop when they are told. */
#include "journal/fiber_scheduler.h"

#include "runtime/base/assert.h"
#include "runtime/fiber/loop.h"

#include <stdlib.h>

enum { STOPPED_WAIT_MS = 2 }; /* of whoever goes on waiting although the scheduler stops */

struct task {
    struct fiber_scheduler *scheduler;
    void (*entry)(void *argument);
    void *argument;
};

/* A wait under way, so that stopping finds it. */
struct waiting {
    struct list_link link;
    struct wait_queue *queue;
};

static struct fiber_scheduler *of(struct journal_scheduler *base)
{
    return LIST_ELEMENT(base, struct fiber_scheduler, base);
}

/* Somebody else runs before it returns, also when the fiber has been cancelled. */
SUSPENDS static void give_way(struct wait_queue *queue)
{
    struct error error;
    if (!wait_for(queue, deadline_after_ms(STOPPED_WAIT_MS), &error) && error.kind == ERROR_CANCELLED)
        fiber_yield();
}

SUSPENDS static bool wait(struct journal_scheduler *base, struct wait_queue *queue, deadline_t deadline)
{
    struct fiber_scheduler *scheduler = of(base);
    if (scheduler->is_stopping || fiber_is_cancelled()) {
        give_way(queue);
        return false;
    }
    struct waiting waiting = {.queue = queue};
    struct error error;
    list_append(&scheduler->waits, &waiting.link);
    bool is_cancelled = !wait_for(queue, deadline, &error) && error.kind == ERROR_CANCELLED;
    list_remove(&waiting.link);
    return !scheduler->is_stopping && !is_cancelled;
}

SUSPENDS static bool sleep_until(struct journal_scheduler *base, deadline_t deadline)
{
    struct fiber_scheduler *scheduler = of(base);
    struct error error;
    while (!scheduler->is_stopping) {
        if (wait_for(&scheduler->sleepers, deadline, &error))
            continue;
        if (error.kind == ERROR_CANCELLED)
            break;
        return !scheduler->is_stopping;
    }
    fiber_yield();
    return false;
}

static void wake_all(struct journal_scheduler *base, struct wait_queue *queue)
{
    (void)base;
    wait_wake_all(queue);
}

SUSPENDS static void run(void *argument)
{
    struct task task = *(struct task *)argument;
    free(argument);
    task.entry(task.argument);
    task.scheduler->tasks--;
    wait_wake_all(&task.scheduler->ended);
}

static bool spawn(struct journal_scheduler *base, const char *name, void (*entry)(void *argument), void *argument)
{
    struct fiber_scheduler *scheduler = of(base);
    struct task *task = malloc(sizeof *task);
    struct error error;
    ASSERT(task != NULL);
    *task = (struct task){scheduler, entry, argument};
    if (scheduler->is_stopping || !fiber_spawn(name, run, task, &error)) {
        free(task);
        return false;
    }
    scheduler->tasks++;
    return true;
}

void fiber_scheduler_init(struct fiber_scheduler *scheduler)
{
    *scheduler = (struct fiber_scheduler){.base = {sleep_until, wait, wake_all, spawn}};
    list_init(&scheduler->waits);
    wait_queue_init(&scheduler->sleepers);
    wait_queue_init(&scheduler->ended);
}

bool fiber_scheduler_stop(struct fiber_scheduler *scheduler, deadline_t deadline)
{
    struct error error;
    scheduler->is_stopping = true;
    wait_wake_all(&scheduler->sleepers);
    /* wakes only: what they hold of the list goes when they run */
    for (struct list_link *link = scheduler->waits.next; link != &scheduler->waits; link = link->next)
        wait_wake_all(LIST_ELEMENT(link, struct waiting, link)->queue);
    while (scheduler->tasks > 0 && loop_now_ns() < deadline) {
        if (!wait_for(&scheduler->ended, deadline, &error) && error.kind == ERROR_CANCELLED)
            fiber_yield();
    }
    return scheduler->tasks == 0;
}
