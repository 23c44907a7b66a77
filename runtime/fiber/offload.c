/* runtime/fiber/offload.c -- a queue, threads that empty it, and the way back: a message to the loop of the fiber that
 * waits.
 *
 * A job lies on the stack of the fiber that waits for it; the fiber does not return before the job has. */
#include "runtime/fiber/offload.h"

#include "runtime/base/assert.h"
#include "runtime/fiber/loop.h"
#include "runtime/fiber/thread.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

struct job {
    struct loop_message message; /* first: deliver gets it back */
    struct list_link link;
    void (*work)(void *argument);
    void *argument;
    struct loop *loop;
    struct fiber *fiber;
    bool has_ended; /* written and read on the fiber's thread */
};

struct offload {
    pthread_mutex_t lock;
    pthread_cond_t arrived;
    struct list_link queue;
    unsigned queued;
    unsigned queued_max;
    bool is_ending;
    unsigned threads_count;
    pthread_t threads[];
};

/* On the loop's thread. */
static void finish_job(struct loop_message *message)
{
    struct job *job = (struct job *)(void *)message;
    job->has_ended = true;
    fiber_wake(job->fiber);
}

/* NULL: no more will come. */
static struct job *take_job(struct offload *offload)
{
    pthread_mutex_lock(&offload->lock);
    while (list_is_empty(&offload->queue) && !offload->is_ending)
        pthread_cond_wait(&offload->arrived, &offload->lock);
    struct list_link *link = list_take_first(&offload->queue);
    if (link != NULL)
        offload->queued--;
    pthread_mutex_unlock(&offload->lock);
    return link == NULL ? NULL : LIST_ELEMENT(link, struct job, link);
}

static void *run_jobs(void *argument)
{
    struct offload *offload = argument;
    for (struct job *job; (job = take_job(offload)) != NULL;) {
        job->work(job->argument);
        loop_post(job->loop, &job->message); /* from here on the job may be gone */
    }
    return NULL;
}

struct offload *offload_create(const char *name, unsigned threads, unsigned queued_max, struct error *error)
{
    ASSERT(threads > 0 && queued_max > 0);
    struct offload *offload = calloc(1, sizeof *offload + threads * sizeof(pthread_t));
    ASSERT(offload != NULL);
    ASSERT(pthread_mutex_init(&offload->lock, NULL) == 0 && pthread_cond_init(&offload->arrived, NULL) == 0);
    list_init(&offload->queue);
    offload->queued_max = queued_max;
    for (unsigned i = 0; i < threads; i++) {
        if (!thread_start(name, run_jobs, offload, &offload->threads[i], error)) {
            offload_destroy(offload);
            return NULL;
        }
        offload->threads_count++;
    }
    return offload;
}

void offload_destroy(struct offload *offload)
{
    if (offload == NULL)
        return;
    pthread_mutex_lock(&offload->lock);
    offload->is_ending = true;
    pthread_cond_broadcast(&offload->arrived);
    pthread_mutex_unlock(&offload->lock);
    for (unsigned i = 0; i < offload->threads_count; i++)
        (void)pthread_join(offload->threads[i], NULL);
    ASSERT(list_is_empty(&offload->queue));
    (void)pthread_cond_destroy(&offload->arrived);
    (void)pthread_mutex_destroy(&offload->lock);
    free(offload);
}

bool offload_run(struct offload *offload, void (*work)(void *argument), void *argument, struct error *error)
{
    struct job job = {
        .message = {.deliver = finish_job},
        .work = work,
        .argument = argument,
        .loop = loop_current(),
        .fiber = fiber_current(),
    };
    ASSERT(job.fiber != NULL);
    pthread_mutex_lock(&offload->lock);
    bool has_room = offload->queued < offload->queued_max;
    if (has_room) {
        list_append(&offload->queue, &job.link);
        offload->queued++;
        pthread_cond_signal(&offload->arrived);
    }
    pthread_mutex_unlock(&offload->lock);
    if (!has_room)
        return error_set(error, ERROR_BUSY, NULL, "%u jobs are waiting already", offload->queued_max);
    while (!job.has_ended)
        fiber_suspend();
    return true;
}
