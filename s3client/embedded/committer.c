/* s3client/embedded/committer.c -- the one writer: queue, batches, answers, and the volumes that come and go. */
#include "s3client/embedded/committer.h"

#include "runtime/base/assert.h"
#include "runtime/log.h"
#include "s3client/embedded/batch.h"
#include "s3client/embedded/bitmap.h"
#include "s3client/embedded/bucket_log.h"
#include "s3client/embedded/room.h"
#include "s3client/embedded/store.h"
#include "s3client/embedded/upload_batch.h"
#include "s3client/wire/s3_error.h"

#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { BATCH_CHANGES_MAX = 1024, PUT_GROWTH_BYTES = 24 << 10, RETURN_POLL_MS = 200 };

struct committer {
    struct embedded_store *store;
    pthread_t thread;
    _Atomic(struct change *) queue;          /* the newest first */
    _Atomic(struct release_item *) returned; /* all shards have answered; the newest first */
    _Atomic uint32_t bell;                   /* a futex: 1 while the committer sleeps or is about to */
    _Atomic bool is_ending;
    _Atomic bool is_broken;
    _Atomic uint64_t commits;
    _Atomic uint64_t changes;
    _Atomic uint64_t buckets_generation;
    /* the thread's own: */
    struct batch_numbers numbers;
    struct buffer scratch;
    struct room room;
    int bucket_log;
    struct shard *attached[EMBEDDED_SHARDS_MAX];
    bool has_left[EMBEDDED_SHARDS_MAX]; /* since some shard is attached */
    unsigned attached_count;
    struct list_link outstanding; /* freed bodies that are not free yet */
};

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

static void push(struct committer *committer, struct change *change)
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
    push(shard->store->committer, change);
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
    push(shard->store->committer, change);
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

static void answer(struct change *changes)
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

/* ---- freed bodies ---- */

struct return_message {
    struct loop_message message;
    struct shard *owner;
    struct release_item *items;
};

void committer_return(struct committer *committer, struct release_item *item)
{
    struct release_item *head = atomic_load_explicit(&committer->returned, memory_order_relaxed);
    do
        item->next_done = head;
    while (!atomic_compare_exchange_weak(&committer->returned, &head, item));
}

/* On the owner's thread: what is its own becomes free; extents of another owner send the item round once more. */
static void take_back(struct loop_message *message)
{
    struct return_message *returned = (struct return_message *)message;
    struct shard *owner = returned->owner;
    struct embedded_store *store = owner->store;
    for (struct release_item *item = returned->items, *next; item != NULL; item = next) {
        next = item->next_done;
        while (item->position < item->count &&
               item->extents[item->position].volume % store->options.shards == owner->index)
            volume_give_back(owner, &item->extents[item->position++]);
        committer_return(store->committer, item);
    }
    free(returned);
}

static struct shard *attached_owner(struct committer *committer, uint32_t volume)
{
    unsigned index = volume % committer->store->options.shards;
    for (unsigned i = 0; i < committer->attached_count; i++) {
        if (committer->attached[i]->index == index)
            return committer->attached[i];
    }
    return NULL;
}

/* Where an item goes next; NULL: nowhere, it is done. Blocks of a shard that is not there are free in the catalogue,
 * which is what that shard reads when it attaches. */
static struct shard *next_owner(struct committer *committer, struct release_item *item)
{
    for (; item->position < item->count; item->position++) {
        struct shard *owner = attached_owner(committer, item->extents[item->position].volume);
        if (owner != NULL)
            return owner;
    }
    return NULL;
}

