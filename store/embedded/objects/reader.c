/* store/embedded/objects/reader.c -- objects on their way out: attributes and small bodies from the catalogue in one
 * transaction, larger bodies from their extents. */
#include "codec/format/crc.h"
#include "runtime/base/assert.h"
#include "runtime/io/io.h"
#include "s3client/wire/s3_error.h"
#include "store/embedded/catalogue/key_path.h"
#include "store/embedded/catalogue/upload_rows.h"
#include "store/embedded/catalogue/version_rows.h"
#include "store/embedded/objects/objects.h"
#include "store/embedded/shard/shard.h"
#include "store/embedded/state.h"
#include "store/embedded/volumes/snapshot_volume.h"

#include <errno.h>
#include <stdlib.h>

enum { WHOLE_BODY_BYTES_MAX = 128 << 10 };

struct embedded_object {
    struct bucket_object base;
    struct shard *shard;
    struct row row;       /* its spans point into `bytes` or `extents` */
    struct pin *pin;      /* while bytes are read from extents */
    uint8_t *body;        /* the whole of it, read from extents */
    uint8_t *extents;     /* of a body that has many */
    struct pieces pieces; /* of one that was completed from parts: points into `bytes` */
    uint8_t bytes[];      /* object part of the row, then an inline body */
};

static bool not_found(struct span version, struct error *error)
{
    if (version.size > 0)
        return error_set(error, ERROR_NOT_FOUND, S3_NoSuchVersion, "The specified version does not exist.");
    return error_set(error, ERROR_NOT_FOUND, S3_NoSuchKey, "The specified key does not exist.");
}

/* Errors of the catalogue become those of S3: whoever asks cannot do anything about them. */
static bool failed(struct error *error)
{
    if (error->code == NULL)
        error->code = S3_InternalError;
    return false;
}

static bool find_version(struct embedded_store *store, MDB_txn *txn, uint64_t bucket, const struct object_name *name,
                         struct span *ret_object, struct error *error)
{
    struct version_place place;
    enum lookup found = version_find(txn, &store->catalogue, bucket, name->key, name->version, &place, error);
    *ret_object = place.object;
    if (found != LOOKUP_FOUND)
        return found == LOOKUP_MISSING ? not_found(name->version, error) : failed(error);
    return !place.row.attributes.is_delete_marker ||
           error_set(error, ERROR_NOT_FOUND, S3_MethodNotAllowed,
                     "The specified method is not allowed against this resource: it is a delete marker.");
}

bool store_find_row(struct embedded_store *store, MDB_txn *txn, uint64_t bucket, const struct object_name *name,
                    struct span *ret_object, struct error *error)
{
    if (name->version.size > 0)
        return find_version(store, txn, bucket, name, ret_object, error);
    struct key_table keys = {.txn = txn, .table = store->catalogue.objects};
    enum lookup found = key_find(&keys, bucket, name->key, ret_object, error);
    return found == LOOKUP_FOUND || (found == LOOKUP_MISSING ? not_found(name->version, error) : failed(error));
}

static bool find_numbered(MDB_txn *txn, MDB_dbi table, uint64_t number, struct span *ret_value, struct error *error)
{
    uint8_t key[CATALOGUE_NUMBER_BYTES];
    catalogue_number_key(number, key);
    enum lookup found = catalogue_get(txn, table, span_of(key, sizeof key), ret_value, error);
    if (found == LOOKUP_MISSING)
        error_set(error, ERROR_DAMAGED, S3_InternalError, "A body is missing from the catalogue. Run `bale check`.");
    return found == LOOKUP_FOUND;
}

static bool copy_into(struct arena *arena, struct span *span, struct error *error)
{
    if (span->size > 0)
        *span = arena_copy(arena, *span);
    return span->size == 0 || span->data != NULL ||
           error_set(error, ERROR_BUSY, S3_SlowDown, "The request's memory is used up.");
}

