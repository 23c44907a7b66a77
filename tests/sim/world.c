/* tests/sim/world.c -- the simulated world. */
#include "tests/sim/world.h"

#include "codec/crc.h"
#include "runtime/base/assert.h"
#include "runtime/fiber_switch.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

enum { STACK_BYTES = 256 << 10, TASKS_MAX = 128 };

enum verb { VERB_CREATE, VERB_REPLACE, VERB_GET, VERB_LIST, VERB_DELETE };

struct task {
    void *context, *stack;
    struct process *process;
    void (*entry)(void *);
    void *argument;
    bool is_used, is_ended;
    uint64_t wake_number; /* events for earlier waits are stale */
    const void *waits_for;
};

struct request {
    enum verb verb;
    unsigned references;
    char name[JOURNAL_NAME_BYTES], after[JOURNAL_NAME_BYTES];
    struct store_etag condition, etag; /* what was asked for; what came */
    bool has_etag, is_done;
    struct buffer body; /* sent, or received */
    struct store_page *page;
    char (*names)[JOURNAL_NAME_BYTES];
    unsigned names_count;
    enum store_answer answer;
};

struct event {
    uint64_t time, tie, wake_number;
    struct task *task;
    struct request *request;
};

struct object {
    char name[JOURNAL_NAME_BYTES];
    struct buffer body;
    struct store_etag etag;
};

struct fault_rates world_rates;
struct coverage world_coverage;
struct store_observer world_observer;
bool world_faults;