static void collect_returned(struct committer *committer)
{
    struct release_item *items = atomic_exchange(&committer->returned, NULL);
    struct return_message *messages[EMBEDDED_SHARDS_MAX] = {NULL};
    bool has_messages = false;
    for (struct release_item *item = items, *next; item != NULL; item = next) {
        next = item->next_done;
        struct shard *owner = next_owner(committer, item);
        if (owner == NULL) {
            list_remove(&item->outstanding);
            free(item);
            continue;
        }
        struct return_message **message = &messages[owner->index];
        if (*message == NULL) {
            *message = malloc(sizeof **message);
            ASSERT(*message != NULL);
            **message = (struct return_message){.message.deliver = take_back, .owner = owner};
            has_messages = true;
        }
        item->next_done = (*message)->items;
        (*message)->items = item;
    }
    for (unsigned i = 0; has_messages && i < EMBEDDED_SHARDS_MAX; i++) {
        if (messages[i] != NULL)
            loop_post(messages[i]->owner->loop, &messages[i]->message);
    }
}

static void release_freed(struct committer *committer, struct release_item *items)
{
    if (items == NULL)
        return;
    for (struct release_item *item = items; item != NULL; item = item->next)
        list_append(&committer->outstanding, &item->outstanding);
    release_ask(items, committer->attached, committer->attached_count);
}

/* ---- batches ---- */

static uint64_t growth_of(const struct change *change)
{
    switch (change->kind) {
    case CHANGE_PUT:
        return PUT_GROWTH_BYTES + change->put.body.size + change->put.sidecar.size + change->put.object->size +
               change->put.extents.size;
    case CHANGE_CREATE_BUCKET:
    case CHANGE_PUT_TAGS:
    case CHANGE_CREATE_UPLOAD:
    case CHANGE_PUT_PART:
    case CHANGE_COMPLETE_UPLOAD:
        return PUT_GROWTH_BYTES + upload_growth(change);
    default:
        return 0; /* makes room, or is too small to matter: lives off the reserve */
    }
}

/* Fails those changes for which there is no room, before the transaction. Returns the others. */
static struct change *refuse_growth(struct committer *committer, struct change *changes, struct change **refused)
{
    uint64_t bytes = 0;
    for (struct change *change = changes; change != NULL; change = change->next)
        bytes += growth_of(change);
    struct error error;
    if (bytes == 0 || room_is_there(&committer->room, bytes, &error))
        return changes;
    struct change *kept = NULL;
    struct change **kept_end = &kept;
    for (struct change *change = changes, *next; change != NULL; change = next) {
        next = change->next;
        uint64_t growth = growth_of(change);
        if (growth == 0 || room_is_there(&committer->room, growth, change->error)) {
            *kept_end = change;
            kept_end = &change->next;
            continue;
        }
        change->succeeded = false;
        change->next = *refused;
        *refused = change;
    }
    *kept_end = NULL;
    return kept;
}

/* LMDB refuses every further transaction once it could not write its own meta page. */
static void note_broken(struct committer *committer, const struct error *error)
{
    MDB_txn *txn;
    int result = mdb_txn_begin(committer->store->catalogue.env, NULL, 0, &txn);
    if (result == 0)
        mdb_txn_abort(txn);
    if (result == MDB_PANIC && !atomic_exchange(&committer->is_broken, true))
        log_message(LOG_ERROR, "The catalogue cannot be written any more, nothing will be stored: %s", error->message);
}

static void log_buckets(struct committer *committer, const struct change *changes)
{
    for (const struct change *change = changes; change != NULL; change = change->next) {
        if (change->kind == CHANGE_DELETE_BUCKET && change->succeeded)
            bucket_log_removed(committer->bucket_log, change->bucket);
        if (change->kind != CHANGE_CREATE_BUCKET || !change->succeeded)
            continue;
        struct bucket_info info = {.created_ms = change->create.created_ms};
        memcpy(info.name, change->bucket.data, change->bucket.size);
        if (change->create.owner.size > 0)
            memcpy(info.owner, change->create.owner.data, change->create.owner.size);
        bucket_log_created(committer->bucket_log, &info);
    }
}

