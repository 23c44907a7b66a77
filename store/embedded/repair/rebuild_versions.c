/* store/embedded/repair/rebuild_versions.c -- versions of a rebuilt catalogue. */
#include "store/embedded/repair/rebuild_versions.h"

#include "runtime/base/byteorder.h"
#include "store/object_lock.h"

void rebuilt_version_name(struct rebuilt_versions *versions, const struct bucket_info *bucket, struct row *row)
{
    struct object_attributes *attributes = &row->attributes;
    uint64_t order = (uint64_t)attributes->modified_ms << 16 | UINT16_MAX;
    row->order = order < versions->order_below ? order : versions->order_below - 1;
    versions->order_below = row->order;
    if (row->order > versions->last_order)
        versions->last_order = row->order;
    version_id_format(row->order, load_u64_be(row->token), attributes->version);
    if (bucket->has_lock)
        object_lock_apply_default(&attributes->lock, &bucket->retention, attributes->modified_ms);
}

enum { NOTED_HEAD_BYTES = 4 + 16 + ETAG_TEXT_BYTES, NOTED_ETAG_AT = 20 };

/* Also where what was noted is encrypted, and so has no ETag: what was in clear comes behind what became of it. */
static bool is_same(struct span noted, struct span mine)
{
    bool is_sealed = noted.size == mine.size && noted.data[NOTED_ETAG_AT] == '\0';
    return span_equal(noted, mine) ||
           (is_sealed && span_equal(span_take(noted, NOTED_ETAG_AT), span_take(mine, NOTED_ETAG_AT)) &&
            span_equal(span_skip(noted, NOTED_HEAD_BYTES), span_skip(mine, NOTED_HEAD_BYTES)));
}

bool rebuilt_version_is_again(struct rebuilt_versions *versions, uint64_t bucket, struct span key,
                              const struct row *row)
{
    const struct object_attributes *attributes = &row->attributes;
    if (attributes->modified_ms != versions->moment_ms)
        buffer_clear(&versions->noted);
    versions->moment_ms = attributes->modified_ms;
    uint8_t head[NOTED_HEAD_BYTES] = {0};
    store_u32_le(head, (uint32_t)(sizeof head - 4 + key.size));
    store_u64_le(head + 4, bucket);
    store_u64_le(head + 12, attributes->original_size);
    memcpy(head + NOTED_ETAG_AT, attributes->etag, strlen(attributes->etag));
    size_t start = versions->noted.size;
    buffer_append(&versions->noted, span_of(head, sizeof head));
    buffer_append(&versions->noted, key);
    struct span mine = span_skip(buffer_span(&versions->noted), start);
    for (struct span rest = span_take(buffer_span(&versions->noted), start); rest.size > 0;) {
        size_t size = 4 + (size_t)load_u32_le(rest.data);
        if (is_same(span_take(rest, size), mine)) {
            versions->noted.size = start;
            return true;
        }
        rest = span_skip(rest, size);
    }
    return false;
}

bool rebuilt_version_put(struct rebuilt_versions *versions, uint64_t bucket, struct span key, struct row *row,
                         struct error *error)
{
    const struct catalogue *catalogue = versions->catalogue;
    const struct key_table keys = {versions->txn, catalogue->versioned, versions->next_group, versions->scratch};
    struct version_group group;
    uint8_t group_value[VERSIONED_ROW_BYTES];
    uint8_t row_key[VERSION_KEY_BYTES];
    if (version_find_group(versions->txn, catalogue, bucket, key, &group, error) == LOOKUP_FAILED)
        return false;
    if (group.number == 0)
        group.number = (*versions->next_group)++;
    if (strcmp(row->attributes.version, "null") == 0)
        group.null_order = row->order;
    if (row->attributes.superseded_ms == 0)
        row->attributes.superseded_ms = row->attributes.modified_ms > 0 ? row->attributes.modified_ms : 1;
    version_group_encode(&group, group_value);
    version_make_key(group.number, row->order, row_key);
    struct buffer object;
    buffer_init(&object, 0);
    row_encode_object(row, &object);
    bool done = catalogue_put(versions->txn, catalogue->versions, span_of(row_key, sizeof row_key),
                              buffer_span(&object), 0, error) &&
                key_put(&keys, bucket, key, span_of(group_value, sizeof group_value), error);
    buffer_free(&object);
    return done;
}

/* An object, or a marker that a copy of the catalogue has. */
static enum lookup find_current(struct rebuilt_versions *versions, uint64_t bucket, struct span key,
                                struct row *ret_row, struct error *error)
{
    const struct key_table keys = {.txn = versions->txn, .table = versions->catalogue->objects};
    struct version_group group;
    struct span object;
    uint64_t order = 0;
    enum lookup found = key_find(&keys, bucket, key, &object, error);
    if (found == LOOKUP_MISSING) {
        found = version_find_group(versions->txn, versions->catalogue, bucket, key, &group, error);
        if (found == LOOKUP_FOUND)
            found = version_newest(versions->txn, versions->catalogue, group.number, &order, &object, error);
    }
    if (found == LOOKUP_FOUND && !row_decode_object(object, ret_row, error))
        return LOOKUP_FAILED;
    if (found == LOOKUP_FOUND && order != 0)
        ret_row->order = order;
    return found;
}

bool rebuilt_version_supersede(struct rebuilt_versions *versions, uint64_t bucket, struct span key, struct row *by,
                               struct error *error)
{
    struct row present;
    enum lookup found = find_current(versions, bucket, key, &present, error);
    if (found != LOOKUP_FOUND)
        return found == LOOKUP_MISSING;
    bool was_sealed_since = by->attributes.seal.size > 0 && present.attributes.seal.size == 0;
    if (present.attributes.modified_ms == by->attributes.modified_ms &&
        present.attributes.original_size == by->attributes.original_size &&
        (was_sealed_since || strcmp(present.attributes.etag, by->attributes.etag) == 0)) {
        by->order = present.order;
        strcpy(by->attributes.version, present.attributes.version);
        return true;
    }
    if (present.order == 0)
        present.order = by->order - 1;
    if (present.order >= by->order) { /* a clock that was turned back */
        by->order = present.order + 1;
        version_id_format(by->order, load_u64_be(by->token), by->attributes.version);
        if (by->order > versions->last_order)
            versions->last_order = by->order;
    }
    present.attributes.superseded_ms = by->attributes.modified_ms;
    return rebuilt_version_put(versions, bucket, key, &present, error);
}
