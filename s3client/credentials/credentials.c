/* s3client/credentials/credentials.c -- the source: snapshots, the thread that renews them, and fibers that wait for
 * it.
 *
 * One lock guards all of it; it is held for moments, never while a provider is asked. A fiber that waits leaves a note
 * in a list and sleeps on its shard; the thread answers with a message to the shard's loop. */
#include "s3client/credentials/credentials.h"

#include "runtime/base/assert.h"
#include "runtime/base/list.h"
#include "runtime/fiber/loop.h"
#include "runtime/fiber/thread.h"
#include "runtime/fiber/wait.h"
#include "runtime/log/log.h"
#include "s3client/credentials/fetch.h"
#include "s3client/credentials/provider.h"
#include "s3client/credentials/schedule.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum {
    START_MS = 9000,    /* of requests, when a process begins */
    RENEWAL_MS = 30000, /* of requests, afterwards */
    PROCESS_MS = 60000,
    FRUITLESS_MS = 10000, /* not asked again at a backend's word for so long */
    SLEEP_MS_MAX = 60000, /* the wall clock, by which keys expire, may be set */
};

struct snapshot {
    struct s3_credentials credentials; /* first: pin hands it out */
    struct keys *keys;
    _Atomic unsigned pins; /* and one while it is the newest */
};

struct source {
    struct s3_credential_source base; /* first */
    struct credentials_options options;
    pthread_mutex_t lock;
    pthread_cond_t changed; /* somebody wants keys, or the end */
    pthread_t thread;
    _Atomic(bool) is_ending;
    const struct provider *provider;
    struct snapshot *newest;
    struct list_link waiters; /* not empty: keys are wanted now, not when they are due */
    deadline_t fruitful_ns;   /* until then asking again is of no use */
    int64_t due_ms;           /* wall clock */
    unsigned failures_in_a_row;
    struct credentials_status status;
};

static struct source *source_of(const struct s3_credential_source *base)
{
    return (struct source *)(void *)base;
}

/* ---- snapshots ---- */

static void let_go(struct snapshot *snapshot)
{
    if (atomic_fetch_sub_explicit(&snapshot->pins, 1, memory_order_acq_rel) > 1)
        return;
    keys_free(snapshot->keys);
    free(snapshot);
}

/* Takes the keys over. The lock is held, or nobody else is there yet. */
static void publish(struct source *source, struct keys *keys)
{
    struct snapshot *snapshot = calloc(1, sizeof *snapshot);
    uint64_t generation = atomic_load(&source->base.generation) + 1;
    ASSERT(snapshot != NULL);
    snapshot->keys = keys;
    snapshot->credentials = (struct s3_credentials){.access_key_id = span_from_string(keys->access_key_id),
                                                    .secret_key = span_from_string(keys->secret_key),
                                                    .session_token = span_from_string(keys->session_token),
                                                    .generation = generation};
    atomic_init(&snapshot->pins, 1);
    if (source->newest != NULL)
        let_go(source->newest);
    source->newest = snapshot;
    source->status.expires_ms = keys->expires_ms;
    atomic_store_explicit(&source->base.generation, generation, memory_order_release);
}

static const struct s3_credentials *pin(struct s3_credential_source *base, struct error *error)
{
    struct source *source = source_of(base);
    (void)error; /* there are always some */
    pthread_mutex_lock(&source->lock);
    struct snapshot *snapshot = source->newest;
    atomic_fetch_add_explicit(&snapshot->pins, 1, memory_order_relaxed);
    pthread_mutex_unlock(&source->lock);
    return &snapshot->credentials;
}

static void unpin(struct s3_credential_source *base, const struct s3_credentials *credentials)
{
    (void)base;
    let_go((struct snapshot *)(void *)credentials);
}

/* ---- the thread ---- */

/* A fiber that waits, on its stack. */
struct waiter {
    struct loop_message message; /* first: deliver gets it back */
    struct list_link link;
    struct loop *loop;
    struct wait_queue queue;
    bool is_answered;  /* guarded by the lock: the message is on its way, or has come */
    bool is_delivered; /* of the fiber's shard */
};

static void deliver(struct loop_message *message)
{
    struct waiter *waiter = (struct waiter *)(void *)message;
    waiter->is_delivered = true;
    wait_wake_all(&waiter->queue);
}