/* One transaction of all of them. False: nothing was changed; *error says why when it was the commit. */
static bool try_batch(struct committer *committer, struct change *changes, struct error *error)
{
    struct batch batch;
    if (!batch_begin(&batch, committer->store, &committer->numbers, &committer->scratch, error))
        return false;
    uint64_t count = 0;
    for (struct change *change = changes; change != NULL && !batch.is_broken; change = change->next, count++) {
        batch_apply(&batch, change);
        if (batch.is_broken)
            *error = *change->error;
    }
    if (batch.is_broken) {
        batch_abort(&batch);
        return false;
    }
    if (!batch_commit(&batch, error))
        return false;
    atomic_fetch_add_explicit(&committer->commits, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&committer->changes, count, memory_order_relaxed);
    if (batch.has_bucket_change) {
        atomic_fetch_add(&committer->buckets_generation, 1);
        log_buckets(committer, changes);
    }
    release_freed(committer, batch.freed);
    return true;
}

/* A disk that is full shows as EIO from LMDB's commit. When LMDB has given up, a restart may find that the commit was
 * made after all: that stays ERROR_IO, for which writers leave their blocks alone. */
static void explain_failure(struct committer *committer, struct error *error)
{
    note_broken(committer, error);
    if (atomic_load(&committer->is_broken))
        error->kind = ERROR_IO;
    else if (error->kind == ERROR_IO && !room_for_volume(&committer->room, 0))
        error_set(error, ERROR_FULL, S3_InsufficientStorage, "The disk is full.");
    if (error->code == NULL)
        error->code = S3_InternalError;
}

static void commit_one(struct committer *committer, struct change *change);

/* A delete of many objects may need more room than is kept for deletes, or have a damaged one among them: then its
 * halves are tried. */
static void commit_halves(struct committer *committer, struct change *change)
{
    unsigned half = change->delete.count / 2;
    struct change first = *change;
    struct change second = *change;
    first.delete.count = half;
    second.delete.items += half;
    second.delete.count -= half;
    commit_one(committer, &first);
    commit_one(committer, &second);
    change->succeeded = first.succeeded || second.succeeded;
}

static void fail_one(struct change *change, const struct error *error)
{
    change->succeeded = false;
    *change->error = *error;
    for (unsigned i = 0; change->kind == CHANGE_DELETE && i < change->delete.count; i++) {
        change->delete.items[i].is_deleted = false;
        change->delete.items[i].error = *error;
    }
}

static void commit_one(struct committer *committer, struct change *change)
{
    struct change *next = change->next;
    change->next = NULL;
    struct error error;
    if (!try_batch(committer, change, &error)) {
        explain_failure(committer, &error);
        if (change->kind == CHANGE_DELETE && change->delete.count > 1 && !atomic_load(&committer->is_broken))
            commit_halves(committer, change);
        else
            fail_one(change, &error);
    }
    change->next = next;
}

static void commit_changes(struct committer *committer, struct change *changes)
{
    struct change *refused = NULL;
    changes = refuse_growth(committer, changes, &refused);
    answer(refused);
    struct error error;
    if (changes == NULL)
        return;
    if (changes->next == NULL)
        commit_one(committer, changes);
    else if (!try_batch(committer, changes, &error)) {
        for (struct change *change = changes; change != NULL; change = change->next)
            commit_one(committer, change);
    }
    answer(changes);
}

/* ---- volumes and shards ---- */

static bool commit_volume_row(struct committer *committer, uint32_t number, uint32_t blocks, struct error *error)
{
    MDB_txn *txn;
    struct catalogue *catalogue = &committer->store->catalogue;
    int result = mdb_txn_begin(catalogue->env, NULL, 0, &txn);
    if (result != 0)
        return catalogue_failed(result, error, "begin");
    uint8_t key[4] = {(uint8_t)(number >> 24), (uint8_t)(number >> 16), (uint8_t)(number >> 8), (uint8_t)number};
    bool done = blocks == 0 ? catalogue_delete(txn, catalogue->volumes, span_of(key, sizeof key), error)
                            : batch_put_volume(txn, catalogue, number, blocks, false, error);
    if (!done) {
        mdb_txn_abort(txn);
        return false;
    }
    result = mdb_txn_commit(txn);
    return result == 0 || catalogue_failed(result, error, "commit");
}

/* The least number that is the shard's and free. The row first, then the file: a crash between leaves a row without
 * bodies, for which opening makes the file. The other way round would leave a file that nothing names. */
