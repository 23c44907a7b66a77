/* runtime/fiber/parallel.c -- fibers that take the next thing until there is none. */
#include "runtime/fiber/parallel.h"

#include "runtime/base/assert.h"
#include "runtime/fiber/wait.h"

enum { FIBERS_MAX = 64 };

struct crew {
    void (*work)(void *context, unsigned index);
    void *context;
    unsigned count;
    unsigned next;
    unsigned running;
    struct wait_queue ended;
};

SUSPENDS static void work_on(struct crew *crew)
{
    while (crew->next < crew->count)
        crew->work(crew->context, crew->next++);
}

static void run_worker(void *argument)
{
    struct crew *crew = argument;
    work_on(crew);
    crew->running--;
    wait_wake_all(&crew->ended);
}

SUSPENDS void parallel_run(unsigned count, unsigned at_once, void (*work)(void *context, unsigned index), void *context)
{
    ASSERT(at_once >= 1 && at_once <= FIBERS_MAX);
    struct crew crew = {.work = work, .context = context, .count = count};
    struct error ignored;
    wait_queue_init(&crew.ended);
    unsigned helpers = count < at_once ? count : at_once;
    for (unsigned i = 1; i < helpers; i++) {
        if (!fiber_spawn("many", run_worker, &crew, &ignored))
            break;
        crew.running++;
    }
    work_on(&crew);
    while (crew.running > 0)
        if (!wait_for(&crew.ended, DEADLINE_NONE, &ignored) && crew.running > 0)
            fiber_yield(); /* cancelled: the others end by themselves, within their deadlines */
}
