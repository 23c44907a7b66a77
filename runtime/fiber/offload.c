/* runtime/fiber/offload.c -- a queue, threads that empty it, and the way back: a message to the loop of the fiber that
 * waits.
 *
 * A job lies on the stack of the fiber that waits for it; the fiber does not return before the job has. A loop never
 * waits for the lock: an idle thread may lose its processor while it holds it. */
#include "runtime/fiber/offload.h"

#include "runtime/base/assert.h"
#include "runtime/fiber/loop_private.h"
#include "runtime/fiber/thread.h"

#include <pthread.h>
#include <sched.h>
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
    struct offload *offload;
    struct timer timer;
    bool is_queued;    /* under the lock */
    bool is_withdrawn; /* written and read on the fiber's thread; so is the next */
    bool has_ended;
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

/* On the loop's thread: whoever has begun by now goes on. */
static void withdraw_job(struct timer *timer)
{
    struct job *job = LIST_ELEMENT(timer, struct job, timer);
    if (pthread_mutex_trylock(&job->offload->lock) != 0) {
        timer_arm(&job->loop->timers, timer, clock_monotonic_ns(job->loop->clock));
        return;
    }
    job->is_withdrawn = job->is_queued;
    if (job->is_queued) {
        job->is_queued = false;
        list_remove(&job->link);
        job->offload->queued--;
    }
    pthread_mutex_unlock(&job->offload->lock);
    if (!job->is_withdrawn)
        return;
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
    struct job *job = link == NULL ? NULL : LIST_ELEMENT(link, struct job, link);
    if (job != NULL) {
        job->is_queued = false;
        offload->queued--;
    }
    pthread_mutex_unlock(&offload->lock);
    return job;
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

bool offload_make_idle(struct offload *offload)
{
    const struct sched_param none = {0};
    bool done = true;
    for (unsigned i = 0; i < offload->threads_count; i++)
        done = pthread_setschedparam(offload->threads[i], SCHED_IDLE, &none) == 0 && done;
    return done;
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

SUSPENDS static bool queue_job(struct offload *offload, struct job *job, struct error *error)
{
    while (pthread_mutex_trylock(&offload->lock) != 0)
        fiber_yield();
    job->is_queued = offload->queued < offload->queued_max;
    bool is_queued = job->is_queued; /* a thread may take it at once */
    if (is_queued) {
        list_append(&offload->queue, &job->link);
        offload->queued++;
        pthread_cond_signal(&offload->arrived);
    }
    pthread_mutex_unlock(&offload->lock);
    return is_queued || error_set(error, ERROR_BUSY, NULL, "%u jobs are waiting already", offload->queued_max);
}

bool offload_run_within(struct offload *offload, void (*work)(void *argument), void *argument, deadline_t deadline,
                        struct error *error)
{
    struct job job = {
        .message = {.deliver = finish_job},
        .work = work,
        .argument = argument,
        .loop = loop_current(),
        .fiber = fiber_current(),
        .offload = offload,
        .timer.expired = withdraw_job,
    };
    ASSERT(job.fiber != NULL);
    if (!queue_job(offload, &job, error))
        return false;
    timer_arm(&job.loop->timers, &job.timer, deadline);
    while (!job.has_ended)
        fiber_suspend();
    timer_disarm(&job.loop->timers, &job.timer);
    return !job.is_withdrawn || error_set(error, ERROR_TIMED_OUT, NULL, "no thread was free in time");
}

bool offload_run(struct offload *offload, void (*work)(void *argument), void *argument, struct error *error)
{
    return offload_run_within(offload, work, argument, DEADLINE_NONE, error);
}
