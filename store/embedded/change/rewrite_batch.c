/* store/embedded/change/rewrite_batch.c -- a version's body is packed anew, inside the committer's transaction. */
#include "store/embedded/change/rewrite_batch.h"

#include "s3client/wire/s3_error.h"
#include "store/embedded/catalogue/upload_rows.h"
#include "store/embedded/change/free.h"
#include "store/embedded/change/grounds.h"
#include "store/embedded/state.h"

enum { PART_GROWTH_BYTES = 64 }; /* in a part map, its longest checksum included */

static bool has_changed(struct error *error, const char *what)
{
    return error_set(error, ERROR_CHANGED, S3_PreconditionFailed, "%s while it was packed anew.", what);
}

/* The version that was judged, with the very bytes that were packed, and in the same class: it may have moved. */
static bool find_judged(struct batch *batch, const struct change *change, const struct version_key *key,
                        struct version_place *ret_place, struct error *error)
{
    const struct body_rewrite *rewrite = change->rewrite.rewrite;
    enum lookup found = version_find(batch->txn, &batch->store->catalogue, key->bucket->number, key->key,
                                     span_from_string(rewrite->judged->version), ret_place, error);
    if (found == LOOKUP_FAILED)
        return false;
    if (found == LOOKUP_MISSING || strcmp(ret_place->row.attributes.stored_etag, rewrite->judged->stored_etag) != 0)
        return has_changed(error, "The object was replaced");
    if (!span_equal(ret_place->row.attributes.metadata, rewrite->judged->metadata))
        return has_changed(error, "The object went to another class");
    return rewrite->grounds == NULL || grounds_hold(batch, key, false, rewrite->grounds, error);
}

/* What describes a body, and nothing else. */
static void take_body(struct row *row, const struct change *change)
{
    const struct row *from = change->rewrite.row;
    struct object_attributes *attributes = &row->attributes;
    attributes->stored_size = from->attributes.stored_size;
    attributes->sidecar_size = from->attributes.sidecar_size;
    attributes->layout = from->attributes.layout;
    attributes->codec = from->attributes.codec;
    attributes->is_s4 = from->attributes.is_s4;
    attributes->may_have_columns = from->attributes.may_have_columns;
    attributes->level_tried = from->attributes.level_tried;
    attributes->has_crc32c = from->attributes.has_crc32c;
    attributes->crc32c = from->attributes.crc32c;
    attributes->is_encrypted = from->attributes.is_encrypted;
    attributes->seal = from->attributes.seal;
    memcpy(attributes->dictionary, from->attributes.dictionary, sizeof attributes->dictionary);
    memcpy(attributes->stored_etag, from->attributes.stored_etag, sizeof attributes->stored_etag);
    attributes->metadata = change->rewrite.rewrite->metadata;
    memcpy(row->token, from->token, ROW_TOKEN_BYTES);
    row->stored_crc32c = from->stored_crc32c;
    row->place = from->place;
    row->extents = from->place == BODY_EXTENTS ? change->rewrite.extents : SPAN_EMPTY;
    row->body_number = 0;
    row->sidecar_number = 0;
}

/* The whole body as one piece, and the part map that the old body had. */
static bool put_pieces(struct batch *batch, const struct change *change, struct span part_map, uint64_t *ret_number,
                       struct error *error)
{
    const struct catalogue *catalogue = &batch->store->catalogue;
    const struct piece piece = {.crc32c = change->rewrite.row->stored_crc32c};
    uint64_t ignored;
    struct buffer table;
    struct buffer pieces;
    buffer_init(&table, 0);
    buffer_init(&pieces, 0);
    if (change->rewrite.extents.size > 0)
        piece_append(&piece, &table);
    pieces_encode(buffer_span(&table), change->rewrite.extents, &pieces);
    *ret_number = batch->numbers.pieces++;
    bool done = batch_put_body(batch, BODY_PIECES, SPAN_EMPTY, change->rewrite.extents, &ignored, error) &&
                batch_put_numbered(batch, catalogue->pieces, *ret_number, buffer_span(&pieces), error) &&
                batch_put_numbered(batch, catalogue->part_maps, *ret_number, part_map, error);
    buffer_free(&table);
    buffer_free(&pieces);
    return done;
}

