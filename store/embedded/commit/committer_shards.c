/* store/embedded/commit/committer_shards.c -- what the committer does for shards outside batches: volumes that come and
 * go, blocks that one shard borrows of another, shards that come and leave. */
#include "runtime/base/assert.h"
#include "s3client/wire/s3_error.h"
#include "store/embedded/change/bucket_batch.h"
#include "store/embedded/commit/committer_thread.h"
#include "store/embedded/volumes/bitmap.h"
#include "store/embedded/volumes/space.h"

#include <stdlib.h>

/* That all of it is free is written down, and not left to rows that are missing: beside a damaged row nothing is surely
 * missing. */
static bool put_volume(MDB_txn *txn, const struct catalogue *catalogue, uint32_t number, uint32_t blocks,
                       struct error *error)
{
    uint64_t *taken = calloc(BITMAP_WORDS(blocks), sizeof *taken);
    ASSERT(taken != NULL);
    bool done = space_store(txn, catalogue, number, blocks, taken, error) &&
                batch_put_volume(txn, catalogue, number, blocks, false, error);
    free(taken);
    return done;
}

static bool commit_volume_row(struct committer_thread *committer, uint32_t number, uint32_t blocks, struct error *error)
{
    MDB_txn *txn;
    struct catalogue *catalogue = &committer->store->catalogue;
    if (later_look_forbids_writes(committer->store->look, error))
        return false;
    int result = mdb_txn_begin(catalogue->env, NULL, 0, &txn);
    if (result != 0)
        return catalogue_failed(result, error, "begin");
    uint8_t key[4] = {(uint8_t)(number >> 24), (uint8_t)(number >> 16), (uint8_t)(number >> 8), (uint8_t)number};
    bool done = blocks == 0 ? catalogue_delete_beside(txn, catalogue->volumes, span_of(key, sizeof key), error)
                            : put_volume(txn, catalogue, number, blocks, error);
    if (!done) {
        mdb_txn_abort(txn);
        return false;
    }
    result = mdb_txn_commit(txn);
    return result == 0 || catalogue_failed(result, error, "commit");
}

/* The least number that is the shard's and free. The row first, then the file: a crash between leaves a row without
 * bodies, for which opening makes the file. The other way round would leave a file that nothing names. */
static bool add_volume(struct committer_thread *committer, struct change *change, struct error *error)
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
    committer_push(change->shard->store->committer, change);
}

/* The next shard, from the borrower's neighbour on, that seems to have so much; NULL: all were asked. */
static struct shard *next_lender(struct committer_thread *committer, struct change *change)
{
    unsigned shards = committer->store->options.shards;
    while (++change->borrow.asked < shards) {
        struct shard *shard = committer_owner(committer, (change->shard->index + change->borrow.asked) % shards);
        if (shard != NULL &&
            atomic_load_explicit(&shard->volumes.free_blocks, memory_order_relaxed) >= change->borrow.least)
            return shard;
    }
    return NULL;
}

/* One shard after another is asked; the change goes round between them and the committer. */
static void borrow(struct committer_thread *committer, struct change *change)
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
    committer_answer(change);
}

/* What a volume's owner may hand out: what is free in the catalogue, without what was freed and may still be read. */
static bool load_volumes(struct committer_thread *committer, struct shard *shard, struct error *error)
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

static bool attach(struct committer_thread *committer, struct change *change, struct error *error)
{
    /* what this shard has lent, and its borrower has not committed, the catalogue does not say */
    ASSERT(!committer->has_left[change->shard->index]);
    if (!load_volumes(committer, change->shard, error))
        return false;
    committer->attached[committer->attached_count++] = change->shard;
    return true;
}

static void detach(struct committer_thread *committer, struct change *change)
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
    committer_answer(change);
    atomic_store_explicit(&shard->is_released, true, memory_order_release);
}

/* Those that are no part of a batch. */
bool committer_is_alone(enum change_kind kind)
{
    return kind == CHANGE_ADD_VOLUME || kind == CHANGE_ATTACH || kind == CHANGE_DETACH || kind == CHANGE_DROP_VOLUME ||
           kind == CHANGE_BORROW;
}

void committer_run_alone(struct committer_thread *committer, struct change *change)
{
    change->next = NULL;
    switch (change->kind) {
    case CHANGE_ADD_VOLUME:
        change->succeeded = add_volume(committer, change, change->error);
        break;
    case CHANGE_DROP_VOLUME:
        /* no body is in it, so the file goes first: a crash between leaves a row without file, as above */
        volume_remove(committer->store, change->volume.volume);
        committer_commit_one(committer, change);
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
    committer_answer(change);
}