/* After a failed lookup: was it a delete marker that was found? The one that is named, or the current one. */
static void tell_marker(struct embedded_store *store, MDB_txn *txn, uint64_t bucket, const struct object_name *name,
                        struct object_attributes *ret_attributes)
{
    struct version_group group;
    struct version_place place;
    struct span object;
    struct row row;
    struct error ignored;
    uint64_t order;
    if (name->version.size > 0) {
        if (version_find(txn, &store->catalogue, bucket, name->key, name->version, &place, &ignored) == LOOKUP_FOUND &&
            place.row.attributes.is_delete_marker)
            *ret_attributes = place.row.attributes;
    } else if (version_find_group(txn, &store->catalogue, bucket, name->key, &group, &ignored) == LOOKUP_FOUND &&
               version_newest(txn, &store->catalogue, group.number, &order, &object, &ignored) == LOOKUP_FOUND &&
               row_decode_object(object, &row, &ignored) && row.attributes.is_delete_marker) {
        *ret_attributes = row.attributes;
    }
    ret_attributes->owner = SPAN_EMPTY; /* in the map */
}

SUSPENDS bool store_head(struct bucket_store *base, const struct object_name *name, struct arena *arena,
                         struct object_attributes *ret_attributes, struct error *error)
{
    struct embedded_store *store = embedded_of(base);
    struct shard *shard = shard_current(store);
    uint64_t bucket;
    ret_attributes->is_delete_marker = false;
    MDB_txn *txn = shard_begin_read_in(shard, name->bucket, &bucket, error);
    if (txn == NULL)
        return false;
    struct span object;
    struct row row;
    bool found = store_find_row(store, txn, bucket, name, &object, error) &&
                 (row_decode_object(object, &row, error) || failed(error));
    if (found) {
        store_lift_veil(store, &row);
        found = copy_into(arena, &row.attributes.metadata, error) && copy_into(arena, &row.attributes.seal, error) &&
                copy_into(arena, &row.attributes.owner, error) && copy_into(arena, &row.attributes.acl, error);
    }
    if (!found && error->kind == ERROR_NOT_FOUND)
        tell_marker(store, txn, bucket, name, ret_attributes);
    shard_end_read(shard);
    if (found)
        *ret_attributes = row.attributes;
    return found;
}

bool store_condition_may_hold(struct bucket_store *base, const struct object_name *name,
                              const struct write_condition *condition, struct error *error)
{
    struct embedded_store *store = embedded_of(base);
    struct shard *shard = shard_current(store);
    uint64_t bucket;
    MDB_txn *txn = shard_begin_read_in(shard, name->bucket, &bucket, error);
    if (txn == NULL)
        return false;
    struct span object;
    struct row row;
    struct key_table keys = {.txn = txn, .table = store->catalogue.objects};
    enum lookup found = key_find(&keys, bucket, name->key, &object, error);
    bool is_known = found == LOOKUP_MISSING || (found == LOOKUP_FOUND && row_decode_object(object, &row, error));
    if (found == LOOKUP_FOUND && is_known)
        store_lift_veil(store, &row);
    bool holds = !is_known || write_condition_holds(condition, found == LOOKUP_FOUND ? &row.attributes : NULL, error);
    shard_end_read(shard);
    return holds;
}

/* What the caller has of the bytes that would be read. */
static void *recall_body(const struct object_name *name, const struct bucket_recall *recall, const struct row *row)
{
    return recall != NULL && row->place != BODY_NONE ? recall->find(recall->context, name, &row->attributes) : NULL;
}

static bool is_wanted_revision(const struct open_intent *intent, const struct row *row, struct error *error)
{
    return intent->if_stored_etag.size == 0 ||
           span_equal(intent->if_stored_etag, span_from_string(row->attributes.stored_etag)) ||
           error_set(error, ERROR_CHANGED, S3_SlowDown, "The object has been written anew. Please try again.");
}

/* What stands in the catalogue beside the row: a small body, or where a large one lies. */
struct beside_row {
    struct span body;
    struct span extents;
};