static bool put_body(struct batch *batch, const struct change *change, struct span part_map, uint64_t *ret_number,
                     struct error *error)
{
    enum body_place place = change->rewrite.row->place;
    return place == BODY_PIECES
               ? put_pieces(batch, change, part_map, ret_number, error)
               : batch_put_body(batch, place, change->rewrite.body, change->rewrite.extents, ret_number, error);
}

/* Copied out of the map, which is about to be written. */
static bool copy_part_map(struct batch *batch, const struct row *row, struct buffer *ret_map, struct error *error)
{
    uint8_t key[CATALOGUE_NUMBER_BYTES];
    struct span map;
    if (row->place != BODY_PIECES)
        return true;
    catalogue_number_key(row->body_number, key);
    enum lookup found =
        catalogue_get(batch->txn, batch->store->catalogue.part_maps, span_of(key, sizeof key), &map, error);
    if (found == LOOKUP_FOUND)
        buffer_append(ret_map, map);
    return found == LOOKUP_FOUND ||
           (found == LOOKUP_MISSING && error_set(error, ERROR_DAMAGED, S3_InternalError,
                                                 "The map of an object's parts is missing. Run `bale check`."));
}

/* Everything is decided: from here on a failure breaks the batch. `kept`: the row as it was found, out of the map. */
static bool replace_body(struct batch *batch, struct change *change, const struct version_key *key,
                         const struct version_place *place, struct span kept, struct span part_map, struct error *error)
{
    struct row before;
    struct row after;
    if (!batch_free_object(batch, &place->row, error) || !row_decode_object(kept, &before, error))
        return false;
    before.order = place->row.order;
    after = before;
    take_body(&after, change);
    if (!put_body(batch, change, part_map, &after.body_number, error) ||
        !batch_put_sidecar(batch, change->rewrite.sidecar, &after.sidecar_number, error) ||
        !version_rewrite(batch, key, place, &after, error) || !version_count_change(batch, key, &before, &after, error))
        return false;
    change->rewrite.body_number = after.body_number;
    return true;
}

bool object_rewrite(struct batch *batch, struct change *change, struct error *error)
{
    struct bucket_row bucket;
    struct version_place place;
    if (!catalogue_need_bucket(batch->txn, &batch->store->catalogue, change->bucket, &bucket, error))
        return false;
    if (bucket.number != change->rewrite.bucket_number)
        return has_changed(error, "The bucket was removed");
    const struct version_key key = {&bucket, change->bucket, change->rewrite.key};
    if (!find_judged(batch, change, &key, &place, error))
        return false;
    if ((place.row.place == BODY_PIECES) != (change->rewrite.row->place == BODY_PIECES))
        return has_changed(error, "The object was replaced");
    struct buffer kept;
    struct buffer part_map;
    buffer_init(&kept, 0);
    buffer_init(&part_map, 0);
    buffer_append(&kept, place.object);
    bool done = copy_part_map(batch, &place.row, &part_map, error) &&
                (replace_body(batch, change, &key, &place, buffer_span(&kept), buffer_span(&part_map), error) ||
                 batch_broken(batch));
    buffer_free(&kept);
    buffer_free(&part_map);
    return done;
}

uint64_t rewrite_growth(const struct change *change)
{
    const struct row *row = change->rewrite.row;
    return change->rewrite.body.size + change->rewrite.sidecar.size + change->rewrite.extents.size +
           change->rewrite.rewrite->metadata.size + row->attributes.seal.size +
           (uint64_t)row->attributes.parts_count * PART_GROWTH_BYTES;
}
