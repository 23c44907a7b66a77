/* server/lifecycle/move.c -- a version moves to another storage class. */
#include "server/lifecycle/move.h"

enum { ARENA_BYTES = 256 << 10 }; /* metadata, grants */

SUSPENDS bool lifecycle_move_prepare(struct lifecycle_move *move, struct lifecycle_runner *runner, struct span bucket,
                                     const struct lifecycle_order *order, struct error *error)
{
    *move = (struct lifecycle_move){.runner = runner};
    move->name = (struct object_name){bucket, order->entry->key, span_from_string(order->entry->version)};
    arena_init(&move->arena, ARENA_BYTES);
    buffer_init(&move->metadata, 0);
    if (!bucket_head(runner->store, &move->name, &move->arena, &move->found, error)) {
        if (error->kind == ERROR_NOT_FOUND)
            error->kind = ERROR_CHANGED;
        return false;
    }
    metadata_with_storage_class(move->found.metadata, order->verdict.storage_class, &move->metadata);
    return true;
}

SUSPENDS bool lifecycle_move_commit(struct lifecycle_move *move, const struct deletion_grounds *grounds,
                                    struct error *error)
{
    const struct class_change change = {
        .stored_etag = move->found.stored_etag, .metadata = buffer_span(&move->metadata), .grounds = grounds};
    return bucket_change_class(move->runner->store, &move->name, &change, error);
}

void lifecycle_move_end(struct lifecycle_move *move)
{
    arena_free(&move->arena);
    buffer_free(&move->metadata);
}
