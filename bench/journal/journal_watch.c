/* bench/journal/journal_watch.c -- measures what passes through. */
#include "bench/journal/journal_watch.h"

#include "runtime/base/assert.h"
#include "runtime/fiber/fiber.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

struct task {
    struct journal_watch *watch;
    void (*entry)(void *argument);
    void *argument;
};

uint64_t thread_cpu_ns(void)
{
    struct timespec time;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

uint64_t anonymous_bytes(void)
{
    FILE *file = fopen("/proc/self/status", "r");
    char line[256];
    unsigned long long kib = 0;
    while (file != NULL && fgets(line, sizeof line, file) != NULL)
        (void)sscanf(line, "RssAnon: %llu kB", &kib);
    if (file != NULL)
        (void)fclose(file);
    return kib << 10;
}

/* ---- stretches ---- */

static bool is_task(const struct journal_watch *watch)
{
    const struct fiber *fiber = fiber_current();
    for (unsigned i = 0; i < WATCHED_TASKS_MAX; i++) {
        if (watch->tasks[i] == fiber) /* without fibers: NULL, and everything is the one task */
            return true;
    }
    return false;
}

static void suspends(struct journal_watch *watch)
{
    if (!is_task(watch))
        return;
    uint64_t stretch = thread_cpu_ns() - watch->resumed_ns;
    if (stretch > watch->longest_ns)
        watch->longest_ns = stretch;
}

static void resumes(struct journal_watch *watch)
{
    if (is_task(watch))
        watch->resumed_ns = thread_cpu_ns();
}

/* ---- the scheduler ---- */

static struct journal_watch *of_scheduler(struct journal_scheduler *scheduler)
{
    return (struct journal_watch *)(void *)((char *)scheduler - offsetof(struct journal_watch, scheduler));
}

SUSPENDS static bool sleep_until(struct journal_scheduler *scheduler, deadline_t deadline)
{
    struct journal_watch *watch = of_scheduler(scheduler);
    suspends(watch);
    bool goes_on = watch->inner_scheduler->sleep_until(watch->inner_scheduler, deadline);
    resumes(watch);
    return goes_on;
}

SUSPENDS static bool wait(struct journal_scheduler *scheduler, struct wait_queue *queue, deadline_t deadline)
{
    struct journal_watch *watch = of_scheduler(scheduler);
    suspends(watch);
    bool goes_on = watch->inner_scheduler->wait(watch->inner_scheduler, queue, deadline);
    resumes(watch);
    return goes_on;
}

static void wake_all(struct journal_scheduler *scheduler, struct wait_queue *queue)
{
    struct journal_watch *watch = of_scheduler(scheduler);
    watch->inner_scheduler->wake_all(watch->inner_scheduler, queue);
}

SUSPENDS static void run_task(void *argument)
{
    struct task task = *(struct task *)argument;
    free(argument);
    unsigned slot = 0;
    while (slot < WATCHED_TASKS_MAX - 1 && task.watch->tasks[slot] != NULL)
        slot++;
    task.watch->tasks[slot] = fiber_current();
    resumes(task.watch);
    task.entry(task.argument);
    suspends(task.watch);
    task.watch->tasks[slot] = NULL;
}

static bool spawn(struct journal_scheduler *scheduler, const char *name, void (*entry)(void *argument), void *argument)
{
    struct journal_watch *watch = of_scheduler(scheduler);
    struct task *task = malloc(sizeof *task);
    ASSERT(task != NULL);
    *task = (struct task){watch, entry, argument};
    bool is_spawned = watch->inner_scheduler->spawn(watch->inner_scheduler, name, run_task, task);
    if (!is_spawned)
        free(task);
    return is_spawned;
}

/* ---- the store ---- */

static struct journal_watch *of_store(struct journal_store *store)
{
    return (struct journal_watch *)(void *)((char *)store - offsetof(struct journal_watch, store));
}

static bool begins(const char *name, const char *prefix)
{
    return strncmp(name, prefix, strlen(prefix)) == 0;
}

SUSPENDS static enum store_answer create(struct journal_store *store, const char *name, struct span body,
                                         deadline_t deadline)
{
    struct journal_watch *watch = of_store(store);
    watch->requests++;
    watch->segments += begins(name, SEGMENTS_PREFIX);
    watch->segment_bytes += begins(name, SEGMENTS_PREFIX) ? body.size : 0;
    watch->part_bytes += begins(name, PARTS_PREFIX) ? body.size : 0;
    suspends(watch);
    enum store_answer answer = watch->inner_store->create(watch->inner_store, name, body, deadline);
    resumes(watch);
    return answer;
}

SUSPENDS static enum store_answer replace(struct journal_store *store, const char *name, const struct store_etag *etag,
                                          struct span body, struct store_etag *ret_etag, deadline_t deadline)
{
    struct journal_watch *watch = of_store(store);
    watch->requests++;
    if (body.size > watch->head_bytes_largest)
        watch->head_bytes_largest = body.size;
    suspends(watch);
    enum store_answer answer = watch->inner_store->replace(watch->inner_store, name, etag, body, ret_etag, deadline);
    resumes(watch);
    return answer;
}

SUSPENDS static enum store_answer get(struct journal_store *store, const char *name, const struct store_etag *known,
                                      struct buffer *ret_body, struct store_etag *ret_etag, deadline_t deadline)
{
    struct journal_watch *watch = of_store(store);
    watch->requests++;
    watch->conditional_gets += known != NULL;
    suspends(watch);
    enum store_answer answer = watch->inner_store->get(watch->inner_store, name, known, ret_body, ret_etag, deadline);
    resumes(watch);
    return answer;
}

SUSPENDS static enum store_answer list(struct journal_store *store, const char *prefix, const char *after,
                                       struct store_page *ret_page, deadline_t deadline)
{
    struct journal_watch *watch = of_store(store);
    watch->requests++;
    suspends(watch);
    enum store_answer answer = watch->inner_store->list(watch->inner_store, prefix, after, ret_page, deadline);
    resumes(watch);
    return answer;
}

SUSPENDS static enum store_answer delete_names(struct journal_store *store, char (*names)[JOURNAL_NAME_BYTES],
                                               unsigned count, deadline_t deadline)
{
    struct journal_watch *watch = of_store(store);
    watch->requests++;
    suspends(watch);
    enum store_answer answer = watch->inner_store->delete_names(watch->inner_store, names, count, deadline);
    resumes(watch);
    return answer;
}

void journal_watch_init(struct journal_watch *watch, struct journal_store *store, struct journal_scheduler *scheduler)
{
    *watch = (struct journal_watch){.store = {create, replace, get, list, delete_names},
                                    .scheduler = {sleep_until, wait, wake_all, spawn},
                                    .inner_store = store,
                                    .inner_scheduler = scheduler,
                                    .resumed_ns = thread_cpu_ns()};
}

void journal_watch_reset(struct journal_watch *watch)
{
    watch->resumed_ns = thread_cpu_ns();
    watch->longest_ns = watch->requests = watch->conditional_gets = 0;
    watch->segments = watch->segment_bytes = watch->part_bytes = watch->head_bytes_largest = 0;
}
