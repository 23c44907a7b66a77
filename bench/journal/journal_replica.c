/* bench/journal/journal_replica.c -- a thread, a loop, a journal. */
#include "bench/journal/journal_replica.h"

#include "runtime/base/assert.h"
#include "runtime/fiber/loop.h"

#include <stdio.h>
#include <stdlib.h>

enum { STOP_MS = 60000 };

void journal_replica_sleep(uint64_t milliseconds)
{
    struct wait_queue queue;
    struct error error;
    wait_queue_init(&queue);
    (void)wait_for(&queue, deadline_after_ms(milliseconds), &error);
}

void journal_instance_open(struct journal_instance *instance, struct bucket_store *store, struct span bucket,
                           struct span prefix, const struct journal_options *options)
{
    instance->objects = journal_bucket_open(store, bucket, prefix);
    fiber_scheduler_init(&instance->scheduler);
    journal_watch_init(&instance->watch, journal_bucket_store(instance->objects), &instance->scheduler.base);
    struct journal_environment environment = {&instance->watch.store, loop_clock(), random_system(),
                                              &instance->watch.scheduler};
    instance->journal = journal_open(&environment, options);
}

void journal_instance_close(struct journal_instance *instance)
{
    journal_stop(instance->journal);
    (void)fiber_scheduler_stop(&instance->scheduler, deadline_after_ms(STOP_MS));
    while (!journal_is_idle(instance->journal))
        journal_replica_sleep(1);
    journal_free(instance->journal);
    journal_bucket_close(instance->objects);
    instance->journal = NULL;
    instance->objects = NULL;
}

bool journal_instance_wait_ready(const struct journal_instance *instance, uint64_t milliseconds)
{
    deadline_t deadline = deadline_after_ms(milliseconds);
    while (journal_state(instance->journal) == NULL && loop_now_ns() < deadline)
        journal_replica_sleep(5);
    return journal_state(instance->journal) != NULL;
}

static void fail(const struct error *error)
{
    (void)fprintf(stderr, "%s\n", error->message);
    exit(1);
}

SUSPENDS static void run(void *argument)
{
    struct journal_replica *replica = argument;
    struct error error;
    if (!replica->attach(replica->shard, &error))
        fail(&error);
    replica->work(replica);
    replica->detach();
    loop_stop(loop_current(), deadline_after_ms(1000));
}

static void *run_thread(void *argument)
{
    struct error error;
    struct loop *loop = loop_create(&(struct loop_options){0}, &error);
    if (loop == NULL || !fiber_spawn("replica", run, argument, &error))
        fail(&error);
    loop_run(loop);
    loop_destroy(loop);
    return NULL;
}

bool journal_replica_start(struct journal_replica *replica, struct error *error)
{
    int code = pthread_create(&replica->thread, NULL, run_thread, replica);
    return code == 0 || error_set(error, ERROR_IO, NULL, "no thread: %s", strerror(code));
}

void journal_replica_join(struct journal_replica *replica)
{
    (void)pthread_join(replica->thread, NULL);
}
