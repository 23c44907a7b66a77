/* store/embedded/commit/committer_batch.c -- a run of changes as one transaction, or one by one, or not at all for want
 * of room. */
#include "runtime/log/log.h"
#include "s3client/wire/s3_error.h"
#include "store/embedded/change/apply.h"
#include "store/embedded/change/rewrite_batch.h"
#include "store/embedded/change/upload_batch.h"
#include "store/embedded/commit/committer_thread.h"
#include "store/embedded/ledger/spool_rows.h"

enum { PUT_GROWTH_BYTES = 24 << 10, MARKER_GROWTH_BYTES = 1 << 10, STEPS_FIRST = 512 };

static uint64_t growth_of(const struct change *change)
{
    switch (change->kind) {
    case CHANGE_PUT:
        return PUT_GROWTH_BYTES + change->put.body.size + change->put.sidecar.size + change->put.object->size +
               change->put.extents.size;
    case CHANGE_REWRITE:
        return PUT_GROWTH_BYTES + rewrite_growth(change);
    case CHANGE_CREATE_BUCKET:
    case CHANGE_AMEND:
    case CHANGE_CREATE_UPLOAD:
    case CHANGE_PUT_PART:
    case CHANGE_COMPLETE_UPLOAD:
    case CHANGE_NOTE_MANIFEST:
        return PUT_GROWTH_BYTES + upload_growth(change);
    case CHANGE_DELETE: /* markers need room; what is deleted for good makes some */
        return change->delete.makes_markers ? PUT_GROWTH_BYTES + change->delete.count * MARKER_GROWTH_BYTES : 0;
    default:
        return 0; /* makes room, or is too small to matter: lives off the reserve */
    }
}

/* Does it live off the reserve? The journal's objects do, which are few and small: a full disk shall not keep it from
 * saying what the settings of buckets are, without which nobody may delete anything in those that have some. */
static bool is_of_journal(const struct change *change)
{
    return (change->kind == CHANGE_PUT || change->kind == CHANGE_CREATE_BUCKET) &&
           ledger_is_system_bucket(change->bucket);
}

static bool has_room(struct committer_thread *committer, const struct change *change, struct error *error)
{
    uint64_t growth = growth_of(change);
    return growth == 0 || (is_of_journal(change) ? room_is_left(&committer->room, growth, error)
                                                 : room_is_there(&committer->room, growth, error));
}

