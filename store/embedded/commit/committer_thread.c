/* store/embedded/commit/committer_thread.c -- the committer's thread: starts, runs what is queued, ends. */
#include "store/embedded/commit/committer_thread.h"

#include "runtime/base/assert.h"
#include "runtime/fiber/thread.h"
#include "store/embedded/change/ledger_batch.h"
#include "store/embedded/commit/start.h"

#include <stdlib.h>

enum { BATCH_CHANGES_MAX = 1024, RETURN_POLL_MS = 200 };

static void run_queue(struct committer_thread *committer, struct change *changes)
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
    struct committer_thread *committer = argument;
    for (;;) {
        if (atomic_load_explicit(&committer->base.returned, memory_order_relaxed) != NULL)
            committer_collect_returned(committer);
        struct change *changes = committer_take(&committer->base);
        if (changes != NULL)
            run_queue(committer, changes);
        else if (atomic_load(&committer->base.is_ending))
            return NULL;
        else
            /* shards that answer for freed bodies do not ring: look now and then while some are missing */
            committer_sleep(&committer->base, list_is_empty(&committer->outstanding) ? 0 : RETURN_POLL_MS);
    }
}

struct committer *committer_start(struct embedded_store *store, struct error *error)
{
    struct committer_thread *committer = calloc(1, sizeof *committer);
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
        return &committer->base;
    room_end(&committer->room);
    bucket_log_close(&committer->bucket_log);
    free(committer);
    return NULL;
}

void committer_end(struct committer *base)
{
    struct committer_thread *committer = (struct committer_thread *)base;
    atomic_store(&committer->base.is_ending, true);
    committer_ring(base);
    (void)pthread_join(committer->thread, NULL);
    ASSERT(committer->attached_count == 0);
    committer_collect_returned(committer); /* nobody is attached: each is done */
    ASSERT(list_is_empty(&committer->outstanding));
    room_end(&committer->room);
    bucket_log_close(&committer->bucket_log);
    buffer_free(&committer->scratch);
    free(committer);
}
