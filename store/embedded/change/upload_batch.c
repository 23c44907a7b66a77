/* store/embedded/change/upload_batch.c -- what changes of uploads do inside the committer's transaction. */
#include "store/embedded/change/upload_batch.h"

#include "runtime/base/assert.h"
#include "runtime/base/byteorder.h"
#include "s3client/wire/s3_error.h"
#include "store/embedded/change/free.h"
#include "store/embedded/change/ledger_batch.h"
#include "store/embedded/change/object_batch.h"
#include "store/embedded/change/version_batch.h"
#include "store/embedded/state.h"

#include <stdlib.h>

enum { COMPLETED_LOOKED_AT = 8, CHOICE_GROWTH_BYTES = 512 };

static struct key_table upload_keys(const struct batch *batch)
{
    struct key_table keys = batch->keys;
    keys.table = batch->store->catalogue.uploads;
    return keys;
}

/* ---- freeing extents ---- */

/* Nobody reads a part before it is an object's: no reader has this token pinned. */
static bool free_part_extents(struct batch *batch, struct buffer *extents, struct error *error)
{
    static const uint8_t no_token[ROW_TOKEN_BYTES];
    return free_sorted_extents(batch, no_token, extents, error);
}

/* ---- the upload's own row ---- */

static bool find_upload(struct batch *batch, const struct change *change, struct bucket_row *ret_bucket,
                        uint64_t *ret_group, struct upload_row *ret_upload, struct error *error)
{
    const struct catalogue *catalogue = &batch->store->catalogue;
    if (!catalogue_need_bucket(batch->txn, catalogue, change->bucket, ret_bucket, error))
        return false;
    return upload_find(batch->txn, catalogue, ret_bucket->number, change->upload.key, change->upload.id, ret_group,
                       ret_upload, error);
}

static bool group_of_key(struct batch *batch, uint64_t bucket, struct span key, uint64_t *ret_group,
                         struct error *error)
{
    enum lookup found = upload_find_group(batch->txn, &batch->store->catalogue, bucket, key, ret_group, error);
    if (found != LOOKUP_MISSING)
        return found == LOOKUP_FOUND;
    uint8_t value[8];
    *ret_group = batch->numbers.group++;
    store_u64_le(value, *ret_group);
    struct key_table keys = upload_keys(batch);
    return key_put(&keys, bucket, key, span_of(value, sizeof value), error);
}

/* Milliseconds and a count that grows: ids sort as they were made. */
static void make_id(uint8_t *id, int64_t now_ms, uint64_t number)
{
    uint64_t time = (uint64_t)now_ms << 16;
    store_u64_le(id, __builtin_bswap64(time)); /* its last two bytes are written over */
    store_u32_be(id + 6, (uint32_t)number);
}

bool upload_create(struct batch *batch, struct change *change, struct error *error)
{
    const struct catalogue *catalogue = &batch->store->catalogue;
    const struct upload_intent *intent = change->upload.intent;
    struct bucket_row bucket;
    uint64_t group;
    if (!catalogue_need_bucket(batch->txn, catalogue, change->bucket, &bucket, error))
        return false;
    if (!group_of_key(batch, bucket.number, change->upload.key, &group, error))
        return batch_broken(batch);
    struct upload_row row = {.number = batch->numbers.group++,
                             .initiated_ms = clock_wall_ms(batch->store->options.clock),
                             .checksum_algorithm = intent->checksum_algorithm,
                             .checksum_type = intent->checksum_type,
                             .metadata = intent->metadata,
                             .tags = intent->tags,
                             .initiator = intent->initiator,
                             .lock = intent->lock,
                             .owner = intent->owner,
                             .acl = intent->acl,
                             .seal = intent->seal};
    uint8_t key[UPLOAD_KEY_BYTES];
    struct buffer value;
    buffer_init(&value, 0);
    make_id(change->upload.ret_id, row.initiated_ms, row.number);
    upload_make_key(group, change->upload.ret_id, key);
    upload_encode(&row, &value);
    bool done = catalogue_put(batch->txn, catalogue->upload_ids, span_of(key, sizeof key), buffer_span(&value),
                              MDB_NOOVERWRITE, error) ||
                batch_broken(batch);
    buffer_free(&value);
    return done;
}

