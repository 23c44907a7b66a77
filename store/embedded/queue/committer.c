/* store/embedded/queue/committer.c -- changes on their way to the committer, and its answers on their way back. */
#include "store/embedded/queue/committer.h"

#include "runtime/base/assert.h"
#include "s3client/wire/s3_error.h"
#include "store/embedded/queue/queue.h"
#include "store/embedded/queue/release_item.h"
#include "store/embedded/state.h"

#include <errno.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* ---- the queue ---- */

static void futex_wait(_Atomic uint32_t *word, uint32_t expected, unsigned timeout_ms)
{
    struct timespec timeout = {.tv_sec = timeout_ms / 1000, .tv_nsec = (long)(timeout_ms % 1000) * 1000000};
    (void)syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, expected, timeout_ms == 0 ? NULL : &timeout, NULL, 0);
}

void committer_ring(struct committer *committer)
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
    committer_ring(committer);
}

struct change *committer_take(struct committer *committer)
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

void committer_sleep(struct committer *committer, unsigned timeout_ms)
{
    atomic_store(&committer->bell, 1);
    bool is_idle = atomic_load(&committer->queue) == NULL && !atomic_load(&committer->is_ending);
    if (is_idle)
        futex_wait(&committer->bell, 1, timeout_ms);
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

/* ---- freed blocks ---- */

void committer_return(struct committer *committer, struct release_item *item)
{
    struct release_item *head = atomic_load_explicit(&committer->returned, memory_order_relaxed);
    do
        item->next_done = head;
    while (!atomic_compare_exchange_weak(&committer->returned, &head, item));
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

/* ---- what it says ---- */

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
