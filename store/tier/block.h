/* store/tier/block.h -- the pieces in which stored bodies lie in a tier, and how each proves what it is.
 *
 * A stored body is cut in a fixed grid of BLOCK_PAYLOAD_BYTES. A block on disk is a header, its payload, and zeroes up
 * to the next unit:
 *
 *     "BTB1" | u8 version 1, 3 zero | u32 payload bytes | u32 CRC-32C | 16 revision | u64 number | u64 stored size |
 *     u64 second of writing | 8 zero                                                    (64 bytes, little endian)
 *
 * The CRC is that of the header, with this field 0, and of the payload. `revision` is keyed with a secret of the
 * folder, so that nobody who chooses the bytes of an object can make a block of them. Whatever says where a block lies
 * may be wrong: the header decides. Pure; any thread. */
#pragma once

#include "s3client/wire/checksum.h"
#include "store/bucket.h"

enum {
    BLOCK_BYTES = 64 << 10, /* with its header */
    BLOCK_HEADER_BYTES = 64,
    BLOCK_PAYLOAD_BYTES = BLOCK_BYTES - BLOCK_HEADER_BYTES,
    BLOCK_UNIT_BYTES = 4 << 10, /* blocks begin at multiples of this, and take whole units */
    BLOCK_UNITS = BLOCK_BYTES / BLOCK_UNIT_BYTES,
    REVISION_BYTES = 16,
    TIER_KEY_BYTES = 32,
};

/* One revision of one object: first bytes of HMAC-SHA256 of (bucket, key, stored ETag, stored size, second of its last
 * modification), each with its length. A self-copy that keeps the ETag, and a body that was made to have the MD5 of
 * another, differ in the last. */
struct block_revision {
    uint8_t bytes[REVISION_BYTES];
    uint64_t stored_size;
};
struct block_revision block_revision_of(const struct hmac_sha256_key *key, const struct object_name *name,
                                        const struct object_attributes *attributes);

struct block_name {
    struct block_revision revision;
    uint64_t number; /* stored offset / BLOCK_PAYLOAD_BYTES */
};

static inline uint64_t block_number_at(uint64_t stored_offset)
{
    return stored_offset / BLOCK_PAYLOAD_BYTES;
}

static inline uint64_t block_offset(uint64_t number)
{
    return number * BLOCK_PAYLOAD_BYTES;
}

/* Of a block that lies inside the body: all are whole but the last. */
static inline uint32_t block_payload_bytes(const struct block_name *name)
{
    uint64_t left = name->revision.stored_size - block_offset(name->number);
    return left < BLOCK_PAYLOAD_BYTES ? (uint32_t)left : BLOCK_PAYLOAD_BYTES;
}

static inline uint32_t block_units(uint32_t payload_bytes)
{
    return (BLOCK_HEADER_BYTES + payload_bytes + BLOCK_UNIT_BYTES - 1) / BLOCK_UNIT_BYTES;
}

/* Spreads evenly: revisions are digests. The stored size is in the revision already. */
uint64_t block_hash(const uint8_t revision[REVISION_BYTES], uint64_t number);

/* Writes header and payload, block_units() units in all, zeroes at the end. */
void block_write(const struct block_name *name, struct span payload, uint64_t second, uint8_t *ret_block);

/* Is this that very block, whole and undamaged? `bytes` are the units that it should lie in. */
bool block_check(struct span bytes, const struct block_name *name);
/* Is it one that was overwritten, to be forgotten? */
bool block_is_erased(struct span bytes);
/* What block is this, whole and undamaged? */
bool block_read_name(struct span bytes, struct block_name *ret_name, uint64_t *ret_second);