static bool group_is_empty(struct batch *batch, uint64_t group, bool *ret_empty, struct error *error)
{
    MDB_cursor *cursor;
    if (!catalogue_open_cursor(batch->txn, batch->store->catalogue.upload_ids, &cursor, error))
        return false;
    uint8_t first[8];
    catalogue_number_key(group, first);
    MDB_val key;
    MDB_val value;
    int result = catalogue_seek(cursor, span_of(first, sizeof first), &key, &value);
    *ret_empty = result == MDB_NOTFOUND || (result == 0 && catalogue_is_sound(&key, &value) &&
                                            (key.mv_size != UPLOAD_KEY_BYTES || load_u64_be(key.mv_data) != group));
    mdb_cursor_close(cursor);
    return result == 0 || result == MDB_NOTFOUND || catalogue_failed(result, error, "look into a group");
}

static bool remove_upload(struct batch *batch, uint64_t bucket, struct span key, uint64_t group, const uint8_t *id,
                          struct error *error)
{
    uint8_t row_key[UPLOAD_KEY_BYTES];
    bool is_empty;
    upload_make_key(group, id, row_key);
    if (!catalogue_delete(batch->txn, batch->store->catalogue.upload_ids, span_of(row_key, sizeof row_key), error) ||
        !group_is_empty(batch, group, &is_empty, error))
        return false;
    struct key_table keys = upload_keys(batch);
    return !is_empty || key_delete(&keys, bucket, key, error);
}

/* ---- parts ---- */

static bool take_extents(struct batch *batch, struct span extents, struct error *error)
{
    for (unsigned i = 0; i < extents_count(extents); i++) {
        if (!space_take(&batch->space, extent_at(extents, i), error))
            return false;
    }
    return true;
}

/* Frees what an earlier part of this number holds. */
static bool replace_part(struct batch *batch, struct span key, struct error *error)
{
    struct span value;
    struct part_row old;
    enum lookup found = catalogue_get(batch->txn, batch->store->catalogue.parts, key, &value, error);
    if (found != LOOKUP_FOUND)
        return found == LOOKUP_MISSING;
    if (!part_decode(key, value, &old, error))
        return false;
    struct buffer extents;
    buffer_init(&extents, 0);
    buffer_append(&extents, old.extents);
    bool done = free_part_extents(batch, &extents, error);
    buffer_free(&extents);
    return done;
}

bool upload_put_part(struct batch *batch, struct change *change, struct error *error)
{
    const struct part_row *part = change->upload.part;
    struct upload_row upload;
    struct bucket_row bucket;
    uint64_t group;
    if (!find_upload(batch, change, &bucket, &group, &upload, error))
        return false;
    uint8_t key[PART_KEY_BYTES];
    part_make_key(upload.number, part->attributes.number, key);
    struct buffer value;
    buffer_init(&value, 0);
    part_encode(part, &value);
    bool done = (replace_part(batch, span_of(key, sizeof key), error) && take_extents(batch, part->extents, error) &&
                 catalogue_put(batch->txn, batch->store->catalogue.parts, span_of(key, sizeof key), buffer_span(&value),
                               0, error)) ||
                batch_broken(batch);
    buffer_free(&value);
    return done;
}

/* The first `count`. */
static bool delete_part_rows(struct batch *batch, uint64_t upload, uint64_t count, struct error *error)
{
    MDB_cursor *cursor;
    if (!catalogue_open_cursor(batch->txn, batch->store->catalogue.parts, &cursor, error))
        return false;
    uint8_t first[8];
    catalogue_number_key(upload, first);
    MDB_val key;
    MDB_val value;
    int result = catalogue_seek(cursor, span_of(first, sizeof first), &key, &value);
    while (count-- > 0 && result == 0 && key.mv_size == PART_KEY_BYTES && load_u64_be(key.mv_data) == upload) {
        result = mdb_cursor_del(cursor, 0);
        if (result == 0)
            result = mdb_cursor_get(cursor, &key, &value, MDB_NEXT);
    }
    mdb_cursor_close(cursor);
    return result == 0 || result == MDB_NOTFOUND || catalogue_failed(result, error, "delete parts");
}

