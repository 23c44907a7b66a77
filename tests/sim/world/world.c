/* tests/sim/world/world.c -- the simulated world: events, tasks, processes. */
#include "tests/sim/world/world.h"

#include "journal/format/op.h"
#include "journal/mutation.h"
#include "runtime/base/assert.h"
#include "runtime/fiber/fiber_switch.h"
#include "tests/sim/coverage.h"
#include "tests/sim/oracle/fates.h"
#include "tests/sim/world/faults.h"
#include "tests/sim/world/objects.h"
#include "tests/sim/world/requests.h"

#include <stdlib.h>
#include <sys/mman.h>

enum { STACK_BYTES = 256 << 10, GUARD_BYTES = 4096, TASKS_MAX = 320 };

struct task {
    void *context, *stack;
    struct process *process;
    void (*entry)(void *);
    void *argument;
    bool is_used, is_ended;
    uint64_t wake_number; /* events for earlier waits are stale */
    struct progress progress;
};

/* Something to do at its time: a task to resume, or a function to call. */
struct event {
    uint64_t wake_number;
    struct task *task;
    void (*happen)(void *argument);
    void (*drop)(void *argument);
    void *argument;
};

/* What lies in the heap: when, and which. */
struct due {
    uint64_t time, tie;
    uint32_t event;
};

bool world_faults;

static struct {
    uint64_t now, trace;
    struct random_seeded seeded;
    struct random_source random;
    struct due *due; /* a heap */
    size_t due_count, due_capacity;
    struct event *events; /* as many places as the heap has */
    uint32_t *unused;     /* places in it: those from due_count on */
    struct task tasks[TASKS_MAX];
    unsigned tasks_count;             /* behind these none has ever been used */
    const void *waits_for[TASKS_MAX]; /* apart from the tasks: whoever is woken is looked for often */
    struct task *current;
    void *main_context;
} world;

/* ---- chance and time ---- */

uint64_t world_now(void)
{
    return world.now;
}

uint64_t world_trace(void)
{
    return world.trace;
}

const struct random_source *world_random(void)
{
    return &world.random;
}

uint64_t world_below(uint64_t bound)
{
    return random_below(&world.random, bound);
}

bool world_chance(unsigned permille)
{
    return permille > 0 && world_below(1000) < permille;
}

void world_note(uint64_t what)
{
    world.trace = (world.trace ^ what ^ world.now) * UINT64_C(0x100000001b3) + 0x9e37;
}

uint64_t world_heavy_tail(uint64_t most)
{
    uint64_t range = most;
    for (unsigned i = 0; i < 6 && world_below(2); i++)
        range /= 4;
    return 1 + world_below(range + 1);
}

/* ---- events: a heap of four children each ---- */

enum { CHILDREN = 4 };

static bool is_before(const struct due *a, const struct due *b)
{
    return a->time != b->time ? a->time < b->time : a->tie < b->tie;
}

static void events_grow(void)
{
    size_t capacity = world.due_capacity == 0 ? 256 : 2 * world.due_capacity;
    world.due = realloc(world.due, capacity * sizeof *world.due);
    world.events = realloc(world.events, capacity * sizeof *world.events);
    world.unused = realloc(world.unused, capacity * sizeof *world.unused);
    ASSERT(world.due != NULL && world.events != NULL && world.unused != NULL);
    for (size_t i = world.due_capacity; i < capacity; i++)
        world.unused[i] = (uint32_t)i;
    world.due_capacity = capacity;
}

static void event_add(uint64_t time, struct event event)
{
    if (world.due_count == world.due_capacity)
        events_grow();
    size_t at = world.due_count++;
    struct due due = {time, random_u64(&world.random), world.unused[at]};
    world.events[due.event] = event;
    for (; at > 0 && is_before(&due, &world.due[(at - 1) / CHILDREN]); at = (at - 1) / CHILDREN)
        world.due[at] = world.due[(at - 1) / CHILDREN];
    world.due[at] = due;
}

static struct event event_take(uint64_t *ret_time)
{
    struct due first = world.due[0];
    struct due last = world.due[--world.due_count];
    world.unused[world.due_count] = first.event;
    size_t at = 0;
    for (size_t child; (child = CHILDREN * at + 1) < world.due_count; at = child) {
        size_t end = child + CHILDREN < world.due_count ? child + CHILDREN : world.due_count;
        for (size_t other = child + 1; other < end; other++) {
            if (is_before(&world.due[other], &world.due[child]))
                child = other;
        }
        if (!is_before(&world.due[child], &last))
            break;
        world.due[at] = world.due[child];
    }
    world.due[at] = last;
    *ret_time = first.time;
    return world.events[first.event];
}

