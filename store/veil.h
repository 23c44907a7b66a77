/* store/veil.h -- hashes of encrypted objects, as whoever asks a store sees them.
 *
 * An encrypted object (object_attributes.seal) has its ETag, CRC-32C and checksum in no row: they would tell what it
 * holds to whoever can guess it. They lie masked in the seal, which is opaque to stores; a store has a veil to show
 * them where it decides conditions and where it answers. Pure; any thread. */
#pragma once

#include "store/bucket.h"

/* An entry of a list whose object is encrypted. */
struct veiled_entry {
    struct span seal;
    struct list_entry *entry;
};
enum { VEILED_ENTRIES_MAX = 64 };

struct veil {
    /* Sets etag, crc32c and checksum by the seal, or leaves them as they are: the key is missing, or the seal is
     * damaged, which whoever opens the object is told. Must not suspend. */
    void (*lift)(void *context, struct object_attributes *attributes);
    /* The same of as many entries as there are, VEILED_ENTRIES_MAX at most, for less than one after the other costs:
     * sets their etag, checksum_algorithm and checksum_type. */
    void (*lift_entries)(void *context, const struct veiled_entry *veiled, size_t count);
    void *context;
};

/* `veil` NULL: there are no keys. */
static inline void veil_lift(const struct veil *veil, struct object_attributes *attributes)
{
    if (attributes->seal.size > 0 && veil != NULL)
        veil->lift(veil->context, attributes);
}