/* Parts of the upload, their space and their rows: all, or as many as there are steps left. */
static bool free_parts(struct batch *batch, uint64_t upload, struct error *error)
{
    struct part_cursor cursor;
    struct buffer extents;
    uint64_t count = 0;
    if (!part_cursor_open(&cursor, batch->txn, &batch->store->catalogue, upload, error))
        return false;
    buffer_init(&extents, 0);
    enum lookup found = part_cursor_seek(&cursor, 0, error);
    for (; found == LOOKUP_FOUND && count < batch->steps_left; found = part_cursor_next(&cursor, error), count++)
        buffer_append(&extents, cursor.row.extents);
    part_cursor_close(&cursor);
    batch->is_partial = found == LOOKUP_FOUND;
    batch->steps_left -= count;
    bool done = found != LOOKUP_FAILED && free_part_extents(batch, &extents, error) &&
                delete_part_rows(batch, upload, count, error);
    buffer_free(&extents);
    return done;
}

bool upload_abort(struct batch *batch, struct change *change, struct error *error)
{
    struct upload_row upload;
    struct bucket_row bucket;
    uint64_t group;
    if (!find_upload(batch, change, &bucket, &group, &upload, error))
        return false;
    return (free_parts(batch, upload.number, error) &&
            (batch->is_partial ||
             remove_upload(batch, bucket.number, change->upload.key, group, change->upload.id, error))) ||
           batch_broken(batch);
}

/* ---- a bucket that goes ---- */

/* The first upload of the bucket. */
static enum lookup first_upload(struct batch *batch, uint64_t bucket, uint8_t ret_key[OBJECT_KEY_BYTES_MAX],
                                size_t *ret_key_bytes, uint64_t *ret_group, struct error *error)
{
    struct key_cursor *cursor = malloc(sizeof *cursor);
    ASSERT(cursor != NULL);
    struct key_table keys = upload_keys(batch);
    key_cursor_open(cursor, &keys, bucket);
    enum lookup found = key_cursor_seek(cursor, SPAN_EMPTY, false, error);
    if (found == LOOKUP_FOUND && cursor->object.size != 8) {
        error_set(error, ERROR_DAMAGED, S3_InternalError, "A key with uploads is damaged. Run `bale check`.");
        found = LOOKUP_FAILED;
    }
    if (found == LOOKUP_FOUND) {
        *ret_key_bytes = cursor->key_bytes;
        *ret_group = load_u64_le(cursor->object.data);
        memcpy(ret_key, cursor->key, cursor->key_bytes);
    }
    key_cursor_close(cursor);
    free(cursor);
    return found;
}

/* One of the group's uploads. */
static enum lookup first_of_group(struct batch *batch, uint64_t group, uint8_t ret_id[UPLOAD_ID_RAW_BYTES],
                                  uint64_t *ret_number, struct error *error)
{
    MDB_cursor *cursor;
    uint8_t first[8];
    struct span bytes;
    struct upload_row upload;
    catalogue_number_key(group, first);
    MDB_val key;
    MDB_val value;
    if (mdb_cursor_open(batch->txn, batch->store->catalogue.upload_ids, &cursor) != 0)
        return LOOKUP_FAILED;
    enum lookup found = LOOKUP_MISSING;
    if (catalogue_seek(cursor, span_of(first, sizeof first), &key, &value) == 0 && key.mv_size == UPLOAD_KEY_BYTES &&
        load_u64_be(key.mv_data) == group) {
        found = catalogue_check(&key, &value, &bytes, error) && upload_decode(bytes, &upload, error) ? LOOKUP_FOUND
                                                                                                     : LOOKUP_FAILED;
        memcpy(ret_id, (const uint8_t *)key.mv_data + 8, UPLOAD_ID_RAW_BYTES);
        *ret_number = found == LOOKUP_FOUND ? upload.number : 0;
    }
    mdb_cursor_close(cursor);
    return found;
}