static bool find_beside(struct embedded_store *store, MDB_txn *txn, const struct row *row,
                        struct beside_row *ret_beside, struct error *error)
{
    *ret_beside = (struct beside_row){.body = SPAN_EMPTY};
    switch (row->place) {
    case BODY_INLINE:
        if (!find_numbered(txn, store->catalogue.bodies, row->body_number, &ret_beside->body, error))
            return false;
        return ret_beside->body.size == row->attributes.stored_size ||
               error_set(error, ERROR_DAMAGED, S3_InternalError, "A small body has another size than its row says.");
    case BODY_LISTED:
        return find_numbered(txn, store->catalogue.extents, row->body_number, &ret_beside->extents, error);
    case BODY_PIECES:
        return find_numbered(txn, store->catalogue.pieces, row->body_number, &ret_beside->extents, error);
    default:
        return true;
    }
}

static bool has_body(const struct embedded_object *object)
{
    return object->base.decision.verdict == READ_PROCEED && object->base.recalled == NULL;
}

static struct embedded_object *create(struct span object_part, const struct beside_row *beside,
                                      const struct bucket_object *base, struct error *error)
{
    struct embedded_object *object =
        malloc(sizeof *object + object_part.size + beside->body.size + beside->extents.size);
    ASSERT(object != NULL);
    memset(object, 0, sizeof *object);
    object->base.decision = base->decision;
    object->base.recalled = base->recalled;
    uint8_t *next = object->bytes;
    memcpy(next, object_part.data, object_part.size);
    bool decoded = row_decode_object(span_of(next, object_part.size), &object->row, error);
    ASSERT(decoded);
    next += object_part.size;
    if (beside->body.size > 0)
        object->base.whole_body = span_of(memcpy(next, beside->body.data, beside->body.size), beside->body.size);
    if (beside->extents.size > 0)
        object->row.extents = span_of(memcpy(next, beside->extents.data, beside->extents.size), beside->extents.size);
    return object;
}

/* Copies everything that is needed later out of the map: after this the transaction may end. */
static struct embedded_object *take_over(struct embedded_store *store, MDB_txn *txn, const struct object_name *name,
                                         const struct open_intent *intent, struct span object_part, struct error *error)
{
    struct row row;
    struct beside_row beside = {.body = SPAN_EMPTY};
    struct bucket_object base = {.recalled = NULL};
    if (!row_decode_object(object_part, &row, error) || !is_wanted_revision(intent, &row, error))
        return NULL;
    store_lift_veil(store, &row);
    base.decision = read_condition_decide(intent->condition, &row.attributes);
    if (base.decision.verdict == READ_PROCEED) {
        base.recalled = recall_body(name, intent->recall, &row);
        if (base.recalled == NULL && !find_beside(store, txn, &row, &beside, error))
            return NULL;
    }
    struct embedded_object *object = create(object_part, &beside, &base, error);
    if (row.place == BODY_PIECES && has_body(object) && !pieces_decode(object->row.extents, &object->pieces, error)) {
        free(object);
        return NULL;
    }
    return object;
}

/* The blocks must hold the body; a row that says otherwise is damaged in a way its checksum cannot show. */
static bool extents_hold_body(const struct embedded_object *object)
{
    uint64_t bytes = 0;
    if (object->row.place == BODY_PIECES) /* each piece is checked when it is read */
        return object->pieces.count > 0;
    for (unsigned i = 0; i < extents_count(object->row.extents); i++)
        bytes += (uint64_t)extent_at(object->row.extents, i).count * EXTENT_BLOCK_BYTES;
    return bytes >= object->row.attributes.stored_size;
}