/* ---- tasks ---- */

static void task_main(void *argument)
{
    struct task *task = argument;
    task->entry(task->argument);
    task->is_ended = true;
    fiber_switch(&task->context, world.main_context);
    UNREACHABLE();
}

static struct task *spawn(struct process *process, void (*entry)(void *), void *argument)
{
    for (unsigned i = 0; i < TASKS_MAX; i++) {
        struct task *task = &world.tasks[i];
        if (task->is_used)
            continue;
        if (task->stack == NULL) {
            task->stack = mmap(NULL, STACK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
            ASSERT(task->stack != MAP_FAILED && mprotect(task->stack, GUARD_BYTES, PROT_NONE) == 0);
        }
        if (i >= world.tasks_count)
            world.tasks_count = i + 1;
        task->process = process;
        task->entry = entry;
        task->argument = argument;
        task->is_used = true;
        task->is_ended = false;
        world.waits_for[task - world.tasks] = NULL;
        task->wake_number++;
        task->context = fiber_switch_prepare((char *)task->stack + STACK_BYTES, task_main, task);
        task->progress = (struct progress){0};
        event_add(world.now, (struct event){.wake_number = task->wake_number, .task = task});
        return task;
    }
    UNREACHABLE();
}

void world_spawn(struct process *process, void (*entry)(void *), void *argument)
{
    (void)spawn(process, entry, argument);
}

void world_at(uint64_t time, void (*happen)(void *argument), void (*drop)(void *argument), void *argument)
{
    event_add(time, (struct event){.happen = happen, .drop = drop, .argument = argument});
}

struct process *world_process(void)
{
    return world.current == NULL ? NULL : world.current->process;
}

struct progress *world_progress(void)
{
    return &world.current->progress;
}

bool world_is_dead(void)
{
    return world.current != NULL && world.current->process != NULL && world.current->process->is_dead;
}

/* ... or until somebody makes the task ready earlier. */
void world_suspend_until(uint64_t time)
{
    struct task *task = world.current;
    task->wake_number++;
    if (world_is_dead())
        time = world.now + 1; /* whoever waits for another in a circle must not hold the time */
    if (time != DEADLINE_NONE)
        event_add(time, (struct event){.wake_number = task->wake_number, .task = task});
    fiber_switch(&task->context, world.main_context);
}

static void wake(struct task *task)
{
    world.waits_for[task - world.tasks] = NULL;
    task->wake_number++;
    event_add(world.now, (struct event){.wake_number = task->wake_number, .task = task});
}

void world_sleep_ms(uint64_t milliseconds)
{
    world_suspend_until(world.now + milliseconds * MS);
}

unsigned world_tasks_of(const struct process *process)
{
    unsigned count = 0;
    for (unsigned i = 0; i < world.tasks_count; i++)
        count += world.tasks[i].is_used && world.tasks[i].process == process;
    return count;
}

void process_kill(struct process *process)
{
    if (process->is_dead)
        return;
    process->is_dead = true;
    process->stopped_until = 0;
    COVER(crashes);
    process->crashed(process);
    for (unsigned i = 0; i < world.tasks_count; i++) {
        struct task *task = &world.tasks[i];
        if (task->is_used && task->process == process && task != world.current)
            wake(task);
    }
}

/* ---- fate ---- */

struct pause {
    uint64_t generation;
};

static void pause_ends(void *argument)
{
    struct pause *pause = argument;
    COVER_IF(fates_generation() > pause->generation + fates_horizon(), pause_beyond_retention);
    free(pause);
}

static void cover_pause(const struct task *task)
{
    enum stage stage = task->progress.stage;
    COVER_IF(stage >= STAGE_HEAD_READ && stage < STAGE_PUBLISHED, pause_before_publish);
    COVER_IF(stage == STAGE_PUBLISHED, pause_before_delete);
}

static void stand_still(struct process *process)
{
    uint64_t until = world.now + world_heavy_tail(world_rates.pause_ms_max * MS);
    struct pause *pause = malloc(sizeof *pause);
    ASSERT(pause != NULL);
    *pause = (struct pause){fates_generation()};
    world_at(until, pause_ends, free, pause);
    COVER(pauses);
    if (world_below(2)) { /* only this task */
        cover_pause(world.current);
        world_suspend_until(until);
        return;
    }
    process->stopped_until = until;
    for (unsigned i = 0; i < world.tasks_count; i++) {
        if (world.tasks[i].is_used && world.tasks[i].process == process)
            cover_pause(&world.tasks[i]);
    }
}

void world_meet_fate(void)
{
    struct process *process = world.current->process;
    if (process == NULL || !world_faults || process->is_dead)
        return;
    if (world_chance(world_rates.crash))
        process_kill(process);
    else if (world_chance(world_rates.pause))
        stand_still(process);
}

/* Who sleeps for no time lets others run: those of the same thread, whatever they do. */
static uint64_t slice_end(void)
{
    bool takes_time = world_faults && world_rates.slice_ms_max > 0;
    return world.now + (takes_time ? world_heavy_tail(world_rates.slice_ms_max * MS) : 0);
}

static bool scheduler_sleep(struct journal_scheduler *scheduler, deadline_t deadline)
{
    (void)scheduler;
    world_meet_fate();
    if (deadline <= world.now)
        deadline = slice_end();
    progress_slept(&world.current->progress);
    world_suspend_until(deadline);
    return !world_is_dead();
}

static bool scheduler_wait(struct journal_scheduler *scheduler, struct wait_queue *queue, deadline_t deadline)
{
    (void)scheduler;
    world.waits_for[world.current - world.tasks] = queue;
    world_suspend_until(deadline);
    world.waits_for[world.current - world.tasks] = NULL;
    return !world_is_dead();
}

static void scheduler_wake_all(struct journal_scheduler *scheduler, struct wait_queue *queue)
{
    (void)scheduler;
    for (unsigned i = 0; i < world.tasks_count; i++) {
        if (world.waits_for[i] == queue && world.tasks[i].is_used)
            wake(&world.tasks[i]);
    }
}

static bool scheduler_spawn(struct journal_scheduler *scheduler, const char *name, void (*entry)(void *),
                            void *argument)
{
    spawn(LIST_ELEMENT(scheduler, struct process, scheduler), entry, argument)->progress.task = name;
    return true;
}

/* ---- processes ---- */

static int64_t process_wall_ms(void *context)
{
    const struct process *process = context;
    return (int64_t)(world.now / MS) + process->wall_offset_ms + (world_chance(20) ? -50 : 0);
}

static uint64_t process_monotonic_ns(void *context)
{
    (void)context;
    return world.now;
}

void process_begin(struct process *process, unsigned number)
{
    void (*crashed)(struct process *) = process->crashed;
    int64_t years = INT64_C(10) * 365 * 86400 * 1000;
    *process = (struct process){.number = number, .crashed = crashed};
    process->wall_offset_ms =
        world_below(2) ? (int64_t)world_below(2000) : (int64_t)world_below((uint64_t)(2 * years)) - years;
    process->scheduler =
        (struct journal_scheduler){scheduler_sleep, scheduler_wait, scheduler_wake_all, scheduler_spawn};
    process->store = requests_of_process();
    process->clock = (struct clock){process_wall_ms, process_monotonic_ns, process};
}

/* ---- running ---- */

void world_begin(uint64_t seed)
{
    world.random = random_seeded(&world.seeded, seed);
    world.now = UINT64_C(1000000) * MS;
    world.trace = seed;
    fates_begin();
    requests_begin();
}

void world_end(void)
{
    while (world.due_count > 0) {
        uint64_t time;
        struct event event = event_take(&time);
        if (event.happen != NULL)
            event.drop(event.argument);
    }
    objects_clear();
    for (unsigned i = 0; i < TASKS_MAX; i++)
        world.tasks[i].is_used = false;
}

static void resume(struct task *task)
{
    struct process *process = task->process;
    if (process != NULL && !process->is_dead && process->stopped_until > world.now) {
        event_add(process->stopped_until, (struct event){.wake_number = task->wake_number, .task = task});
        return;
    }
    world_note((uint64_t)(task - world.tasks) + 1000);
    world.current = task;
    bool is_old = process != NULL && process->is_old;
    journal_op_kind_last = is_old ? OP_LIST_APPEND : OP_KIND_LAST;
    journal_head_kind_last = is_old && !process->takes_any_head ? OP_LIST_APPEND : OP_KIND_LAST;
    fiber_switch(&world.main_context, task->context);
    journal_op_kind_last = journal_head_kind_last = OP_KIND_LAST;
    world.current = NULL;
    if (task->is_ended)
        task->is_used = false;
}

bool world_run(bool (*is_done)(void), void (*after_step)(void), uint64_t until, uint64_t steps_max)
{
    for (uint64_t step = 0; step < steps_max; step++) {
        if (world.due_count == 0 || world.due[0].time > until || is_done())
            return true;
        uint64_t time;
        struct event event = event_take(&time);
        if (time > world.now)
            world.now = time;
        if (event.happen != NULL) {
            event.happen(event.argument);
        } else if (event.task->is_used && event.wake_number == event.task->wake_number) {
            resume(event.task);
        }
        after_step();
    }
    return false;
}