bool uploads_free_all(struct batch *batch, uint64_t bucket, struct error *error)
{
    uint8_t key[OBJECT_KEY_BYTES_MAX];
    uint8_t id[UPLOAD_ID_RAW_BYTES];
    size_t key_bytes = 0;
    uint64_t group = 0;
    uint64_t number = 0;
    for (;;) {
        enum lookup found = first_upload(batch, bucket, key, &key_bytes, &group, error);
        if (found != LOOKUP_FOUND)
            return found == LOOKUP_MISSING;
        if (first_of_group(batch, group, id, &number, error) != LOOKUP_FOUND || !free_parts(batch, number, error))
            return false;
        batch->is_partial = batch->is_partial || batch->steps_left == 0;
        if (batch->is_partial)
            return true;
        batch->steps_left--;
        if (!remove_upload(batch, bucket, span_of(key, key_bytes), group, id, error))
            return false;
    }
}

/* ---- completion ---- */

struct completion {
    struct batch *batch;
    const struct change *change;
    struct buffer pieces; /* encoded, and the extents that go with them */
    struct buffer extents;
    struct buffer unchosen; /* extents */
    struct buffer parts;    /* struct object_part each, without the seals' bytes */
    struct buffer seals;    /* one behind the other: a row's bytes live until the first write */
    uint64_t original_size;
    uint64_t stored_size;
    uint64_t last_size;      /* stored bytes of the part that was taken last */
    struct object_lock lock; /* of the object */
};

static bool invalid_part(unsigned number, struct error *error)
{
    return error_set(error, ERROR_INVALID, S3_InvalidPart,
                     "One or more of the specified parts could not be found. The part may not have been uploaded, or "
                     "its ETag may not match. (Part %u)",
                     number);
}

static void take_part(struct completion *completion, const struct part_row *row)
{
    const struct part_attributes *part = &row->attributes;
    const struct object_part kept = {part->number, part->original_size, part->checksum, {NULL, part->seal.size}};
    buffer_append(&completion->seals, part->seal);
    buffer_append(&completion->parts, span_of(&kept, sizeof kept));
    if (part->stored_size > 0) {
        struct piece piece = {completion->stored_size, extents_count(buffer_span(&completion->extents)),
                              row->stored_crc32c};
        piece_append(&piece, &completion->pieces);
        buffer_append(&completion->extents, row->extents);
    }
    completion->original_size += part->original_size;
    completion->stored_size += part->stored_size;
    completion->last_size = part->stored_size;
}

/* Only the last part may be small, in a store that has such a rule. */
static bool may_follow(const struct completion *completion, struct error *error)
{
    return completion->parts.size == 0 ||
           completion->last_size >= completion->batch->store->base.capabilities.part_bytes_min ||
           error_set(error, ERROR_INVALID, S3_EntityTooSmall,
                     "A stored part is smaller than the smallest allowed size.");
}

/* Parts and choices, both ascending, side by side. */
static bool match_parts(struct completion *completion, uint64_t upload, struct error *error)
{
    const struct part_choice *choice = completion->change->upload.choices;
    const struct part_choice *end = choice + completion->change->upload.count;
    struct part_cursor cursor;
    if (!part_cursor_open(&cursor, completion->batch->txn, &completion->batch->store->catalogue, upload, error))
        return false;
    bool done = true;
    enum lookup found = part_cursor_seek(&cursor, 0, error);
    for (; done && found == LOOKUP_FOUND; found = part_cursor_next(&cursor, error)) {
        const struct part_attributes *part = &cursor.row.attributes;
        if (choice == end || part->number < choice->number) {
            buffer_append(&completion->unchosen, cursor.row.extents);
        } else if (part->number > choice->number || memcmp(part->md5, choice->md5, MD5_BYTES) != 0) {
            done = invalid_part(choice->number, error);
        } else if ((done = may_follow(completion, error))) {
            take_part(completion, &cursor.row);
            choice++;
        }
    }
    part_cursor_close(&cursor);
    if (!done || found == LOOKUP_FAILED)
        return false;
    return choice == end || invalid_part(choice->number, error);
}

