/* store/embedded/change/version_batch.c -- versions inside the committer's transaction. */
#include "store/embedded/change/version_batch.h"

#include "runtime/base/byteorder.h"
#include "store/embedded/change/free.h"
#include "store/embedded/change/ledger_batch.h"
#include "store/embedded/state.h"

enum { ORDER_COUNT_BITS = 16 };

static struct key_table versioned_keys(const struct batch *batch)
{
    struct key_table keys = batch->keys;
    keys.table = batch->store->catalogue.versioned;
    return keys;
}

static int64_t now_ms(const struct batch *batch)
{
    return clock_wall_ms(batch->store->options.clock);
}

/* When what is current now stops being that; 0 would say that it is current. */
static int64_t superseded_ms(const struct batch *batch)
{
    int64_t now = now_ms(batch);
    return now > 0 ? now : 1;
}

static uint64_t draw_order(struct batch *batch)
{
    uint64_t order = (uint64_t)now_ms(batch) << ORDER_COUNT_BITS;
    batch->numbers.order = order > batch->numbers.order ? order : batch->numbers.order + 1;
    return batch->numbers.order;
}

static bool is_null(const struct row *row)
{
    return strcmp(row->attributes.version, "null") == 0;
}

/* ---- groups ---- */

static enum lookup find_group(struct batch *batch, const struct version_key *key, struct version_group *ret_group,
                              struct error *error)
{
    return version_find_group(batch->txn, &batch->store->catalogue, key->bucket->number, key->key, ret_group, error);
}

static bool put_group(struct batch *batch, const struct version_key *key, const struct version_group *group,
                      struct error *error)
{
    uint8_t value[VERSIONED_ROW_BYTES];
    struct key_table keys = versioned_keys(batch);
    version_group_encode(group, value);
    return key_put(&keys, key->bucket->number, key->key, span_of(value, sizeof value), error);
}

bool version_is_marked(struct batch *batch, const struct version_key *key, enum lookup grouped)
{
    struct span object;
    struct error ignored;
    return grouped == LOOKUP_FOUND &&
           key_find(&batch->keys, key->bucket->number, key->key, &object, &ignored) == LOOKUP_MISSING;
}

bool version_bucket_is_empty(struct batch *batch, uint64_t bucket, bool *ret_empty, struct error *error)
{
    struct key_table keys = versioned_keys(batch);
    return key_group_is_empty(&keys, bucket, ret_empty, error);
}

/* ---- rows of former versions ---- */

/* Of a row that is among the former ones, or goes there. The group is made with its first. */
static bool put_former(struct batch *batch, const struct version_key *key, struct version_group *group,
                       const struct row *row, struct error *error)
{
    uint8_t row_key[VERSION_KEY_BYTES];
    struct buffer object;
    bool is_changed = group->number == 0 || (is_null(row) && group->null_order != row->order);
    if (group->number == 0)
        group->number = batch->numbers.group++;
    if (is_null(row))
        group->null_order = row->order;
    version_make_key(group->number, row->order, row_key);
    buffer_init(&object, 0);
    row_encode_object(row, &object);
    bool done = catalogue_put(batch->txn, batch->store->catalogue.versions, span_of(row_key, sizeof row_key),
                              buffer_span(&object), 0, error) &&
                (!is_changed || put_group(batch, key, group, error));
    buffer_free(&object);
    return done;
}

static bool delete_former(struct batch *batch, const struct version_group *group, uint64_t order, struct error *error)
{
    uint8_t row_key[VERSION_KEY_BYTES];
    version_make_key(group->number, order, row_key);
    return catalogue_delete(batch->txn, batch->store->catalogue.versions, span_of(row_key, sizeof row_key), error);
}

/* After something has left the group: it goes when it is empty; else its null version may be the one that left. */
static bool settle_group(struct batch *batch, const struct version_key *key, const struct version_group *group,
                         bool has_changed, struct error *error)
{
    uint64_t order;
    struct span object;
    enum lookup found = version_newest(batch->txn, &batch->store->catalogue, group->number, &order, &object, error);
    if (found == LOOKUP_FAILED && error->kind != ERROR_DAMAGED)
        return false;
    struct key_table keys = versioned_keys(batch);
    if (found == LOOKUP_MISSING)
        return key_delete(&keys, key->bucket->number, key->key, error);
    return !has_changed || put_group(batch, key, group, error);
}

