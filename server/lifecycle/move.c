/* server/lifecycle/move.c -- a version moves to another storage class. */
#include "server/lifecycle/move.h"

#include "runtime/log/log.h"
#include "s3client/wire/s3_error.h"
#include "server/object/class_levels.h"

#include <string.h>

enum {
    ARENA_BYTES = 256 << 10,      /* metadata, grants */
    SMALL_BYTES = 2000,           /* stored: what lies in the catalogue beside its row is left there */
    PACKED_BYTES_MAX = 256 << 20, /* of a store that is shared; original */
};
#define MOVED_BYTES_MAX (UINT64_C(4) << 30) /* likewise; stored */

/* That is found again in each sweep: the class does not wait for it, nor what is due after that. */
static bool stays_as_it_is(const struct lifecycle_move *move, const struct error *error)
{
    if (error->kind != ERROR_DAMAGED && error->kind != ERROR_IO && error->kind != ERROR_UNSUPPORTED)
        return false;
    log_message(LOG_ERROR, "lifecycle: %.*s/%.*s moves as it is, for it cannot be packed anew: %s",
                SPAN_FORMAT(move->name.bucket), SPAN_FORMAT(move->name.key), error->message);
    return true;
}

/* What cannot be packed anew, or gains nothing, moves all the same. */
SUSPENDS static bool pack(struct lifecycle_move *move, struct span storage_class, struct error *error)
{
    struct lifecycle_runner *runner = move->runner;
    int level = class_levels_find(runner->classes, storage_class);
    bool is_plain = move->found.seal.size == 0 && !move->found.is_encrypted && move->found.is_size_known;
    bool is_quick = !runner->store->capabilities.is_shared || move->found.original_size <= PACKED_BYTES_MAX;
    if (level == 0 || !is_plain || !is_quick || move->found.stored_size <= SMALL_BYTES)
        return true;
    const struct object_rewrite_intent intent = {.name = move->name,
                                                 .level = level,
                                                 .storage_class = storage_class,
                                                 .grounds = move->grounds,
                                                 .is_cut_off = &runner->is_ending};
    if (!object_rewrite_begin(runner->codecs, runner->store, &intent, &move->packed, error))
        return stays_as_it_is(move, error);
    if (strcmp(object_rewrite_found(move->packed)->stored_etag, move->found.stored_etag) != 0)
        return error_set(error, ERROR_CHANGED, NULL, "The object was replaced while it was looked at.");
    if (object_rewrite_is_smaller(move->packed))
        return true;
    object_rewrite_abort(move->packed);
    move->packed = NULL;
    return true;
}

/* Another process may have moved it since the page was listed. */
static bool is_in_class(const struct lifecycle_move *move, struct span judged, struct error *error)
{
    struct span found = metadata_storage_class(move->found.metadata);
    return span_equal(found, judged.size > 0 ? judged : SPAN("STANDARD")) ||
           error_set(error, ERROR_CHANGED, NULL, "The object is in another class by now.");
}

/* A process that ends in the midst of it leaves nothing: it is begun anew by the next one. So nothing is begun that
 * takes hours. */
static bool is_in_time(const struct lifecycle_move *move, struct error *error)
{
    return !move->runner->store->capabilities.is_shared || move->found.stored_size <= MOVED_BYTES_MAX ||
           error_set(error, ERROR_UNSUPPORTED, NULL, "The object is too large to be written again in time.");
}

SUSPENDS bool lifecycle_move_prepare(struct lifecycle_move *move, struct lifecycle_runner *runner, struct span bucket,
                                     const struct lifecycle_order *order, const struct deletion_grounds *grounds,
                                     struct error *error)
{
    *move = (struct lifecycle_move){.runner = runner, .grounds = grounds};
    move->name = (struct object_name){bucket, order->entry->key, span_from_string(order->entry->version)};
    arena_init(&move->arena, ARENA_BYTES);
    buffer_init(&move->metadata, 0);
    bool done = bucket_head(runner->store, &move->name, &move->arena, &move->found, error) &&
                is_in_class(move, order->entry->storage_class, error) && is_in_time(move, error);
    if (done) {
        metadata_with_storage_class(move->found.metadata, order->verdict.storage_class, &move->metadata);
        done = pack(move, order->verdict.storage_class, error);
    }
    if (!done && error->kind == ERROR_NOT_FOUND)
        error->kind = ERROR_CHANGED;
    if (!done && error->code == S3_InvalidObjectState) /* it lies in an archive of the backend: no lock forbids it */
        error->kind = ERROR_UNSUPPORTED;
    return done;
}

SUSPENDS bool lifecycle_move_commit(struct lifecycle_move *move, struct error *error)
{
    struct object_rewrite *packed = move->packed;
    move->packed = NULL;
    if (packed != NULL)
        return object_rewrite_commit(packed, error);
    const struct class_change change = {
        .judged = &move->found, .metadata = buffer_span(&move->metadata), .grounds = move->grounds};
    return bucket_change_class(move->runner->store, &move->name, &change, error);
}

SUSPENDS void lifecycle_move_end(struct lifecycle_move *move)
{
    if (move->packed != NULL)
        object_rewrite_abort(move->packed);
    arena_free(&move->arena);
    buffer_free(&move->metadata);
}