/* Sizes and frames were put together from a list of the parts; one that was sent again since then, equal in content but
 * stored otherwise, would make them wrong. */
static bool totals_hold(const struct completion *completion, struct error *error)
{
    const struct object_attributes *expected = completion->change->upload.result->attributes;
    if (expected->original_size == completion->original_size &&
        (expected->stored_size == 0 || expected->stored_size == completion->stored_size))
        return true;
    return error_set(error, ERROR_CONFLICT, S3_ConditionalRequestConflict,
                     "A part was sent again while the upload was being completed. Try again.");
}

/* The first few are looked at: whoever completes an upload sweeps away more than it leaves. */
static bool sweep_completed(struct batch *batch, int64_t now_ms, struct error *error)
{
    MDB_cursor *cursor;
    MDB_val key;
    MDB_val value;
    int result = 0;
    if (!catalogue_open_cursor(batch->txn, batch->store->catalogue.completed, &cursor, error))
        return false;
    for (unsigned i = 0; result == 0 && i < COMPLETED_LOOKED_AT; i++) {
        struct span bytes;
        struct completed_row row;
        result = mdb_cursor_get(cursor, &key, &value, MDB_NEXT);
        if (result == 0 && catalogue_check(&key, &value, &bytes, error) && completed_decode(bytes, &row, error) &&
            row.completed_ms + COMPLETED_KEPT_MS < now_ms)
            result = mdb_cursor_del(cursor, 0);
    }
    mdb_cursor_close(cursor);
    return result == 0 || result == MDB_NOTFOUND || catalogue_failed(result, error, "sweep completed uploads");
}

static bool note_completed(struct completion *completion, uint64_t bucket, struct error *error)
{
    struct batch *batch = completion->batch;
    const struct change *change = completion->change;
    const struct object_attributes *attributes = &change->upload.row->attributes;
    struct completed_row row = {.bucket = bucket,
                                .completed_ms = attributes->modified_ms,
                                .original_size = attributes->original_size,
                                .parts_count = attributes->parts_count,
                                .key = change->upload.key,
                                .seal = attributes->seal};
    if (attributes->seal.size == 0) { /* else they lie masked in it */
        row.checksum = attributes->checksum;
        memcpy(row.etag, attributes->etag, sizeof row.etag);
    }
    memcpy(row.version, attributes->version, sizeof row.version);
    struct buffer value;
    buffer_init(&value, 0);
    completed_encode(&row, &value);
    bool done = catalogue_put(batch->txn, batch->store->catalogue.completed,
                              span_of(change->upload.id, UPLOAD_ID_RAW_BYTES), buffer_span(&value), 0, error);
    buffer_free(&value);
    return done && sweep_completed(batch, row.completed_ms, error);
}

static void encode_parts(const struct completion *completion, struct buffer *ret_map)
{
    struct object_part *parts = (struct object_part *)(void *)completion->parts.data;
    unsigned count = (unsigned)(completion->parts.size / sizeof *parts);
    struct span seals = buffer_span(&completion->seals);
    for (unsigned i = 0; i < count; i++) {
        parts[i].seal = span_take(seals, parts[i].seal.size);
        seals = span_skip(seals, parts[i].seal.size);
    }
    part_map_encode(parts, count, ret_map);
}

static bool put_body(struct completion *completion, uint64_t *ret_number, struct error *error)
{
    struct batch *batch = completion->batch;
    const struct catalogue *catalogue = &batch->store->catalogue;
    struct buffer pieces;
    struct buffer map;
    buffer_init(&pieces, 0);
    buffer_init(&map, 0);
    *ret_number = batch->numbers.pieces++;
    pieces_encode(buffer_span(&completion->pieces), buffer_span(&completion->extents), &pieces);
    const struct write_result *result = completion->change->upload.result;
    if (result->parts != NULL)
        part_map_encode(result->parts, result->parts_count, &map);
    else
        encode_parts(completion, &map);
    bool done = batch_put_numbered(batch, catalogue->pieces, *ret_number, buffer_span(&pieces), error) &&
                batch_put_numbered(batch, catalogue->part_maps, *ret_number, buffer_span(&map), error);
    buffer_free(&pieces);
    buffer_free(&map);
    return done;
}