static struct {
    uint64_t now, trace, outage_until;
    struct random_seeded seeded;
    struct random_source random;
    struct event *events;
    size_t events_count, events_capacity;
    struct task tasks[TASKS_MAX];
    struct task *current;
    void *main_context;
    struct object **objects;
    size_t objects_count, objects_capacity;
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

static void trace(uint64_t what)
{
    world.trace = (world.trace ^ what ^ world.now) * UINT64_C(0x100000001b3) + 0x9e37;
}

/* Mostly short, sometimes up to the whole range. */
static uint64_t heavy_tail(uint64_t most_ns)
{
    uint64_t range = most_ns;
    for (unsigned i = 0; i < 6 && world_below(2); i++)
        range /= 4;
    return 1 + world_below(range + 1);
}

/* ---- events: a binary heap ---- */

static bool is_before(const struct event *a, const struct event *b)
{
    return a->time != b->time ? a->time < b->time : a->tie < b->tie;
}

static void event_add(uint64_t time, struct task *task, struct request *request)
{
    if (world.events_count == world.events_capacity) {
        world.events_capacity = world.events_capacity == 0 ? 256 : 2 * world.events_capacity;
        world.events = realloc(world.events, world.events_capacity * sizeof *world.events);
        ASSERT(world.events != NULL);
    }
    struct event event = {time, random_u64(&world.random), task == NULL ? 0 : task->wake_number, task, request};
    size_t at = world.events_count++;
    for (; at > 0 && is_before(&event, &world.events[(at - 1) / 2]); at = (at - 1) / 2)
        world.events[at] = world.events[(at - 1) / 2];
    world.events[at] = event;
}

static struct event event_take(void)
{
    struct event first = world.events[0];
    struct event last = world.events[--world.events_count];
    size_t at = 0;
    for (size_t child; (child = 2 * at + 1) < world.events_count; at = child) {
        if (child + 1 < world.events_count && is_before(&world.events[child + 1], &world.events[child]))
            child++;
        if (!is_before(&world.events[child], &last))
            break;
        world.events[at] = world.events[child];
    }
    world.events[at] = last;
    return first;
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

bool world_spawn(struct process *process, void (*entry)(void *), void *argument)
{
    for (unsigned i = 0; i < TASKS_MAX; i++) {
        struct task *task = &world.tasks[i];
        if (task->is_used)
            continue;
        if (task->stack == NULL) {
            task->stack = mmap(NULL, STACK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
            ASSERT(task->stack != MAP_FAILED);
        }
        task->process = process;
        task->entry = entry;
        task->argument = argument;
        task->is_used = true;
        task->is_ended = false;
        task->waits_for = NULL;
        task->wake_number++;
        task->context = fiber_switch_prepare((char *)task->stack + STACK_BYTES, task_main, task);
        event_add(world.now, task, NULL);
        return true;
    }
    UNREACHABLE();
}

static bool is_dead(void)
{
    return world.current != NULL && world.current->process != NULL && world.current->process->is_dead;
}

/* Suspends until `time`, or until somebody makes the task ready earlier. */
static void suspend_until(uint64_t time)
{
    struct task *task = world.current;
    task->wake_number++;
    if (is_dead())
        time = world.now;
    if (time != DEADLINE_NONE)
        event_add(time, task, NULL);
    fiber_switch(&task->context, world.main_context);
}

static void wake(struct task *task)
{
    task->waits_for = NULL;
    task->wake_number++;
    event_add(world.now, task, NULL);
}

void world_sleep_ms(uint64_t milliseconds)
{
    suspend_until(world.now + milliseconds * MS);
}

unsigned world_tasks_of(const struct process *process)
{
    unsigned count = 0;
    for (unsigned i = 0; i < TASKS_MAX; i++)
        count += world.tasks[i].is_used && world.tasks[i].process == process;
    return count;
}

void process_kill(struct process *process)
{
    if (process->is_dead)
        return;
    process->is_dead = true;
    process->stopped_until = 0;
    world_coverage.crashes++;
    process->crashed(process);
    for (unsigned i = 0; i < TASKS_MAX; i++) {
        struct task *task = &world.tasks[i];
        if (task->is_used && task->process == process && task != world.current)
            wake(task);
    }
}

/* At every await: the process may die here, or stand still. */
static void meet_fate(void)
{
    struct process *process = world.current->process;
    if (process == NULL || !world_faults || process->is_dead)
        return;
    if (world_chance(world_rates.crash)) {
        process_kill(process);
    } else if (world_chance(world_rates.pause)) {
        world_coverage.pauses++;
        uint64_t until = world.now + heavy_tail(world_rates.pause_ms_max * MS);
        if (world_below(2)) /* all of it, or only this task */
            process->stopped_until = until;
        else
            suspend_until(until);
    }
}

static bool scheduler_sleep(struct journal_scheduler *scheduler, deadline_t deadline)
{
    (void)scheduler;
    meet_fate();
    suspend_until(deadline);
    return !is_dead();
}

static bool scheduler_wait(struct journal_scheduler *scheduler, struct wait_queue *queue, deadline_t deadline)
{
    (void)scheduler;
    world.current->waits_for = queue;
    suspend_until(deadline);
    world.current->waits_for = NULL;
    return !is_dead();
}

static void scheduler_wake_all(struct journal_scheduler *scheduler, struct wait_queue *queue)
{
    (void)scheduler;
    for (unsigned i = 0; i < TASKS_MAX; i++) {
        if (world.tasks[i].is_used && world.tasks[i].waits_for == queue)
            wake(&world.tasks[i]);
    }
}

static bool scheduler_spawn(struct journal_scheduler *scheduler, const char *name, void (*entry)(void *),
                            void *argument)
{
    (void)name;
    return world_spawn(LIST_ELEMENT(scheduler, struct process, scheduler), entry, argument);
}

/* ---- the store ---- */

static size_t object_position(const char *name)
{
    size_t low = 0;
    size_t high = world.objects_count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (strcmp(world.objects[middle]->name, name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static struct object *object_find(const char *name)
{
    size_t at = object_position(name);
    return at < world.objects_count && strcmp(world.objects[at]->name, name) == 0 ? world.objects[at] : NULL;
}

bool world_object(const char *name, struct span *ret_body)
{
    const struct object *object = object_find(name);
    if (object != NULL)
        *ret_body = buffer_span(&object->body);
    return object != NULL;
}

unsigned world_names(const char *prefix, void (*visit)(const char *name))
{
    unsigned count = 0;
    for (size_t i = 0; i < world.objects_count; i++) {
        if (strncmp(world.objects[i]->name, prefix, strlen(prefix)) != 0)
            continue;
        count++;
        if (visit != NULL)
            visit(world.objects[i]->name);
    }
    return count;
}

static void object_put(struct request *request)
{
    struct object *object = object_find(request->name);
    if (object == NULL) {
        size_t at = object_position(request->name);
        if (world.objects_count == world.objects_capacity) {
            world.objects_capacity = world.objects_capacity == 0 ? 256 : 2 * world.objects_capacity;
            world.objects = realloc(world.objects, world.objects_capacity * sizeof *world.objects);
            ASSERT(world.objects != NULL);
        }
        memmove(world.objects + at + 1, world.objects + at, (world.objects_count - at) * sizeof *world.objects);
        object = calloc(1, sizeof *object);
        ASSERT(object != NULL);
        memcpy(object->name, request->name, sizeof object->name);
        world.objects[at] = object;
        world.objects_count++;
    }
    buffer_clear(&object->body);
    buffer_append(&object->body, buffer_span(&request->body));
    /* equal bytes have equal ETags: S12 */
    (void)snprintf(object->etag.text, sizeof object->etag.text, "%016llx",
                   (unsigned long long)crc64nvme_update(0, buffer_span(&object->body)));
    request->etag = object->etag;
    request->answer = STORE_DONE;
    if (strcmp(request->name, "head") == 0 && world_observer.head_written != NULL)
        world_observer.head_written(buffer_span(&object->body));
}

static void object_delete(const char *name)
{
    size_t at = object_position(name);
    if (object_find(name) == NULL)
        return;
    if (world_observer.name_deleted != NULL)
        world_observer.name_deleted(name);
    buffer_free(&world.objects[at]->body);
    free(world.objects[at]);
    world.objects_count--;
    memmove(world.objects + at, world.objects + at + 1, (world.objects_count - at) * sizeof *world.objects);
}

static void take_effect_list(struct request *request)
{
    unsigned most = world_rates.page_names;
    size_t prefix_size = strlen(request->name);
    request->page->count = 0;
    request->page->is_truncated = false;
    world_coverage.pages++;
    for (size_t i = object_position(request->after); i < world.objects_count; i++) {
        const char *name = world.objects[i]->name;
        if (strcmp(name, request->after) <= 0 || strncmp(name, request->name, prefix_size) != 0)
            continue;
        if (request->page->count == most) {
            request->page->is_truncated = true;
            world_coverage.multi_page++;
            break;
        }
        memcpy(request->page->names[request->page->count++], name, JOURNAL_NAME_BYTES);
    }
    request->answer = STORE_DONE;
}

static void take_effect(struct request *request, bool is_first)
{
    struct object *object = request->verb <= VERB_GET ? object_find(request->name) : NULL;
    trace((uint64_t)request->verb + 100);
    switch (request->verb) {
    case VERB_CREATE:
        if (object == NULL)
            object_put(request);
        else
            request->answer = STORE_CONDITION_FAILED;
        break;
    case VERB_REPLACE:
        if (object == NULL)
            request->answer = STORE_NOT_FOUND;
        else if (strcmp(object->etag.text, request->condition.text) != 0)
            request->answer = STORE_CONDITION_FAILED;
        else
            object_put(request);
        break;
    case VERB_GET:
        if (object == NULL) {
            request->answer = STORE_NOT_FOUND;
        } else if (request->has_etag && strcmp(object->etag.text, request->condition.text) == 0) {
            request->answer = STORE_UNCHANGED;
        } else {
            buffer_append(&request->body, buffer_span(&object->body));
            request->etag = object->etag;
            request->answer = STORE_DONE;
        }
        break;
    case VERB_LIST:
        take_effect_list(request);
        break;
    case VERB_DELETE:
        for (unsigned i = 0; i < request->names_count; i++) {
            if (world_faults && world_chance(world_rates.delete_part))
                world_coverage.deletes_skipped++;
            else
                object_delete(request->names[i]);
        }
        request->answer = STORE_DONE;
        break;
    }
    world_coverage.condition_failed += request->answer == STORE_CONDITION_FAILED;
    request->is_done |= is_first;
}

static void request_release(struct request *request)
{
    if (--request->references > 0)
        return;
    buffer_free(&request->body);
    free(request->page);
    free(request->names);
    free(request);
}

static struct request *request_new(enum verb verb, const char *name)
{
    struct request *request = calloc(1, sizeof *request);
    ASSERT(request != NULL);
    request->verb = verb;
    request->references = 1;
    (void)snprintf(request->name, sizeof request->name, "%s", name);
    return request;
}

static void schedule_effect(struct request *request, uint64_t time)
{
    request->references++;
    event_add(time, NULL, request);
}

static uint64_t latency(void)
{
    return world_faults ? heavy_tail(world_rates.latency_ms_max * MS) : MS + world_below(3 * MS);
}

/* Sends the request and waits for its answer. The caller releases it. */
static enum store_answer perform(struct request *request, deadline_t deadline)
{
    if (is_dead()) {
        suspend_until(world.now);
        return STORE_UNKNOWN;
    }
    world_coverage.requests++;
    trace(request->verb);
    meet_fate();
    if (is_dead())
        return STORE_UNKNOWN; /* died before it was sent */
    bool is_write = request->verb != VERB_GET && request->verb != VERB_LIST;
    uint64_t effect = world.now + latency();
    bool is_lost = world_faults && (world_chance(world_rates.lost) || world.now < world.outage_until);
    bool is_answer_lost = world_faults && world_chance(world_rates.answer_lost);
    bool is_conflict = world_faults && request->verb <= VERB_REPLACE && world_chance(world_rates.conflict);
    if (world_faults && world_chance(1) && world_chance(50))
        world.outage_until = world.now + heavy_tail(UINT64_C(20000) * MS);
    if (world_faults && is_write && world_chance(world_rates.late)) {
        effect += heavy_tail(world_rates.late_ms_max * MS);
        world_coverage.late++;
    }
    world_coverage.lost += is_lost;
    world_coverage.answers_lost += is_answer_lost;
    world_coverage.conflicts += is_conflict;
    if (!is_lost && !is_conflict)
        schedule_effect(request, effect);
    if (!is_lost && !is_conflict && world_faults && is_write && world_chance(world_rates.twice)) {
        world_coverage.twice++;
        schedule_effect(request, effect + heavy_tail(world_rates.late_ms_max * MS));
    }
    uint64_t answer = is_lost || is_answer_lost ? deadline : effect + latency();
    suspend_until(answer < deadline ? answer : deadline);
    meet_fate();
    if (is_dead() || answer >= deadline)
        return STORE_UNKNOWN;
    return is_conflict ? STORE_CONFLICT : request->is_done ? request->answer : STORE_UNKNOWN;
}

static enum store_answer store_create(struct journal_store *store, const char *name, struct span body,
                                      deadline_t deadline)
{
    (void)store;
    struct request *request = request_new(VERB_CREATE, name);
    buffer_append(&request->body, body);
    enum store_answer answer = perform(request, deadline);
    request_release(request);
    return answer;
}

static enum store_answer store_replace(struct journal_store *store, const char *name, const struct store_etag *etag,
                                       struct span body, struct store_etag *ret_etag, deadline_t deadline)
{
    (void)store;
    struct request *request = request_new(VERB_REPLACE, name);
    request->condition = *etag;
    buffer_append(&request->body, body);
    enum store_answer answer = perform(request, deadline);
    if (answer == STORE_DONE)
        *ret_etag = request->etag;
    request_release(request);
    return answer;
}

static enum store_answer store_get(struct journal_store *store, const char *name, const struct store_etag *known,
                                   struct buffer *ret_body, struct store_etag *ret_etag, deadline_t deadline)
{
    (void)store;
    struct request *request = request_new(VERB_GET, name);
    request->has_etag = known != NULL && known->text[0] != '\0';
    if (request->has_etag)
        request->condition = *known;
    enum store_answer answer = perform(request, deadline);
    if (answer == STORE_DONE) {
        buffer_append(ret_body, buffer_span(&request->body));
        *ret_etag = request->etag;
    }
    request_release(request);
    return answer;
}

static enum store_answer store_list(struct journal_store *store, const char *prefix, const char *after,
                                    struct store_page *ret_page, deadline_t deadline)
{
    (void)store;
    struct request *request = request_new(VERB_LIST, prefix);
    request->page = malloc(sizeof *request->page);
    ASSERT(request->page != NULL);
    (void)snprintf(request->after, sizeof request->after, "%s", after);
    enum store_answer answer = perform(request, deadline);
    if (answer == STORE_DONE) {
        ret_page->count = request->page->count;
        ret_page->is_truncated = request->page->is_truncated;
        memcpy(ret_page->names, request->page->names, request->page->count * sizeof ret_page->names[0]);
    }
    request_release(request);
    return answer;
}

static enum store_answer store_delete(struct journal_store *store, char (*names)[JOURNAL_NAME_BYTES], unsigned count,
                                      deadline_t deadline)
{
    (void)store;
    struct request *request = request_new(VERB_DELETE, "");
    request->names = calloc(count, sizeof *request->names);
    ASSERT(request->names != NULL);
    memcpy(request->names, names, count * sizeof *names);
    request->names_count = count;
    enum store_answer answer = perform(request, deadline);
    request_release(request);
    return answer;
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
    int64_t years = UINT64_C(10) * 365 * 86400 * 1000;
    *process = (struct process){.number = number, .crashed = crashed};
    process->wall_offset_ms = world_below(2) ? (int64_t)world_below(2000) : (int64_t)world_below(2 * years);
    process->scheduler =
        (struct journal_scheduler){scheduler_sleep, scheduler_wait, scheduler_wake_all, scheduler_spawn};
    process->store = (struct journal_store){store_create, store_replace, store_get, store_list, store_delete};
    process->clock = (struct clock){process_wall_ms, process_monotonic_ns, process};
}

/* ---- running ---- */

void world_begin(uint64_t seed)
{
    world.random = random_seeded(&world.seeded, seed);
    world.now = UINT64_C(1000000) * MS;
    world.trace = seed;
    world.outage_until = 0;
}

void world_end(void)
{
    while (world.events_count > 0) {
        struct event event = event_take();
        if (event.request != NULL)
            request_release(event.request);
    }
    for (size_t i = 0; i < world.objects_count; i++) {
        buffer_free(&world.objects[i]->body);
        free(world.objects[i]);
    }
    world.objects_count = 0;
    for (unsigned i = 0; i < TASKS_MAX; i++)
        world.tasks[i].is_used = false;
}

static void resume(struct task *task)
{
    struct process *process = task->process;
    if (process != NULL && !process->is_dead && process->stopped_until > world.now) {
        event_add(process->stopped_until, task, NULL);
        return;
    }
    trace((uint64_t)(task - world.tasks) + 1000);
    world.current = task;
    fiber_switch(&world.main_context, task->context);
    world.current = NULL;
    if (task->is_ended)
        task->is_used = false;
}

bool world_run(bool (*is_done)(void), void (*after_step)(void), uint64_t until, uint64_t steps_max)
{
    for (uint64_t step = 0; step < steps_max; step++) {
        if (world.events_count == 0 || world.events[0].time > until || is_done())
            return true;
        struct event event = event_take();
        if (event.time > world.now)
            world.now = event.time;
        if (event.request != NULL) {
            world_coverage.late_effects += event.request->references == 1;
            take_effect(event.request, !event.request->is_done);
            request_release(event.request);
        } else if (event.task->is_used && event.wake_number == event.task->wake_number) {
            resume(event.task);
        }
        after_step();
    }
    return false;
}
