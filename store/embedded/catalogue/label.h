/* store/embedded/catalogue/label.h -- what a body in a volume says of itself: the record behind its last byte.
 *
 * A label carries bucket, key, attributes and all extents, and is written together with the end of the body: it costs
 * no write of its own. From labels a lost catalogue can be rebuilt. It names the store and the place where it lies, so
 * that a copy of a volume stored as an object is not taken for one. docs/store-format.md has its bytes. */
#pragma once

#include "runtime/base/buffer.h"
#include "store/embedded/catalogue/folder.h"
#include "store/embedded/catalogue/row.h"

enum {
    LABEL_ALIGNMENT = 64, /* behind the body: zeros up to here */
    LABEL_HEAD_BYTES = 64,
    LABEL_BYTES_MAX = 224 << 10,  /* a body whose label would be larger has none */
    MANIFEST_BYTES_MAX = 1 << 20, /* 10,000 parts, each in a few extents */
};

struct label {
    struct span bucket;
    struct span key;
    struct span object;  /* encoded object part of the row */
    struct span extents; /* encoded, all of them; of a manifest its lists (manifest.h) */
    bool is_manifest;    /* of an object that was completed from parts */
};

static inline size_t label_bytes(const struct label *label)
{
    return LABEL_HEAD_BYTES + label->bucket.size + label->key.size + label->object.size + label->extents.size;
}

/* `at`: byte offset within the volume. */
void label_encode(const struct label *label, const uint8_t uuid[STORE_UUID_BYTES], uint32_t volume, uint64_t at,
                  struct buffer *ret_bytes);

/* Do a label's bytes begin so? */
bool label_may_be(const uint8_t bytes[8]);
/* Is there a label of this store at this place? `bytes` is what lies there, as far as it is at hand. ret_size: how much
 * of it is needed (more than bytes.size: come again with as much). */
bool label_decode(struct span bytes, const uint8_t uuid[STORE_UUID_BYTES], uint32_t volume, uint64_t at,
                  struct label *ret_label, size_t *ret_size);