/* What was completed from parts has a checksum for each of them. */
static bool pieces_match(const struct embedded_object *object)
{
    const struct pieces *pieces = &object->pieces;
    uint64_t size = object->row.attributes.stored_size;
    for (uint32_t i = 0; i < pieces->count; i++) {
        struct piece piece = piece_at(pieces, i);
        struct span extents;
        uint64_t bytes;
        if (!piece_extents(pieces, i, size, &extents, &bytes) || piece.start > size || bytes > size - piece.start ||
            crc32c_update(0, span_of(object->body + piece.start, (size_t)bytes)) != piece.crc32c)
            return false;
    }
    return true;
}

static bool body_matches(const struct embedded_object *object)
{
    if (object->row.attributes.layout != LAYOUT_RAW) /* frames carry checksums of their own */
        return true;
    if (object->row.place == BODY_PIECES)
        return pieces_match(object);
    return crc32c_update(0, span_of(object->body, (size_t)object->row.attributes.stored_size)) ==
           object->row.stored_crc32c;
}

/* A body that can be read in one go is. */
static SUSPENDS bool read_whole(struct embedded_object *object, struct error *error)
{
    size_t size = (size_t)object->row.attributes.stored_size;
    object->body = malloc(size);
    ASSERT(object->body != NULL);
    if (!store_read(&object->base, 0, object->body, size, error))
        return false;
    if (!body_matches(object))
        return error_set(error, ERROR_DAMAGED, S3_InternalError,
                         "A body does not match its checksum. Run `bale check`.");
    object->base.whole_body = span_of(object->body, size);
    pin_drop(object->shard, object->pin);
    object->pin = NULL;
    return true;
}

SUSPENDS bool store_open_object(struct bucket_store *base, const struct object_name *name,
                                const struct open_intent *intent, struct bucket_object **ret_object,
                                struct error *error)
{
    struct embedded_store *store = embedded_of(base);
    struct shard *shard = shard_current(store);
    uint64_t bucket;
    MDB_txn *txn = shard_begin_read_in(shard, name->bucket, &bucket, error);
    if (txn == NULL)
        return false;
    struct span object_part;
    struct embedded_object *object = NULL;
    bool found = store_find_row(store, txn, bucket, name, &object_part, error) &&
                 ((object = take_over(store, txn, name, intent, object_part, error)) != NULL || failed(error));
    shard_end_read(shard);
    if (!found)
        return false;
    store_lift_veil(store, &object->row);
    object->base.attributes = object->row.attributes;
    object->base.store = base;
    object->shard = shard;
    bool has_extents = object->row.place != BODY_NONE && object->row.place != BODY_INLINE &&
                       object->row.attributes.stored_size > 0 && has_body(object);
    if (has_extents)
        object->pin = pin_take(&shard->pins, object->row.token); /* nothing has suspended since the lookup */
    bool done = !has_extents || extents_hold_body(object) ||
                error_set(error, ERROR_DAMAGED, S3_InternalError, "A row has fewer blocks than bytes.");
    if (done && has_extents && object->row.attributes.stored_size <= WHOLE_BODY_BYTES_MAX)
        done = read_whole(object, error);
    if (done)
        *ret_object = &object->base;
    else
        store_close_object(&object->base);
    return done;
}

void store_close_object(struct bucket_object *base)
{
    struct embedded_object *object = (struct embedded_object *)base;
    if (object->pin != NULL)
        pin_drop(object->shard, object->pin);
    free(object->body);
    free(object);
}

static SUSPENDS bool read_extent(struct embedded_object *object, const struct extent_piece *piece, uint8_t *ret_bytes,
                                 struct error *error)
{
    const struct extent *extent = &piece->extent;
    struct embedded_store *store = object->shard->store;
    struct volume *volume =
        store->snapshot == NULL ? volume_find(store, extent->volume) : snapshot_volume(store, extent->volume);
    if (volume == NULL || extent->block > volume->blocks || extent->count > volume->blocks - extent->block)
        return error_set(error, ERROR_DAMAGED, S3_InternalError, "A row names blocks that do not exist.");
    uint64_t at = (uint64_t)extent->block * EXTENT_BLOCK_BYTES + piece->offset;
    size_t size = piece->size;
    while (size > 0) {
        int64_t got = io_read(volume->fd, ret_bytes, size, at, DEADLINE_NONE);
        if (got <= 0) {
            error_set_errno(error, got < 0 ? (int)-got : EIO, "Volume %u cannot be read", extent->volume);
            return failed(error);
        }
        ret_bytes += got;
        size -= (size_t)got;
        at += (uint64_t)got;
    }
    return true;
}