/* The version goes for good; its row is left to the caller. */
static bool drop_body(struct batch *batch, const struct version_key *key, const struct row *row, struct error *error)
{
    const struct ledger_amounts gone = row_amounts(row);
    struct ledger_amounts amounts = {0};
    ledger_amounts_subtract(&amounts, &gone);
    return batch_free_object(batch, row, error) &&
           ledger_add(batch, key->bucket_name, key->bucket->info.creation_id, &amounts, error);
}

bool version_count_change(struct batch *batch, const struct version_key *key, const struct row *before,
                          const struct row *after, struct error *error)
{
    const struct ledger_amounts gone = row_amounts(before);
    struct ledger_amounts amounts = row_amounts(after);
    ledger_amounts_subtract(&amounts, &gone);
    return ledger_add(batch, key->bucket_name, key->bucket->info.creation_id, &amounts, error);
}

/* ---- a new current version ---- */

static bool drop_null_body(struct batch *batch, const struct version_key *key, const struct version_group *group,
                           struct error *error)
{
    struct span object;
    struct row row;
    enum lookup found =
        version_get(batch->txn, &batch->store->catalogue, group->number, group->null_order, &object, error);
    if (found == LOOKUP_FOUND && row_decode_object(object, &row, error))
        return drop_body(batch, key, &row, error);
    if (found != LOOKUP_MISSING && error->kind != ERROR_DAMAGED)
        return false;
    batch_leave_blocks();
    return batch_doubt_ledger(batch, key->bucket_name, error);
}

/* Suspended: the one null version makes room, an object or a marker, or what cannot be read any more. */
static bool drop_null(struct batch *batch, const struct version_key *key, struct version_group *group,
                      struct error *error)
{
    if (group->null_order == 0)
        return true;
    if (!drop_null_body(batch, key, group, error) || !delete_former(batch, group, group->null_order, error))
        return false;
    group->null_order = 0;
    return settle_group(batch, key, group, true, error);
}

/* The marker that is current gets the time at which it no longer is. */
static bool supersede_marker(struct batch *batch, const struct version_key *key, struct version_group *group,
                             struct error *error)
{
    struct span object;
    struct row row;
    uint64_t order;
    enum lookup found = version_newest(batch->txn, &batch->store->catalogue, group->number, &order, &object, error);
    if (found == LOOKUP_FAILED && error->kind == ERROR_DAMAGED) /* it is left to a repair */
        return true;
    if (found != LOOKUP_FOUND)
        return found == LOOKUP_MISSING;
    if (!row_decode_object(object, &row, error))
        return false;
    if (!row.attributes.is_delete_marker) /* what was current has been lost */
        return true;
    row.order = order;
    row.attributes.superseded_ms = superseded_ms(batch);
    return put_former(batch, key, group, &row, error);
}

static bool supersede_object(struct batch *batch, const struct version_key *key, struct version_group *group,
                             const struct row *current, struct error *error)
{
    struct row row = *current;
    if (row.order == 0)
        row.order = draw_order(batch);
    row.attributes.superseded_ms = superseded_ms(batch);
    return put_former(batch, key, group, &row, error) && version_count_change(batch, key, current, &row, error);
}

static bool replace_current(struct batch *batch, const struct version_key *key, const struct batch_replaced *current,
                            struct error *error)
{
    if (current == NULL || current->is_lost)
        return true;
    return drop_body(batch, key, &current->row, error);
}

static bool supersede(struct batch *batch, const struct version_key *key, const struct batch_replaced *current,
                      struct error *error)
{
    bool keeps_one_null = key->bucket->info.versioning == VERSIONING_SUSPENDED;
    struct version_group group;
    if (find_group(batch, key, &group, error) == LOOKUP_FAILED)
        return false;
    if (current != NULL && keeps_one_null && !current->is_lost && is_null(&current->row))
        return replace_current(batch, key, current, error); /* there is no other null version */
    if (current == NULL && group.number != 0 && !supersede_marker(batch, key, &group, error))
        return false;
    if (current != NULL && !current->is_lost && !supersede_object(batch, key, &group, &current->row, error))
        return false;
    return !keeps_one_null || drop_null(batch, key, &group, error);
}

