/* store/embedded/change/object_batch.c -- objects that are put and deleted, inside the committer's transaction. */
#include "store/embedded/change/object_batch.h"

#include "store/embedded/change/free.h"
#include "store/embedded/change/ledger_batch.h"
#include "store/embedded/state.h"

static bool put_body(struct batch *batch, const struct change *change, uint64_t *ret_number, struct error *error)
{
    const struct catalogue *catalogue = &batch->store->catalogue;
    struct span extents = change->put.extents;
    for (unsigned i = 0; i < extents_count(extents); i++) {
        if (!space_take(&batch->space, extent_at(extents, i), error))
            return false;
    }
    if (change->put.place == BODY_INLINE) {
        *ret_number = batch->numbers.body++;
        return batch_put_numbered(batch, catalogue->bodies, *ret_number, change->put.body, error);
    }
    if (change->put.place == BODY_LISTED) {
        *ret_number = batch->numbers.extents++;
        return batch_put_numbered(batch, catalogue->extents, *ret_number, extents, error);
    }
    return true;
}

bool object_put(struct batch *batch, struct change *change, struct error *error)
{
    struct bucket_row bucket;
    struct batch_replaced old;
    if (!catalogue_need_bucket(batch->txn, &batch->store->catalogue, change->bucket, &bucket, error))
        return false;
    enum lookup found =
        batch_find_replaced(batch, change, bucket.number, change->put.key, change->put.condition, &old, error);
    if (found == LOOKUP_FAILED)
        return false;

    uint64_t body_number = 0;
    uint64_t sidecar_number = 0;
    struct ledger_amounts amounts = row_amounts_encoded(change->put.object->data);
    ledger_amounts_subtract(&amounts, &old.amounts);
    if (found == LOOKUP_FOUND && !batch_free_replaced(batch, &old, error))
        return batch_broken(batch);
    if (!put_body(batch, change, &body_number, error) ||
        !batch_put_sidecar(batch, change->put.sidecar, &sidecar_number, error))
        return batch_broken(batch);
    row_set_numbers(change->put.object->data, body_number, sidecar_number);
    return (key_put(&batch->keys, bucket.number, change->put.key, buffer_span(change->put.object), error) &&
            ledger_add(batch, change->bucket, bucket.info.creation_id, &amounts, error)) ||
           batch_broken(batch);
}

static bool delete_item(struct batch *batch, const struct change *change, const struct bucket_row *bucket,
                        struct delete_item *item, struct error *error)
{
    struct batch_replaced old;
    bool is_current = item->version.size == 0 || span_equal(item->version, SPAN("null"));
    if (!is_current)
        return item->condition == NULL || write_condition_holds(item->condition, NULL, error);
    enum lookup found = batch_find_replaced(batch, change, bucket->number, item->key, item->condition, &old, error);
    if (found != LOOKUP_FOUND)
        return found == LOOKUP_MISSING;
    struct ledger_amounts amounts = {0};
    ledger_amounts_subtract(&amounts, &old.amounts);
    return (batch_free_replaced(batch, &old, error) && key_delete(&batch->keys, bucket->number, item->key, error) &&
            ledger_add(batch, change->bucket, bucket->info.creation_id, &amounts, error)) ||
           batch_broken(batch);
}

bool objects_delete(struct batch *batch, struct change *change, struct error *error)
{
    struct bucket_row bucket;
    if (!catalogue_need_bucket(batch->txn, &batch->store->catalogue, change->bucket, &bucket, error))
        return false;
    for (unsigned i = 0; i < change->delete.count && !batch->is_broken; i++) {
        struct delete_item *item = &change->delete.items[i];
        item->is_deleted = delete_item(batch, change, &bucket, item, &item->error);
        if (batch->is_broken)
            *error = item->error;
    }
    return !batch->is_broken;
}
