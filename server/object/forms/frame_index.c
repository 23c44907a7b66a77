/* server/object/forms/frame_index.c -- reads a sidecar with all doubt that it deserves. */
#include "server/object/forms/frame_index.h"

/* The sidecar belongs to these stored bytes. A store that keeps it as an attachment has made sure of that itself. */
static bool is_bound(const struct sidecar *sidecar, const struct bucket_object *object)
{
    if (sidecar->source_size != 0 && sidecar->source_size != object->attributes.stored_size)
        return false;
    return sidecar->source_etag.size == 0 || object->store->capabilities.keeps_sidecar ||
           span_equal(sidecar->source_etag, span_from_string(object->attributes.stored_etag));
}

/* Entries without a gap in the original, up to the object's size: an index that points at the wrong frame would give
 * wrong bytes that no CRC notices, and it has no checksum of its own. */
static bool is_seamless(const struct sidecar *sidecar, const struct object_attributes *attributes)
{
    uint64_t end = 0;
    for (uint64_t i = 0; i < sidecar->entries_count; i++) {
        struct sidecar_entry entry;
        sidecar_entry_at(sidecar, i, &entry);
        if (entry.original_offset != end)
            return false;
        end += entry.original_size;
    }
    return !attributes->is_size_known || end == attributes->original_size;
}

static bool entry_lies_inside(const struct sidecar *sidecar, uint64_t index, uint64_t stored_size,
                              struct sidecar_entry *ret_entry)
{
    sidecar_entry_at(sidecar, index, ret_entry);
    return ret_entry->stored_offset < stored_size && ret_entry->stored_size <= stored_size - ret_entry->stored_offset;
}

bool frame_index_find(struct span encoded, const struct bucket_object *object, uint64_t position, uint64_t end,
                      struct frame_range *ret_range)
{
    struct sidecar sidecar;
    struct sidecar_entry last;
    uint64_t index;
    uint64_t stored_size = object->attributes.stored_size;
    if (!sidecar_decode(encoded, &sidecar, NULL) || sidecar.is_encrypted || !is_bound(&sidecar, object) ||
        !is_seamless(&sidecar, &object->attributes) || !sidecar_find(&sidecar, position, &index) ||
        !entry_lies_inside(&sidecar, index, stored_size, &ret_range->first))
        return false;
    ret_range->stored_end = UINT64_MAX;
    if (sidecar_find(&sidecar, end - 1, &index) && entry_lies_inside(&sidecar, index, stored_size, &last) &&
        last.stored_offset >= ret_range->first.stored_offset)
        ret_range->stored_end = last.stored_offset + last.stored_size;
    return true;
}
