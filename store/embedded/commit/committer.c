/* store/embedded/commit/committer.c -- the one writer: its queue, its answers, its thread. */
#include "store/embedded/commit/committer.h"

#include "runtime/base/assert.h"
#include "runtime/thread.h"
#include "s3client/wire/s3_error.h"
#include "store/embedded/commit/committer_thread.h"

#include <errno.h>
#include <linux/futex.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { BATCH_CHANGES_MAX = 1024, RETURN_POLL_MS = 200 };

/* ---- the queue ---- */

static void futex_wait(_Atomic uint32_t *word, uint32_t expected, unsigned timeout_ms)
{
    struct timespec timeout = {.tv_sec = timeout_ms / 1000, .tv_nsec = (long)(timeout_ms % 1000) * 1000000};
    (void)syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, expected, timeout_ms == 0 ? NULL : &timeout, NULL, 0);
}

static void ring(struct committer *committer)
{
    if (atomic_exchange(&committer->bell, 0) == 1)
        (void)syscall(SYS_futex, &committer->bell, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

void committer_push(struct committer *committer, struct change *change)
{
    struct change *head = atomic_load_explicit(&committer->queue, memory_order_relaxed);
    do
        change->next = head;
    while (!atomic_compare_exchange_weak(&committer->queue, &head, change));
    ring(committer);
}

/* Everything that is queued, the oldest first. */
static struct change *take_queue(struct committer *committer)
{
    struct change *newest = atomic_exchange(&committer->queue, NULL);
    struct change *oldest = NULL;
    while (newest != NULL) {
        struct change *next = newest->next;
        newest->next = oldest;
        oldest = newest;
        newest = next;
    }
    return oldest;
}

static void sleep_until_rung(struct committer *committer)
{
    atomic_store(&committer->bell, 1);
    bool is_idle = atomic_load(&committer->queue) == NULL && !atomic_load(&committer->is_ending);
    /* shards that answer for freed bodies do not ring: look now and then while some are missing */
    if (is_idle)
        futex_wait(&committer->bell, 1, list_is_empty(&committer->outstanding) ? 0 : RETURN_POLL_MS);
    atomic_store(&committer->bell, 0);
}

SUSPENDS bool committer_commit(struct shard *shard, struct change *change, struct error *error)
{
    change->shard = shard;
    change->fiber = fiber_current();
    change->error = error;
    ASSERT(change->fiber != NULL);
    committer_push(shard->store->committer, change);
    while (!change->is_done)
        fiber_suspend();
    return change->succeeded;
}

bool committer_commit_blocking(struct shard *shard, struct change *change, struct error *error)
{
    sem_t done;
    ASSERT(sem_init(&done, 0, 0) == 0);
    change->shard = shard;
    change->waiter = &done;
    change->error = error;
    committer_push(shard->store->committer, change);
    while (sem_wait(&done) != 0)
        ASSERT(errno == EINTR);
    (void)sem_destroy(&done);
    return change->succeeded;
}

/* ---- answers: one message for each shard and batch ---- */

static void wake_all(struct loop_message *message)
{
    for (struct change *change = LIST_ELEMENT(message, struct change, message), *next; change != NULL; change = next) {
        next = change->next; /* the fiber's stack may be gone once it runs */
        change->is_done = true;
        fiber_wake(change->fiber);
    }
}

void committer_answer(struct change *changes)
{
    while (changes != NULL) {
        struct shard *shard = changes->shard;
        struct change *mine = NULL;
        struct change **mine_end = &mine;
        struct change *others = NULL;
        struct change **others_end = &others;
        for (struct change *change = changes, *next; change != NULL; change = next) {
            next = change->next;
            if (change->waiter != NULL) {
                sem_post(change->waiter);
                continue;
            }
            struct change ***end = change->shard == shard ? &mine_end : &others_end;
            **end = change;
            *end = &change->next;
        }
        *mine_end = NULL;
        *others_end = NULL;
        if (mine != NULL) {
            mine->message.deliver = wake_all;
            loop_post(shard->loop, &mine->message);
        }
        changes = others;
    }
}

/* ---- the thread ---- */

static void run_queue(struct committer *committer, struct change *changes)
{
    while (changes != NULL) {
        if (committer_is_alone(changes->kind)) {
            struct change *change = changes;
            changes = changes->next;
            committer_run_alone(committer, change);
            continue;
        }
        struct change *first = changes;
        struct change *last = first;
        for (unsigned count = 1;
             last->next != NULL && !committer_is_alone(last->next->kind) && count < BATCH_CHANGES_MAX; count++)
            last = last->next;
        changes = last->next;
        last->next = NULL;
        committer_commit_changes(committer, first);
    }
}

static void *run(void *argument)
{
    struct committer *committer = argument;
    for (;;) {
        if (atomic_load_explicit(&committer->returned, memory_order_relaxed) != NULL)
            committer_collect_returned(committer);
        struct change *changes = take_queue(committer);
        if (changes != NULL)
            run_queue(committer, changes);
        else if (atomic_load(&committer->is_ending))
            return NULL;
        else
            sleep_until_rung(committer);
    }
}

/* ---- life ---- */

struct committer *committer_create(struct embedded_store *store, struct error *error)
{
    struct committer *committer = calloc(1, sizeof *committer);
    ASSERT(committer != NULL);
    committer->store = store;
    list_init(&committer->outstanding);
    buffer_init(&committer->scratch, 0);
    committer->room.fd = -1;
    if (bucket_log_open(&committer->bucket_log, store, error) &&
        batch_read_numbers(store, &committer->numbers, error) &&
        ledger_start(store, &committer->numbers, &committer->scratch, error) &&
        room_init(&committer->room, &store->catalogue, error) &&
        thread_start("committer", run, committer, &committer->thread, error))
        return committer;
    room_end(&committer->room);
    bucket_log_close(&committer->bucket_log);
    free(committer);
    return NULL;
}

void committer_destroy(struct committer *committer)
{
    atomic_store(&committer->is_ending, true);
    ring(committer);
    (void)pthread_join(committer->thread, NULL);
    ASSERT(committer->attached_count == 0);
    committer_collect_returned(committer); /* nobody is attached: each is done */
    ASSERT(list_is_empty(&committer->outstanding));
    room_end(&committer->room);
    bucket_log_close(&committer->bucket_log);
    buffer_free(&committer->scratch);
    free(committer);
}

bool committer_is_broken(const struct committer *committer, struct error *error)
{
    return atomic_load_explicit(&committer->is_broken, memory_order_relaxed) &&
           !error_set(error, ERROR_IO, S3_ServiceUnavailable, "The catalogue cannot be written any more.");
}

void committer_counts(const struct committer *committer, uint64_t *ret_commits, uint64_t *ret_changes)
{
    *ret_commits = atomic_load_explicit(&committer->commits, memory_order_relaxed);
    *ret_changes = atomic_load_explicit(&committer->changes, memory_order_relaxed);
}

uint64_t committer_buckets_generation(const struct committer *committer)
{
    return atomic_load(&committer->buckets_generation);
}
