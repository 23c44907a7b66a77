/* store/embedded/change/manifest_batch.c -- adds the piece that holds the label. */
#include "store/embedded/change/manifest_batch.h"

#include "s3client/wire/s3_error.h"
#include "store/embedded/catalogue/manifest_lists.h"
#include "store/embedded/catalogue/version_rows.h"
#include "store/embedded/state.h"

/* It may be a former version by now. */
static enum lookup find_completed(struct batch *batch, const struct change *change, const struct bucket_row *bucket,
                                  struct row *ret_row, struct error *error)
{
    struct version_place place;
    enum lookup found = version_find(batch->txn, &batch->store->catalogue, bucket->number, change->manifest.key,
                                     span_from_string(change->manifest.row->attributes.version), &place, error);
    *ret_row = place.row;
    return found;
}

bool manifest_note(struct batch *batch, struct change *change, struct error *error)
{
    const struct catalogue *catalogue = &batch->store->catalogue;
    const struct row *row = change->manifest.row;
    struct bucket_row bucket;
    struct row found;
    struct span encoded;
    uint8_t key[CATALOGUE_NUMBER_BYTES];
    if (!catalogue_need_bucket(batch->txn, catalogue, change->bucket, &bucket, error))
        return false;
    enum lookup looked = find_completed(batch, change, &bucket, &found, error);
    if (looked == LOOKUP_FAILED)
        return false;
    if (looked == LOOKUP_MISSING || found.place != BODY_PIECES || found.body_number != row->body_number)
        return error_set(error, ERROR_CONFLICT, S3_InternalError, "It is another object by now.");
    catalogue_number_key(row->body_number, key);
    if (catalogue_get(batch->txn, catalogue->pieces, span_of(key, sizeof key), &encoded, error) != LOOKUP_FOUND)
        return error_set(error, ERROR_DAMAGED, S3_InternalError, "A list of pieces is missing. Run `bale check`.");
    struct buffer pieces;
    buffer_init(&pieces, 0);
    bool done =
        manifest_add_piece(encoded, row->attributes.stored_size, &change->manifest.extent, &pieces, error) &&
        ((space_take(&batch->space, change->manifest.extent, error) &&
          catalogue_put(batch->txn, catalogue->pieces, span_of(key, sizeof key), buffer_span(&pieces), 0, error)) ||
         batch_broken(batch));
    buffer_free(&pieces);
    return done;
}