/* Fails those changes for which there is no room, before the transaction. Returns the others. */
static struct change *refuse_growth(struct committer_thread *committer, struct change *changes, struct change **refused)
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
        if (has_room(committer, change, change->error)) {
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
static void note_broken(struct committer_thread *committer, const struct error *error)
{
    MDB_txn *txn;
    int result = mdb_txn_begin(committer->store->catalogue.env, NULL, 0, &txn);
    if (result == 0)
        mdb_txn_abort(txn);
    if (result == MDB_PANIC && !atomic_exchange(&committer->base.is_broken, true))
        log_message(LOG_ERROR, "The catalogue cannot be written any more, nothing will be stored: %s", error->message);
}

static void log_buckets(struct committer_thread *committer, const struct change *changes)
{
    for (const struct change *change = changes; change != NULL; change = change->next) {
        if (change->kind == CHANGE_DELETE_BUCKET && change->succeeded)
            bucket_log_removed(&committer->bucket_log, change->bucket);
        if (change->kind == CHANGE_CREATE_BUCKET && change->succeeded)
            bucket_log_created(&committer->bucket_log, &change->create.info);
        if (change->kind == CHANGE_SET_BUCKET && change->succeeded)
            bucket_log_created(&committer->bucket_log, &change->set.info);
    }
}

/* One transaction of all of them, of at most so many steps. False: nothing was changed; *error says why when it was the
 * commit. */
static bool try_batch(struct committer_thread *committer, struct change *changes, uint64_t steps, bool *ret_partial,
                      struct error *error)
{
    struct batch batch;
    if (!batch_begin(&batch, committer->store, &committer->numbers, &committer->scratch, error))
        return false;
    batch.steps_left = steps;
    uint64_t count = 0;
    for (struct change *change = changes; change != NULL && !batch.is_broken; change = change->next, count++) {
        change_apply(&batch, change);
        if (batch.is_broken)
            *error = *change->error;
    }
    if (batch.is_broken) {
        batch_abort(&batch);
        return false;
    }
    if (!batch_commit(&batch, error))
        return false;
    atomic_fetch_add_explicit(&committer->base.commits, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&committer->base.changes, count, memory_order_relaxed);
    if (batch.has_bucket_change) {
        atomic_fetch_add(&committer->base.buckets_generation, 1);
        log_buckets(committer, changes);
    }
    committer_release(committer, batch.freed);
    *ret_partial = batch.is_partial;
    return true;
}

static bool try_whole(struct committer_thread *committer, struct change *changes, struct error *error)
{
    bool is_partial;
    return try_batch(committer, changes, UINT64_MAX, &is_partial, error);
}

/* A disk that is full shows as EIO from LMDB's commit. When LMDB has given up, a restart may find that the commit was
 * made after all: that stays ERROR_IO, for which writers leave their blocks alone. */
static void explain_failure(struct committer_thread *committer, struct error *error)
{
    note_broken(committer, error);
    if (atomic_load(&committer->base.is_broken))
        error->kind = ERROR_IO;
    else if (error->kind == ERROR_IO && !room_for_volume(&committer->room, 0))
        error_set(error, ERROR_FULL, S3_InsufficientStorage, "The disk is full.");
    if (error->code == NULL)
        error->code = S3_InternalError;
}

/* A delete of many objects may need more room than is kept for deletes, or have a damaged one among them: then its
 * halves are tried. */
static void commit_halves(struct committer_thread *committer, struct change *change)
{
    unsigned half = change->delete.count / 2;
    struct change first = *change;
    struct change second = *change;
    first.delete.count = half;
    second.delete.items += half;
    second.delete.count -= half;
    committer_commit_one(committer, &first);
    committer_commit_one(committer, &second);
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

/* An upload of many parts, or a bucket with many uploads: in several transactions when there is no room for one. What a
 * crash or a failure leaves is an open upload with fewer parts, or a bucket with fewer uploads: to be removed again. */
static bool commit_in_steps(struct committer_thread *committer, struct change *change, struct error *error)
{
    uint64_t steps = STEPS_FIRST;
    bool is_partial = true;
    while (is_partial) {
        if (try_batch(committer, change, steps, &is_partial, error))
            continue;
        explain_failure(committer, error);
        if (error->kind != ERROR_FULL || steps == 1)
            return false;
        steps /= 2;
    }
    return true;
}

static void commit_otherwise(struct committer_thread *committer, struct change *change, struct error *error)
{
    bool is_broken = atomic_load(&committer->base.is_broken);
    if (change->kind == CHANGE_DELETE && change->delete.count > 1 && !is_broken) {
        commit_halves(committer, change);
        return;
    }
    bool has_steps = change->kind == CHANGE_ABORT_UPLOAD || change->kind == CHANGE_DELETE_BUCKET;
    if (!has_steps || error->kind != ERROR_FULL || is_broken || !commit_in_steps(committer, change, error))
        fail_one(change, error);
}

void committer_commit_one(struct committer_thread *committer, struct change *change)
{
    struct change *next = change->next;
    change->next = NULL;
    struct error error;
    if (!try_whole(committer, change, &error)) {
        explain_failure(committer, &error);
        commit_otherwise(committer, change, &error);
    }
    change->next = next;
}

void committer_commit_changes(struct committer_thread *committer, struct change *changes)
{
    struct change *refused = NULL;
    changes = refuse_growth(committer, changes, &refused);
    committer_answer(refused);
    struct error error;
    if (changes == NULL)
        return;
    if (changes->next == NULL)
        committer_commit_one(committer, changes);
    else if (!try_whole(committer, changes, &error)) {
        for (struct change *change = changes; change != NULL; change = change->next)
            committer_commit_one(committer, change);
    }
    committer_answer(changes);
}
