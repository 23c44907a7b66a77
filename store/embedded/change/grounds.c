/* store/embedded/change/grounds.c -- compares a version, and what stands around it, with what somebody saw. */
#include "store/embedded/change/grounds.h"

#include "s3client/wire/s3_error.h"
#include "store/embedded/state.h"

static bool has_changed(struct error *error, const char *what)
{
    return error_set(error, ERROR_CHANGED, S3_PreconditionFailed, "%s since it was judged.", what);
}

static bool is_same_version(const struct version_place *place, const struct deletion_grounds *grounds)
{
    const struct object_attributes *attributes = &place->row.attributes;
    return attributes->modified_ms == grounds->modified_ms && attributes->original_size == grounds->original_size &&
           strcmp(attributes->etag, grounds->etag) == 0 && attributes->superseded_ms == grounds->superseded_ms;
}

/* From the newest of the key's former versions to the one that is at stake: as many as are asked for? */
static bool has_newer(struct batch *batch, const struct version_place *place, unsigned least, struct error *error)
{
    struct version_cursor cursor;
    struct row row;
    unsigned newer = 0;
    if (!version_cursor_open(&cursor, batch->txn, &batch->store->catalogue, error))
        return false;
    enum lookup found = version_cursor_seek(&cursor, place->group.number, UINT64_MAX, error);
    while (newer < least && found == LOOKUP_FOUND && cursor.order > place->row.order &&
           row_decode_object(cursor.object, &row, error)) {
        newer += row.attributes.superseded_ms != 0; /* 0: a marker that is the current version */
        found = version_cursor_next(&cursor, error);
    }
    version_cursor_close(&cursor);
    return newer == least || has_changed(error, "Newer versions have gone");
}

/* The current marker is the newest of its group. */
static bool stands_alone(struct batch *batch, const struct version_place *place, struct error *error)
{
    struct version_cursor cursor;
    if (!version_cursor_open(&cursor, batch->txn, &batch->store->catalogue, error))
        return false;
    enum lookup below = version_cursor_seek(&cursor, place->group.number, place->row.order, error);
    version_cursor_close(&cursor);
    return below == LOOKUP_MISSING || has_changed(error, "Something else has come to the key");
}

bool grounds_hold(struct batch *batch, const struct version_key *key, bool is_of_current,
                  const struct deletion_grounds *grounds, struct error *error)
{
    struct version_place place;
    if (key->bucket->info.creation_id != grounds->creation_id)
        return has_changed(error, "The bucket was made again");
    enum lookup found = version_find(batch->txn, &batch->store->catalogue, key->bucket->number, key->key,
                                     span_from_string(grounds->version), &place, error);
    if (found == LOOKUP_FAILED)
        return false;
    if (found == LOOKUP_FOUND)
        store_lift_veil(batch->store, &place.row);
    if (found == LOOKUP_MISSING || !is_same_version(&place, grounds))
        return has_changed(error, "The version has changed");
    if (!grounds->ignores_tags && !span_equal(place.row.tags, grounds->tags))
        return has_changed(error, "The tags have changed");
    if (is_of_current && !place.is_current_row)
        return has_changed(error, "The version is no longer the current one");
    return (grounds->newer_least == 0 || has_newer(batch, &place, grounds->newer_least, error)) &&
           (!grounds->is_alone || stands_alone(batch, &place, error));
}