/* [offset, offset + size) of what the extents hold. */
static SUSPENDS bool read_extents(struct embedded_object *object, struct span extents, uint64_t offset,
                                  uint8_t *ret_bytes, size_t size, struct error *error)
{
    struct extent_walk walk = {.extents = extents, .offset = offset, .size = size};
    struct extent_piece piece;
    while (extent_walk_next(&walk, &piece)) {
        if (!read_extent(object, &piece, ret_bytes, error))
            return false;
        ret_bytes += piece.size;
    }
    ASSERT(walk.size == 0);
    return true;
}

/* The same of a body in pieces. */
static SUSPENDS bool read_pieces(struct embedded_object *object, uint64_t offset, uint8_t *ret_bytes, size_t size,
                                 struct error *error)
{
    const struct pieces *pieces = &object->pieces;
    for (uint32_t i = size == 0 ? 0 : piece_find(pieces, offset); size > 0; i++) {
        struct span extents;
        uint64_t bytes;
        if (i >= pieces->count || piece_at(pieces, i).start > offset ||
            !piece_extents(pieces, i, object->row.attributes.stored_size, &extents, &bytes))
            return error_set(error, ERROR_DAMAGED, S3_InternalError,
                             "The pieces of an object do not hold its bytes. Run `bale check`.");
        uint64_t within = offset - piece_at(pieces, i).start;
        if (within >= bytes)
            continue;
        size_t part = size < bytes - within ? size : (size_t)(bytes - within);
        if (!read_extents(object, extents, within, ret_bytes, part, error))
            return false;
        ret_bytes += part;
        offset += part;
        size -= part;
    }
    return true;
}

SUSPENDS bool store_read(struct bucket_object *base, uint64_t offset, void *ret_bytes, size_t size, struct error *error)
{
    struct embedded_object *object = (struct embedded_object *)base;
    if (base->whole_body.size > 0) {
        memcpy(ret_bytes, base->whole_body.data + offset, size);
        return true;
    }
    if (object->row.place == BODY_PIECES)
        return read_pieces(object, offset, ret_bytes, size, error);
    return read_extents(object, object->row.extents, offset, ret_bytes, size, error);
}

bool store_pieces_number(const struct bucket_object *base, uint64_t *ret_number)
{
    const struct embedded_object *object = (const struct embedded_object *)base;
    *ret_number = object->row.body_number;
    return object->row.place == BODY_PIECES;
}

/* An overwritten object's sidecar is gone; its body is still there, and can be read without one. */
SUSPENDS bool store_read_sidecar(struct bucket_object *base, struct buffer *ret_sidecar, struct error *error)
{
    struct embedded_object *object = (struct embedded_object *)base;
    struct embedded_store *store = object->shard->store;
    if (object->row.attributes.sidecar_size == 0)
        return true;
    MDB_txn *txn = shard_begin_read(object->shard, error);
    if (txn == NULL)
        return false;
    uint8_t key[CATALOGUE_NUMBER_BYTES];
    catalogue_number_key(object->row.sidecar_number, key);
    struct span value;
    enum lookup found = catalogue_get(txn, store->catalogue.sidecars, span_of(key, sizeof key), &value, error);
    if (found == LOOKUP_FOUND && value.size == object->row.attributes.sidecar_size)
        buffer_append(ret_sidecar, value);
    shard_end_read(object->shard);
    if (found == LOOKUP_FAILED)
        return failed(error);
    return !ret_sidecar->overflow || error_set(error, ERROR_TOO_LARGE, NULL, "The sidecar is larger than its limit.");
}