static bool add_volume(struct committer *committer, struct change *change, struct error *error)
{
    struct embedded_store *store = committer->store;
    unsigned shards = store->options.shards;
    uint32_t number = change->shard->index == 0 ? shards : change->shard->index;
    while (number < VOLUMES_MAX && volume_find(store, number) != NULL)
        number += shards;
    if (number >= VOLUMES_MAX)
        return error_set(error, ERROR_FULL, S3_InsufficientStorage, "The store has all its %d volumes.", VOLUMES_MAX);
    uint32_t blocks = change->volume.blocks;
    while (blocks / 2 >= change->volume.blocks_least &&
           !room_for_volume(&committer->room, (uint64_t)blocks * EXTENT_BLOCK_BYTES))
        blocks /= 2;
    if (!room_for_volume(&committer->room, (uint64_t)blocks * EXTENT_BLOCK_BYTES))
        return error_set(error, ERROR_FULL, S3_InsufficientStorage, "The disk has no room for another volume.");
    if (!commit_volume_row(committer, number, blocks, error))
        return false;
    change->volume.volume = volume_create(store, number, blocks, error);
    if (change->volume.volume != NULL)
        return true;
    struct error ignored; /* a row without file is harmless */
    (void)commit_volume_row(committer, number, 0, &ignored);
    return false;
}

/* On the lender's thread. */
static void lend(struct loop_message *message)
{
    struct change *change = LIST_ELEMENT(message, struct change, message);
    (void)volume_lend(change->borrow.lender, change->borrow.wanted, change->borrow.least, &change->borrow.extent);
    push(change->shard->store->committer, change);
}

/* The next shard, from the borrower's neighbour on, that seems to have so much; NULL: all were asked. */
static struct shard *next_lender(struct committer *committer, struct change *change)
{
    unsigned shards = committer->store->options.shards;
    while (++change->borrow.asked < shards) {
        struct shard *shard = attached_owner(committer, (change->shard->index + change->borrow.asked) % shards);
        if (shard != NULL &&
            atomic_load_explicit(&shard->volumes.free_blocks, memory_order_relaxed) >= change->borrow.least)
            return shard;
    }
    return NULL;
}

/* One shard after another is asked; the change goes round between them and the committer. */
static void borrow(struct committer *committer, struct change *change)
{
    change->succeeded = change->borrow.extent.count > 0;
    change->borrow.lender = change->succeeded ? NULL : next_lender(committer, change);
    if (change->borrow.lender != NULL) {
        change->message.deliver = lend;
        loop_post(change->borrow.lender->loop, &change->message);
        return;
    }
    if (!change->succeeded)
        error_set(change->error, ERROR_FULL, S3_InsufficientStorage, "No shard has room.");
    answer(change);
}

/* What a volume's owner may hand out: what is free in the catalogue, without what was freed and may still be read. */
static bool load_volumes(struct committer *committer, struct shard *shard, struct error *error)
{
    struct embedded_store *store = committer->store;
    MDB_txn *txn;
    int result = mdb_txn_begin(store->catalogue.env, NULL, MDB_RDONLY, &txn);
    if (result != 0)
        return catalogue_failed(result, error, "begin");
    bool done = true;
    for (uint32_t number = shard->index; done && number < VOLUMES_MAX; number += store->options.shards) {
        struct volume *volume = volume_find(store, number);
        done = volume == NULL || volume_load(store, txn, volume, error);
    }
    mdb_txn_abort(txn);
    for (struct list_link *link = committer->outstanding.next; done && link != &committer->outstanding;
         link = link->next) {
        struct release_item *item = LIST_ELEMENT(link, struct release_item, outstanding);
        for (unsigned i = item->position; i < item->count; i++) {
            struct volume *volume = volume_find(store, item->extents[i].volume);
            if (volume != NULL && volume->number % store->options.shards == shard->index)
                bitmap_fill(volume->taken, item->extents[i].block, item->extents[i].count, true);
        }
    }
    return done;
}

