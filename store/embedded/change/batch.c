/* store/embedded/change/batch.c -- one transaction of the committer: begun, looked into, committed. */
#include "store/embedded/change/batch.h"

#include "runtime/base/assert.h"
#include "runtime/log/log.h"
#include "store/embedded/change/ledger_batch.h"
#include "store/embedded/ledger/spool_rows.h"
#include "store/embedded/state.h"

#include <stdlib.h>

/* ---- objects ---- */

void batch_leave_blocks(void)
{
    log_message(LOG_WARNING,
                "Where a replaced or deleted object lay cannot be read any more: its blocks are free after "
                "`bale check --repair`.");
}

/* The current version; `ret_row` points into the map and holds until the first write. */
enum lookup batch_find_object(struct batch *batch, uint64_t group, struct span key, struct row *ret_row,
                              struct error *error)
{
    struct span object;
    enum lookup found = key_find(&batch->keys, group, key, &object, error);
    if (found == LOOKUP_FOUND && !row_decode_object(object, ret_row, error))
        return LOOKUP_FAILED;
    return found;
}

bool batch_doubt_ledger(struct batch *batch, struct span bucket, struct error *error)
{
    return ledger_is_system_bucket(bucket) ||
           catalogue_put_counter(batch->txn, &batch->store->catalogue, "ledger_doubt", 1, error);
}

enum lookup batch_find_replaced(struct batch *batch, const struct change *change, uint64_t group, struct span key,
                                const struct write_condition *condition, struct batch_replaced *ret_replaced,
                                struct error *error)
{
    *ret_replaced = (struct batch_replaced){0};
    enum lookup found = batch_find_object(batch, group, key, &ret_replaced->row, error);
    if (found == LOOKUP_FAILED) {
        if (!key_is_lost(&batch->keys, group, key, error) || !write_condition_holds_over_damage(condition, error))
            return LOOKUP_FAILED;
        batch_leave_blocks();
        ret_replaced->is_lost = true;
        return batch_doubt_ledger(batch, change->bucket, error) || batch_broken(batch) ? LOOKUP_FOUND : LOOKUP_FAILED;
    }
    const struct object_attributes *current = found == LOOKUP_FOUND ? &ret_replaced->row.attributes : NULL;
    if (condition != NULL && current != NULL)
        store_lift_veil(batch->store, &ret_replaced->row);
    if (condition != NULL && !write_condition_holds(condition, current, error))
        return LOOKUP_FAILED;
    if (found == LOOKUP_FOUND)
        ret_replaced->amounts = row_amounts(&ret_replaced->row);
    return found;
}

bool batch_put_numbered(struct batch *batch, MDB_dbi table, uint64_t number, struct span value, struct error *error)
{
    uint8_t key[CATALOGUE_NUMBER_BYTES];
    catalogue_number_key(number, key);
    return catalogue_put(batch->txn, table, span_of(key, sizeof key), value, MDB_APPEND, error);
}

bool batch_put_body(struct batch *batch, enum body_place place, struct span body, struct span extents,
                    uint64_t *ret_number, struct error *error)
{
    const struct catalogue *catalogue = &batch->store->catalogue;
    for (unsigned i = 0; i < extents_count(extents); i++) {
        if (!space_take(&batch->space, extent_at(extents, i), error))
            return false;
    }
    if (place == BODY_INLINE) {
        *ret_number = batch->numbers.body++;
        return batch_put_numbered(batch, catalogue->bodies, *ret_number, body, error);
    }
    if (place == BODY_LISTED) {
        *ret_number = batch->numbers.extents++;
        return batch_put_numbered(batch, catalogue->extents, *ret_number, extents, error);
    }
    return true;
}

bool batch_put_sidecar(struct batch *batch, struct span sidecar, uint64_t *ret_number, struct error *error)
{
    if (sidecar.size == 0)
        return true;
    *ret_number = batch->numbers.sidecar++;
    return batch_put_numbered(batch, batch->store->catalogue.sidecars, *ret_number, sidecar, error);
}

/* ---- the transaction ---- */

bool batch_begin(struct batch *batch, struct embedded_store *store, struct batch_numbers *numbers,
                 struct buffer *scratch, struct error *error)
{
    *batch = (struct batch){.store = store, .committed = numbers, .numbers = *numbers, .steps_left = UINT64_MAX};
    if (later_look_forbids_writes(store->look, error))
        return false;
    int result = mdb_txn_begin(store->catalogue.env, NULL, 0, &batch->txn);
    if (result != 0)
        return catalogue_failed(result, error, "begin");
    batch->keys =
        (struct key_table){batch->txn, store->catalogue.objects, &batch->numbers.group, scratch, &batch->memo};
    space_change_begin(&batch->space, batch->txn, &store->catalogue);
    return true;
}

static void drop_freed(struct batch *batch)
{
    while (batch->freed != NULL) {
        struct release_item *item = batch->freed;
        batch->freed = item->next;
        free(item);
    }
}

void batch_abort(struct batch *batch)
{
    mdb_txn_abort(batch->txn);
    space_change_end(&batch->space);
    drop_freed(batch);
}

bool batch_commit(struct batch *batch, struct error *error)
{
    ASSERT(!batch->is_broken);
    bool has_new_groups = batch->numbers.group != batch->committed->group;
    bool has_new_order = batch->numbers.order != batch->committed->order;
    if (!space_change_write(&batch->space, error) || !ledger_write(batch, error) ||
        (has_new_groups &&
         !catalogue_put_counter(batch->txn, &batch->store->catalogue, "next_group", batch->numbers.group, error)) ||
        (has_new_order &&
         !catalogue_put_counter(batch->txn, &batch->store->catalogue, "last_order", batch->numbers.order, error))) {
        batch_abort(batch);
        return false;
    }
    int64_t taken_blocks = batch->space.taken_blocks;
    space_change_end(&batch->space);
    int result = mdb_txn_commit(batch->txn);
    if (result != 0) {
        drop_freed(batch);
        return catalogue_failed(result, error, "commit");
    }
    *batch->committed = batch->numbers;
    atomic_fetch_add_explicit(&batch->store->volumes.taken_blocks, (uint64_t)taken_blocks, memory_order_relaxed);
    return true;
}

bool batch_read_numbers(struct embedded_store *store, struct batch_numbers *ret_numbers, struct error *error)
{
    const struct catalogue *catalogue = &store->catalogue;
    MDB_txn *txn;
    int result = mdb_txn_begin(catalogue->env, NULL, MDB_RDONLY, &txn);
    if (result != 0)
        return catalogue_failed(result, error, "begin");
    bool done = catalogue_get_counter(txn, catalogue, "next_group", 1, &ret_numbers->group, error) &&
                catalogue_get_counter(txn, catalogue, "last_order", 0, &ret_numbers->order, error) &&
                catalogue_next_number(txn, catalogue->bodies, &ret_numbers->body, error) &&
                catalogue_next_number(txn, catalogue->sidecars, &ret_numbers->sidecar, error) &&
                catalogue_next_number(txn, catalogue->extents, &ret_numbers->extents, error) &&
                catalogue_next_number(txn, catalogue->pieces, &ret_numbers->pieces, error);
    mdb_txn_abort(txn);
    return done;
}