bool version_succeed(struct batch *batch, const struct version_key *key, const struct batch_replaced *current,
                     struct version_name *ret_name, struct error *error)
{
    enum bucket_versioning versioning = key->bucket->info.versioning;
    *ret_name = (struct version_name){.text = "null"};
    if (versioning == VERSIONING_NEVER)
        return replace_current(batch, key, current, error);
    if (!supersede(batch, key, current, error))
        return false;
    ret_name->order = draw_order(batch);
    if (versioning == VERSIONING_ENABLED)
        version_id_format(ret_name->order, load_u64_be(batch->store->spool_id), ret_name->text);
    return true;
}

bool version_put_marker(struct batch *batch, const struct version_key *key, const struct version_name *name,
                        struct error *error)
{
    struct version_group group;
    struct row row = {.place = BODY_NONE, .order = name->order};
    row.attributes.is_delete_marker = true;
    row.attributes.modified_ms = now_ms(batch);
    strcpy(row.attributes.version, name->text);
    return find_group(batch, key, &group, error) != LOOKUP_FAILED && put_former(batch, key, &group, &row, error);
}

/* ---- removing ---- */

/* The newest of the group becomes the current version: a marker is that where it lies. */
static bool promote(struct batch *batch, const struct version_key *key, struct version_group *group,
                    struct error *error)
{
    struct span object;
    struct row row;
    uint64_t order;
    enum lookup found = version_newest(batch->txn, &batch->store->catalogue, group->number, &order, &object, error);
    if (found != LOOKUP_FOUND)
        return found == LOOKUP_MISSING;
    if (!row_decode_object(object, &row, error))
        return false;
    const struct row former = row;
    row.order = order;
    row.attributes.superseded_ms = 0;
    if (row.attributes.is_delete_marker)
        return put_former(batch, key, group, &row, error);
    struct buffer encoded;
    buffer_init(&encoded, 0);
    row_encode_object(&row, &encoded);
    bool is_null_row = is_null(&row);
    if (is_null_row)
        group->null_order = 0;
    bool done = key_put(&batch->keys, key->bucket->number, key->key, buffer_span(&encoded), error) &&
                delete_former(batch, group, order, error) && settle_group(batch, key, group, is_null_row, error) &&
                version_count_change(batch, key, &former, &row, error);
    buffer_free(&encoded);
    return done;
}

static bool remove_current(struct batch *batch, const struct version_key *key, const struct version_place *place,
                           struct error *error)
{
    struct version_group group = place->group;
    return drop_body(batch, key, &place->row, error) &&
           key_delete(&batch->keys, key->bucket->number, key->key, error) &&
           (group.number == 0 || promote(batch, key, &group, error));
}

static bool remove_former(struct batch *batch, const struct version_key *key, const struct version_place *place,
                          struct error *error)
{
    struct version_group group = place->group;
    uint64_t order = place->row.order;
    bool was_null = is_null(&place->row);
    bool was_current = place->row.attributes.superseded_ms == 0;
    if (!drop_body(batch, key, &place->row, error) || !delete_former(batch, &group, order, error))
        return false;
    if (was_null)
        group.null_order = 0;
    if (!settle_group(batch, key, &group, was_null, error))
        return false;
    return !was_current || promote(batch, key, &group, error);
}

bool version_remove(struct batch *batch, const struct version_key *key, const struct version_place *place,
                    struct error *error)
{
    return place->is_current_row ? remove_current(batch, key, place, error) : remove_former(batch, key, place, error);
}

bool version_rewrite(struct batch *batch, const struct version_key *key, const struct version_place *place,
                     const struct row *row, struct error *error)
{
    struct version_group group = place->group;
    if (!place->is_current_row)
        return put_former(batch, key, &group, row, error);
    struct buffer encoded;
    buffer_init(&encoded, 0);
    row_encode_object(row, &encoded);
    bool done = key_put(&batch->keys, key->bucket->number, key->key, buffer_span(&encoded), error);
    buffer_free(&encoded);
    return done;
}