static bool attach(struct committer *committer, struct change *change, struct error *error)
{
    /* what this shard has lent, and its borrower has not committed, the catalogue does not say */
    ASSERT(!committer->has_left[change->shard->index]);
    if (!load_volumes(committer, change->shard, error))
        return false;
    committer->attached[committer->attached_count++] = change->shard;
    return true;
}

static void detach(struct committer *committer, struct change *change)
{
    struct shard *shard = change->shard;
    for (unsigned i = 0; i < committer->attached_count; i++) {
        if (committer->attached[i] == shard)
            committer->attached[i--] = committer->attached[--committer->attached_count];
    }
    committer->has_left[shard->index] = true;
    if (committer->attached_count == 0)
        memset(committer->has_left, 0, sizeof committer->has_left);
    change->succeeded = true;
    answer(change);
    atomic_store_explicit(&shard->is_released, true, memory_order_release);
}

/* Those that are no part of a batch. */
static bool is_alone(enum change_kind kind)
{
    return kind == CHANGE_ADD_VOLUME || kind == CHANGE_ATTACH || kind == CHANGE_DETACH || kind == CHANGE_DROP_VOLUME ||
           kind == CHANGE_BORROW;
}

static void run_alone(struct committer *committer, struct change *change)
{
    change->next = NULL;
    switch (change->kind) {
    case CHANGE_ADD_VOLUME:
        change->succeeded = add_volume(committer, change, change->error);
        break;
    case CHANGE_DROP_VOLUME:
        /* no body is in it, so the file goes first: a crash between leaves a row without file, as above */
        volume_remove(committer->store, change->volume.volume);
        commit_one(committer, change);
        break;
    case CHANGE_ATTACH:
        change->succeeded = attach(committer, change, change->error);
        break;
    case CHANGE_BORROW:
        borrow(committer, change);
        return;
    default:
        detach(committer, change);
        return;
    }
    answer(change);
}

static void run_queue(struct committer *committer, struct change *changes)
{
    while (changes != NULL) {
        if (is_alone(changes->kind)) {
            struct change *change = changes;
            changes = changes->next;
            run_alone(committer, change);
            continue;
        }
        struct change *first = changes;
        struct change *last = first;
        for (unsigned count = 1; last->next != NULL && !is_alone(last->next->kind) && count < BATCH_CHANGES_MAX;
             count++)
            last = last->next;
        changes = last->next;
        last->next = NULL;
        commit_changes(committer, first);
    }
}

static void *run(void *argument)
{
    struct committer *committer = argument;
    for (;;) {
        if (atomic_load_explicit(&committer->returned, memory_order_relaxed) != NULL)
            collect_returned(committer);
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

static bool start(struct committer *committer, struct error *error)
{
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before); /* signals are for the main thread */
    int result = pthread_create(&committer->thread, NULL, run, committer);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (result != 0)
        return error_set_errno(error, result, "The committer's thread cannot be started");
    (void)pthread_setname_np(committer->thread, "committer");
    return true;
}

struct committer *committer_create(struct embedded_store *store, struct error *error)
{
    struct committer *committer = calloc(1, sizeof *committer);
    ASSERT(committer != NULL);
    committer->store = store;
    list_init(&committer->outstanding);
    buffer_init(&committer->scratch, 0);
    committer->room.fd = -1;
    committer->bucket_log = bucket_log_open(store->folder.fd, error);
    if (committer->bucket_log >= 0 && batch_read_numbers(store, &committer->numbers, error) &&
        room_init(&committer->room, &store->catalogue, error) && start(committer, error))
        return committer;
    room_end(&committer->room);
    if (committer->bucket_log >= 0)
        close(committer->bucket_log);
    free(committer);
    return NULL;
}

void committer_destroy(struct committer *committer)
{
    atomic_store(&committer->is_ending, true);
    ring(committer);
    (void)pthread_join(committer->thread, NULL);
    ASSERT(committer->attached_count == 0);
    collect_returned(committer); /* nobody is attached: each is done */
    ASSERT(list_is_empty(&committer->outstanding));
    room_end(&committer->room);
    close(committer->bucket_log);
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