static void answer_waiters(struct source *source)
{
    for (struct list_link *link; (link = list_take_first(&source->waiters)) != NULL;) {
        struct waiter *waiter = LIST_ELEMENT(link, struct waiter, link);
        waiter->is_answered = true;
        loop_post(waiter->loop, &waiter->message); /* from here on it may be gone */
    }
}

static void take_success(struct source *source, struct keys *keys)
{
    int64_t now_ms = clock_wall_ms(clock_system());
    bool is_new = !keys_are_equal(keys, source->newest->keys);
    if (source->status.trouble[0] != '\0')
        log_message(LOG_INFO, "credentials of the backend are handed out again (%s)", source->provider->name);
    source->failures_in_a_row = 0;
    source->status.renewals++;
    source->status.trouble[0] = '\0';
    source->due_ms = schedule_renewal_ms(now_ms, keys->expires_ms, random_system());
    if (is_new)
        publish(source, keys);
    else
        keys_free(keys);
    source->fruitful_ns = is_new ? 0 : clock_monotonic_ns(clock_system()) + FRUITLESS_MS * UINT64_C(1000000);
}

static void take_failure(struct source *source, struct keys *keys, const struct error *error)
{
    int64_t now_ms = clock_wall_ms(clock_system());
    keys_free(keys);
    source->failures_in_a_row++;
    source->status.failures++;
    if (strcmp(source->status.trouble, error->message) != 0) /* once for each reason, not for each attempt */
        log_message(LOG_WARNING, "%s; the old ones stay in use", error->message);
    (void)snprintf(source->status.trouble, sizeof source->status.trouble, "%s", error->message);
    source->due_ms =
        source->status.expires_ms == CREDENTIALS_NEVER_EXPIRE
            ? SCHEDULE_NEVER
            : schedule_attempt_ms(now_ms, source->status.expires_ms, source->failures_in_a_row, random_system());
    source->fruitful_ns = clock_monotonic_ns(clock_system()) + FRUITLESS_MS * UINT64_C(1000000);
}

/* With the lock, which is given up meanwhile. */
static void renew(struct source *source)
{
    struct error error;
    struct keys *keys = keys_create();
    pthread_mutex_unlock(&source->lock);
    const struct search search = {.options = &source->options,
                                  .is_cut = &source->is_ending,
                                  .cut_from = source->options.cut_from,
                                  .deadline = clock_monotonic_ns(clock_system()) + RENEWAL_MS * UINT64_C(1000000),
                                  .process_ms = PROCESS_MS};
    bool done = provider_ask(source->provider, &search, keys, &error);
    pthread_mutex_lock(&source->lock);
    if (done)
        take_success(source, keys);
    else
        take_failure(source, keys, &error);
    answer_waiters(source);
}

static void sleep_until_due(struct source *source)
{
    int64_t left_ms = source->due_ms - clock_wall_ms(clock_system());
    uint64_t sleep_ms = left_ms < 0 ? 0 : left_ms > SLEEP_MS_MAX ? SLEEP_MS_MAX : (uint64_t)left_ms;
    struct timespec end;
    (void)clock_gettime(CLOCK_MONOTONIC, &end);
    end.tv_sec += (time_t)(sleep_ms / 1000);
    end.tv_nsec += (long)(sleep_ms % 1000) * 1000000;
    if (end.tv_nsec >= 1000000000) {
        end.tv_sec++;
        end.tv_nsec -= 1000000000;
    }
    (void)pthread_cond_timedwait(&source->changed, &source->lock, &end);
}

static void *keep_fresh(void *argument)
{
    struct source *source = argument;
    pthread_mutex_lock(&source->lock);
    while (!atomic_load(&source->is_ending)) {
        if (!list_is_empty(&source->waiters) || source->due_ms <= clock_wall_ms(clock_system()))
            renew(source);
        else
            sleep_until_due(source);
    }
    answer_waiters(source);
    pthread_mutex_unlock(&source->lock);
    return NULL;
}

/* ---- fibers that wait for newer keys ---- */

/* Until the thread has answered, or the deadline passes: then the note is taken back, or the answer is on its way. */
SUSPENDS static void wait_for_answer(struct source *source, struct waiter *waiter, deadline_t deadline)
{
    struct error ignored; /* the deadline, or that the fiber was cancelled: the generation tells what counts */
    while (!waiter->is_delivered && wait_for(&waiter->queue, deadline, &ignored))
        ;
    pthread_mutex_lock(&source->lock);
    if (!waiter->is_answered)
        list_remove(&waiter->link);
    bool is_coming = waiter->is_answered;
    pthread_mutex_unlock(&source->lock);
    while (is_coming && !waiter->is_delivered)
        fiber_yield();
}