/* Everything is decided: from here on a failure breaks the batch. */
static bool make_object(struct completion *completion, const struct bucket_row *bucket, uint64_t group, uint64_t upload,
                        const struct batch_replaced *old, struct error *error)
{
    struct batch *batch = completion->batch;
    const struct change *change = completion->change;
    struct row *row = change->upload.row;
    const struct version_key key = {bucket, change->bucket, change->upload.key};
    struct version_name name;
    if (!version_succeed(batch, &key, old, &name, error) || !free_part_extents(batch, &completion->unchosen, error) ||
        !delete_part_rows(batch, upload, UINT64_MAX, error) || !put_body(completion, &row->body_number, error) ||
        !batch_put_sidecar(batch, change->upload.result->sidecar, &row->sidecar_number, error))
        return false;
    row->place = BODY_PIECES;
    row->attributes.stored_size = completion->stored_size;
    row->attributes.lock = completion->lock;
    row->order = name.order;
    strcpy(row->attributes.version, name.text);
    const struct ledger_amounts amounts = row_amounts(row);
    struct buffer object;
    buffer_init(&object, 0);
    row_encode_object(row, &object);
    bool done = key_put(&batch->keys, bucket->number, change->upload.key, buffer_span(&object), error) &&
                remove_upload(batch, bucket->number, change->upload.key, group, change->upload.id, error) &&
                note_completed(completion, bucket->number, error) &&
                ledger_add(batch, change->bucket, bucket->info.creation_id, &amounts, error);
    buffer_free(&object);
    return done;
}

static bool complete(struct completion *completion, struct error *error)
{
    struct batch *batch = completion->batch;
    const struct change *change = completion->change;
    struct upload_row upload;
    struct batch_replaced old;
    struct bucket_row bucket;
    uint64_t group;
    if (!find_upload(batch, change, &bucket, &group, &upload, error) ||
        !match_parts(completion, upload.number, error) || !totals_hold(completion, error))
        return false;
    completion->lock = change->upload.result->attributes->lock;
    if (!object_settle_lock(batch, &bucket.info, &completion->lock, error))
        return false;
    enum lookup found = batch_find_replaced(batch, change, bucket.number, change->upload.key,
                                            change->upload.result->condition, &old, error);
    if (found == LOOKUP_FAILED)
        return false;
    return make_object(completion, &bucket, group, upload.number, found == LOOKUP_FOUND ? &old : NULL, error) ||
           batch_broken(batch);
}

bool upload_complete(struct batch *batch, struct change *change, struct error *error)
{
    struct completion completion = {.batch = batch, .change = change};
    bool done = complete(&completion, error);
    buffer_free(&completion.pieces);
    buffer_free(&completion.extents);
    buffer_free(&completion.unchosen);
    buffer_free(&completion.parts);
    buffer_free(&completion.seals);
    return done;
}

uint64_t upload_growth(const struct change *change)
{
    switch (change->kind) {
    case CHANGE_AMEND:
        if (change->amend.kind == AMEND_SEAL)
            return change->amend.seal_change->seal.size;
        return change->amend.kind == AMEND_CLASS ? change->amend.class_change->metadata.size
                                                 : change->amend.tags.size + change->amend.acl.size;
    case CHANGE_CREATE_UPLOAD:
        return change->upload.intent->metadata.size + change->upload.intent->tags.size +
               change->upload.intent->seal.size;
    case CHANGE_PUT_PART:
        return change->upload.part->attributes.frames.size + change->upload.part->extents.size;
    case CHANGE_COMPLETE_UPLOAD:
        return (uint64_t)change->upload.count * CHOICE_GROWTH_BYTES + change->upload.result->sidecar.size;
    case CHANGE_NOTE_MANIFEST: /* its pieces are written anew: about what its blocks hold */
        return (uint64_t)change->manifest.extent.count * EXTENT_BLOCK_BYTES;
    default:
        return 0;
    }
}
