/* store/attributes.h -- what a store keeps of one object beside its bytes.
 *
 * "Original" is what the client sent and reads back; "stored" is what lies in the bucket. Plain data: copied by value,
 * no pointers except the spans `metadata`, `seal`, `owner` and `acl`, which point into memory of whoever handed the
 * attributes out (stated there).
 *
 * Metadata is one packed list of HTTP header fields that belong to the object: content-type, cache-control,
 * content-disposition, content-encoding, content-language, expires, x-amz-website-redirect-location,
 * x-amz-storage-class (not STANDARD) and x-amz-meta-*. Names lower case. The `s4-*` fields of spec section 3 are not in
 * it: they are the members below, and s4_metadata.h turns them into text and back. */
#pragma once

#include "runtime/base/buffer.h"
#include "runtime/base/span.h"
#include "s3client/wire/checksum.h"
#include "store/storage_class.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    ETAG_TEXT_BYTES = 48,         /* "<32 hex>-10000" and a zero; also a foreign object's ETag of up to 47 bytes */
    STORED_ETAG_TEXT_BYTES = 129, /* whatever a backend makes up, up to 128 bytes, and a zero */
    VERSION_TEXT_BYTES = 72,      /* "null" or an id (those of S3 have up to 64), and a zero */
    OBJECT_ACL_BYTES_MAX = 32 << 10,
    OBJECT_SEAL_BYTES_MAX = 1024,
};

/* How the stored body relates to the original (spec/s4-format.md, 8.1). */
enum object_layout {
    LAYOUT_RAW,    /* stored bytes are the original bytes */
    LAYOUT_FRAMED, /* S4F2 frames (and padding) */
    LAYOUT_CODEC,  /* one unframed stream in `codec` (cpu-gzip, dictionary-block, old cpu-zstd) */
};

/* Object lock of one version (spec: settings, section AB). A retention binds while its date is in the future, a hold
 * while it is ON; each without the other. */
enum lock_mode { LOCK_NONE, LOCK_GOVERNANCE, LOCK_COMPLIANCE };
enum lock_hold { HOLD_UNSET, HOLD_OFF, HOLD_ON };

struct object_lock {
    enum lock_mode mode;     /* LOCK_NONE: no retention was set */
    int64_t retain_until_ms; /* wall clock; 0 with LOCK_NONE */
    enum lock_hold hold;     /* HOLD_UNSET: never set; differs from OFF for who asks, not for who deletes */
};

struct object_attributes {
    uint64_t original_size;
    uint64_t stored_size;       /* body only */
    uint64_t sidecar_size;      /* 0: there is none */
    int64_t modified_ms;        /* wall clock when it became visible; set by the store */
    char etag[ETAG_TEXT_BYTES]; /* logical, unquoted: MD5 of the original, or the multipart composite; "" unknown */
    char stored_etag[STORED_ETAG_TEXT_BYTES]; /* the store's own, pins the stored bytes; set by the store */
    uint8_t place;     /* storage_class_number of the class that a backend has it in, whatever class clients see; 0:
                          STANDARD, or the store has no backend */
    uint32_t placed_s; /* with `place`: since then (wall clock) it is there, or longer, if the backend has moved it */
    uint64_t revision; /* tells writes of equal bytes apart where the stored ETag does not; 0: it does, or nobody can */
    char version[VERSION_TEXT_BYTES]; /* "null" in a bucket that was never versioned; set by the store */
    enum object_layout layout;
    uint32_t codec;    /* codec id of the object (spec 1.3); 0 for raw */
    bool is_s4;        /* carries S4's metadata; false: another tool's plain object */
    bool is_multipart; /* was completed from parts */
    bool
        may_have_columns; /* frames may be packed in Bale's own codec, which S4 cannot read (codec/columns/columns.h) */
    bool is_size_known;   /* original_size is right (false: foreign multipart object without stamp) */
    bool has_crc32c;
    bool is_encrypted;   /* an S4 envelope: refused with a clear error until it can be read */
    uint32_t crc32c;     /* of the whole original */
    uint8_t level_tried; /* the level at which it was packed anew, or would have gained nothing; 0: none, or the store
                            does not keep it */
    char dictionary[17]; /* 16 hex, or "" */
    struct checksum_value checksum; /* the S3 checksum of the original; algorithm CHECKSUM_NONE: none stored */
    uint32_t parts_count;           /* 0: not multipart */
    uint32_t tags_count;
    struct span metadata; /* metadata_* below */
    /* What is kept of its encryption, opaque to stores; empty: it is not encrypted. Then the body is sealed frames, and
     * a store keeps neither etag nor crc32c nor checksum beside it (store/veil.h). One that is longer than
     * OBJECT_SEAL_BYTES_MAX is of a newer version of Bale. */
    struct span seal;

    bool is_delete_marker; /* no object: of all members only version, modified_ms, owner and superseded_ms mean anything
                            */
    int64_t superseded_ms; /* when its successor was committed: it is no current version since; 0: it is the current one
                              (434), or the store does not know; set by the store */
    struct object_lock lock;
    struct span owner; /* account id of who wrote it; empty: the bucket's owner */
    bool is_acl_apart; /* the store keeps it elsewhere, and `acl` is empty; set by the store */
    struct span acl;   /* that it was written with: opaque to stores, OBJECT_ACL_BYTES_MAX at most; empty: private. The
                          one   that counts: bucket_read_acl */
};

/* A CRC-32C of the whole says nothing of a part: a raw body of up to a frame's size that has one is read and verified
 * whole, whatever part of it is wanted. */
enum { RAW_VERIFIED_BYTES_MAX = 1 << 20 };
static inline bool attributes_are_verified_whole(const struct object_attributes *attributes)
{
    return attributes->layout == LAYOUT_RAW && attributes->has_crc32c && attributes->is_size_known &&
           attributes->stored_size <= RAW_VERIFIED_BYTES_MAX;
}

/* ---- the packed list: entries of u16 name size, u16 value size (little endian), name, value ---- */

/* False: the entry would pass the limit of the buffer or 65,535 bytes. */
bool metadata_append(struct buffer *list, struct span name, struct span value);
/* Steps through the list: *position starts at 0. False at the end; a damaged list ends early. */
bool metadata_next(struct span list, size_t *position, struct span *ret_name, struct span *ret_value);
uint32_t metadata_count(struct span list);
bool metadata_find(struct span list, struct span name, struct span *ret_value);
/* The same entries, in whatever order: servers that keep a list in a table answer it in another one each time. */
bool metadata_is_same(struct span a, struct span b);
/* The storage class as S3 calls it; points into the list, or to "STANDARD", which no list names. */
struct span metadata_storage_class(struct span list);
/* Appends the list as it is with that class. */
void metadata_with_storage_class(struct span list, struct span storage_class, struct buffer *ret_list);
/* Names and values of x-amz-meta-* without that prefix, as S3 counts them against 2,048. */
size_t metadata_user_bytes(struct span list);
