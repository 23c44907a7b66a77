/* store/embedded/catalogue/row.h -- one object's row in the catalogue, as bytes and as members.
 *
 * A row is: checksum u32, version u8, flags u8, zero u16, the group number when keys go on below it (u64), and, when
 * there is an object, its fixed part and then fields of (tag u8, size u32, bytes). The checksum is the CRC-32C of the
 * row's key and of all that follows it. docs/store-format.md has the table; numbers are little endian.
 *
 * A reader refuses rows of a later version and fields that it does not know: they would change what the object is. */
#pragma once

#include "runtime/base/buffer.h"
#include "runtime/base/error.h"
#include "store/attributes.h"
#include "store/spool.h"

enum {
    ROW_VERSION = 1,
    ROW_TOKEN_BYTES = 16,
    EXTENT_BLOCK_BYTES = 4096,
    ROW_EXTENTS_MAX = 16, /* more lie in a table of their own */
    ROW_EXTENT_BYTES = 12,
};

/* A run of blocks of one volume. A body fills its extents in order. */
struct extent {
    uint32_t volume;
    uint32_t block;
    uint32_t count;
};

enum body_place {
    BODY_NONE = 0,    /* no bytes */
    BODY_INLINE = 1,  /* in the table of small bodies, under body_number */
    BODY_EXTENTS = 2, /* in the extents of the row */
    BODY_LISTED = 3,  /* in extents that the table of extent lists names, under body_number */
    BODY_PIECES = 4,  /* completed from parts: in pieces (upload_rows.h), under body_number */
};

struct row {
    struct object_attributes attributes; /* metadata points into the row's bytes */
    uint8_t token[ROW_TOKEN_BYTES];      /* stored_etag is its hex */
    enum body_place place;
    uint32_t stored_crc32c; /* of the stored body */
    uint64_t body_number;
    uint64_t sidecar_number;
    struct span extents; /* encoded, ROW_EXTENT_BYTES each */
    struct span tags;    /* empty: none; attributes.tags_count says how many */
    bool is_uncounted;   /* the ledger leaves it out */
    uint64_t order; /* among the versions of its key (version_rows.h); 0: a null version that was never superseded, from
                       before versions were kept */
};

/* What a row's bytes hold besides the object. */
struct row_shape {
    bool has_object;
    bool has_group;
    uint64_t group;
};

/* Appends the object part (fixed part and fields). */
void row_encode_object(const struct row *row, struct buffer *ret_object);
/* What only the committing step knows, behind the other fields; of two fields with one tag the later one counts. */
void row_append_version(struct buffer *object, const char *version, uint64_t order);
void row_append_lock(struct buffer *object, const struct object_lock *lock);
/* Makes a whole row of it: `object` may be empty (a row that only leads on), group 0: none. */
void row_seal(struct span key, struct span object, uint64_t group, struct buffer *ret_row);
/* body_number and sidecar_number are known only while committing: sets them in an encoded object part. */
void row_set_numbers(uint8_t *object, uint64_t body_number, uint64_t sidecar_number);

/* Checks the checksum; ret_object is the encoded object part. ERROR_DAMAGED. */
bool row_open(struct span key, struct span bytes, struct row_shape *ret_shape, struct span *ret_object,
              struct error *error);
/* Decodes an object part that row_open handed out, or one of an extent's header. */
bool row_decode_object(struct span object, struct row *ret_row, struct error *error);

/* What the ledger counts of a version, current or former; of one that is encoded and about to be current, too. */
struct ledger_amounts row_amounts(const struct row *row);
struct ledger_amounts row_amounts_encoded(const uint8_t *object);

void extent_encode(const struct extent *extent, uint8_t ret_bytes[ROW_EXTENT_BYTES]);
struct extent extent_decode(const uint8_t *bytes);
static inline unsigned extents_count(struct span encoded)
{
    return (unsigned)(encoded.size / ROW_EXTENT_BYTES);
}
static inline struct extent extent_at(struct span encoded, unsigned index)
{
    return extent_decode(encoded.data + (size_t)index * ROW_EXTENT_BYTES);
}

/* [offset, offset + size) of what extents hold, which are filled in order: where its pieces lie, one for each extent.
 */
struct extent_walk {
    struct span extents;
    uint64_t offset; /* from extent `next` on */
    size_t size;     /* that is to come; more than 0 at the end: the extents hold less */
    unsigned next;
};
struct extent_piece {
    struct extent extent;
    uint64_t offset; /* in it, in bytes */
    size_t size;
};
bool extent_walk_next(struct extent_walk *walk, struct extent_piece *ret_piece);
