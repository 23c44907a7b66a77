/* store/remote/rows/row.h -- what was last seen of a key: its ETag in the backend, and what stands behind that.
 *
 * A row is never believed by itself: it says which request is likely to be right, and it is used only when the backend
 * names the same ETag. What changes without the ETag is not in it: metadata of
 * clients, tags, the backend's storage class. Hashes of
 * an encrypted object are in rows in memory, where the keys are, and never on disk. */
#pragma once

#include "store/remote/format/fields.h"
#include "store/veil.h"

enum { ROW_KEY_BYTES = 16, ROW_BYTES_MAX = 1136, ROW_SEAL_BYTES_MAX = 624 };

struct row {
    struct object_attributes attributes;  /* without metadata, tags_count, version, seal, owner and ACL; whole, or the
                                             row is not made */
    uint16_t seal_size;                   /* 0: it is not encrypted */
    uint8_t seal[ROW_SEAL_BYTES_MAX];     /* one with a larger one has no row, and lists ask for it each time: of a
                                             key service that wraps keys in some 250 bytes, or with a long context */
    char owner[ACCOUNT_ID_BYTES_MAX + 1]; /* for lists, who ask for it; "": the bucket's */
    bool is_stamped;                      /* Bale wrote it */
    bool is_counted;                      /* the fleet's ledger counts it under this name */
    bool is_metadata_in_trailer;
    int64_t kept_ms;                       /* of the stamp: the time that clients see; 0: the backend's */
    char storage_class[STAMP_CLASS_BYTES]; /* of the stamp; "": the backend's */
    enum stamp_trailer trailer;
    uint64_t trailer_bytes;
    /* The ETag had been said by the backend before the request was sent whose answer the row is made of: where labels
     * slip, a row is used only then (docs/backend.md). */
    bool was_said_before;
    uint64_t expires_ms; /* 0: never. Of objects whose attributes may still be completed without a new ETag */
    uint64_t sequence;   /* of this process: the larger one is newer; not kept on disk */
};

/* Rows are known by this: first bytes of SHA-256(bucket "/" key), which also begins with stamp_name_digest. */
void row_key(struct span bucket, struct span key, uint8_t ret_key[ROW_KEY_BYTES]);
/* One version of that key has a row of its own: first bytes of SHA-256(row_key, version). */
void row_key_of_version(const uint8_t key[ROW_KEY_BYTES], struct span version, uint8_t ret_key[ROW_KEY_BYTES]);

/* What an answer said, as a row. False: it is not whole (a size or logical ETag that only a trailer or a walk knows).
 */
bool row_of(const struct backend_object *object, bool was_said_before, struct row *ret_row);
/* Completes what an answer left out from a row with the same ETag. A seal that it gives points into the row. */
void row_apply(const struct row *row, struct backend_object *object);

/* Shows the hashes of an encrypted object in a row that comes from the disk. */
void row_lift_veil(struct row *row, const struct veil *veil);

/* On disk; row_encode returns the size. Decoding bounds every length; false: not a row of this version. */
size_t row_encode(const struct row *row, uint8_t ret_bytes[ROW_BYTES_MAX]);
bool row_decode(struct span bytes, struct row *ret_row);

/* The time that clients see, `modified_ms` being the backend's of the same revision. */
static inline int64_t row_shown_ms(const struct row *row, int64_t modified_ms)
{
    return row->kept_ms != 0 ? row->kept_ms : modified_ms;
}