/* With the lock: is there any use in asking? */
static bool may_ask(struct source *source, struct error *error)
{
    if (clock_monotonic_ns(clock_system()) >= source->fruitful_ns)
        return true;
    return error_set(error, ERROR_DENIED, NULL, "%s",
                     source->status.trouble[0] != '\0' ? source->status.trouble
                                                       : "the provider of credentials still hands out the same keys");
}

SUSPENDS static bool refresh(struct s3_credential_source *base, uint64_t generation, deadline_t deadline,
                             struct error *error)
{
    struct source *source = source_of(base);
    struct waiter waiter = {.message = {.deliver = deliver}, .loop = loop_current()};
    wait_queue_init(&waiter.queue);
    pthread_mutex_lock(&source->lock);
    bool is_newer = atomic_load(&base->generation) != generation;
    bool must_wait = !is_newer && may_ask(source, error);
    if (must_wait) {
        list_append(&source->waiters, &waiter.link);
        pthread_cond_signal(&source->changed);
    }
    pthread_mutex_unlock(&source->lock);
    if (!must_wait)
        return is_newer;
    wait_for_answer(source, &waiter, deadline);
    if (atomic_load(&base->generation) != generation)
        return true;
    pthread_mutex_lock(&source->lock);
    if (may_ask(source, error))
        (void)error_set(error, fiber_is_cancelled() ? ERROR_CANCELLED : ERROR_TIMED_OUT, NULL,
                        "new credentials did not come in time");
    pthread_mutex_unlock(&source->lock);
    return false;
}

/* ---- life ---- */

static void destroy(struct s3_credential_source *base)
{
    struct source *source = source_of(base);
    pthread_mutex_lock(&source->lock);
    atomic_store(&source->is_ending, true);
    pthread_cond_signal(&source->changed);
    pthread_mutex_unlock(&source->lock);
    (void)pthread_join(source->thread, NULL);
    ASSERT(list_is_empty(&source->waiters));
    let_go(source->newest);
    (void)pthread_cond_destroy(&source->changed);
    (void)pthread_mutex_destroy(&source->lock);
    free(source);
}

static const struct s3_credential_source_operations OPERATIONS = {pin, unpin, refresh, destroy};

static struct source *create(const struct credentials_options *options)
{
    pthread_condattr_t attributes;
    struct source *source = calloc(1, sizeof *source);
    ASSERT(source != NULL && pthread_condattr_init(&attributes) == 0);
    source->base.operations = &OPERATIONS;
    source->options = *options;
    ASSERT(pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC) == 0);
    ASSERT(pthread_mutex_init(&source->lock, NULL) == 0 && pthread_cond_init(&source->changed, &attributes) == 0);
    (void)pthread_condattr_destroy(&attributes);
    list_init(&source->waiters);
    return source;
}

static bool find_first(struct source *source, struct error *error)
{
    const struct search search = {.options = &source->options,
                                  .is_cut = &source->is_ending,
                                  .cut_from = source->options.cut_from,
                                  .deadline = clock_monotonic_ns(clock_system()) + START_MS * UINT64_C(1000000),
                                  .process_ms = PROCESS_MS};
    struct keys *keys = keys_create();
    if (!provider_find(&search, &source->provider, keys, error)) {
        keys_free(keys);
        return false;
    }
    source->status.provider = source->provider->name;
    source->due_ms = schedule_renewal_ms(clock_wall_ms(clock_system()), keys->expires_ms, random_system());
    publish(source, keys);
    return true;
}

struct s3_credential_source *credentials_open(const struct credentials_options *options, struct error *error)
{
    ASSERT(options->environment != NULL);
    fetch_prepare();
    struct source *source = create(options);
    if (find_first(source, error) && thread_start("credentials", keep_fresh, source, &source->thread, error))
        return &source->base;
    if (source->newest != NULL)
        let_go(source->newest);
    (void)pthread_cond_destroy(&source->changed);
    (void)pthread_mutex_destroy(&source->lock);
    free(source);
    return NULL;
}

void credentials_status(const struct s3_credential_source *base, struct credentials_status *ret_status)
{
    struct source *source = source_of(base);
    pthread_mutex_lock(&source->lock);
    *ret_status = source->status;
    pthread_mutex_unlock(&source->lock);
}
