/* s3client/spool.h -- a local write-ahead log of ledger amounts, kept by a store that commits them with its rows.
 *
 * Every commit that adds, replaces or removes an object also adds what that changed (objects, original bytes, stored
 * bytes, for each bucket) to the open record of the store's spool, in the same transaction. So the amounts are as
 * durable as the objects, and exact. journal/ sends the records to the fleet's ledger and trims them here; between the
 * two, what is in the spool and not yet in the ledger's state is known from record numbers alone, so a reader of both
 * never counts twice and misses nothing (spec: journal invariants, Annex C).
 *
 * Records have numbers 1, 2, ... without gaps. The open one takes amounts; once frozen it never changes, so it may be
 * sent again after any crash. Each time that a store is opened it makes a spool of its own, with an id from the
 * operating system, and only appends to that one; spools that it finds are drained under their own ids.
 *
 * The amounts of one record, encoded (little endian), as often as there are buckets:
 *   u8 name bytes, name, u64 creation id, i64 objects, i64 original bytes, i64 stored bytes
 * The creation id tells a bucket from earlier ones of its name. Sums may be negative, and are never clamped. */
#pragma once

#include "runtime/base/buffer.h"
#include "runtime/base/error.h"
#include "runtime/base/span.h"
#include "runtime/fiber.h"

#include <stdbool.h>
#include <stdint.h>

enum { SPOOL_ID_BYTES = 16 };

struct spool_info {
    uint8_t id[SPOOL_ID_BYTES];
    bool is_own;          /* the one that takes this process's amounts */
    int64_t created_ms;   /* wall clock; for people */
    uint64_t first;       /* the oldest record that is still here; 0: none */
    uint64_t last_frozen; /* records up to here may be sent; 0: none was ever frozen */
    bool has_open;        /* amounts wait in record last_frozen + 1 */
};

/* What a bucket's objects add up to. */
struct ledger_amounts {
    int64_t objects;
    int64_t original_bytes;
    int64_t stored_bytes; /* bodies and sidecars */
};

struct spool {
    const struct spool_operations *operations;
};

struct spool_operations {
    /* Appends a struct spool_info for each spool, oldest first. */
    bool (*list)(struct spool *spool, struct buffer *ret_infos, struct error *error);
    /* Freezes the own spool's open record, if it holds anything. *ret_last: the last frozen record (0: none yet). */
    SUSPENDS bool (*freeze)(struct spool *spool, uint64_t *ret_last, struct error *error);
    /* Appends a record's encoded amounts: a frozen one's, or those that wait in the open one. False with
     * ERROR_NOT_FOUND when it is not there (any more). */
    bool (*read)(struct spool *spool, const uint8_t id[SPOOL_ID_BYTES], uint64_t record, struct buffer *ret_amounts,
                 struct error *error);
    /* Records up to `record` leave: their amounts are in the ledger. */
    SUSPENDS bool (*trim)(struct spool *spool, const uint8_t id[SPOOL_ID_BYTES], uint64_t record, struct error *error);
    /* A spool that is empty and not the own one goes. */
    SUSPENDS bool (*remove)(struct spool *spool, const uint8_t id[SPOOL_ID_BYTES], struct error *error);
};
