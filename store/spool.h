/* store/spool.h -- a local write-ahead log of ledger amounts, kept by a store that commits them with its rows.
 *
 * Every commit that adds, replaces or removes an object also adds what that changed (objects, original bytes, stored
 * bytes, for each bucket) to the open record of the store's spool, in the same transaction. So the amounts are as
 * durable as the objects, and exact. journal/ sends the records to the fleet's ledger and trims them here; between the
 * two, what is in the spool and not yet in the ledger's state is known from record numbers alone, so a reader of both
 * never counts twice and misses nothing (spec: journal invariants, Annex C).
 *
 * What damage takes from a spool is lost to the ledger; then the store remembers that the ledger is in doubt.
 *
 * Records have numbers 1, 2, ... without gaps. The open one takes amounts; once frozen it never changes, so it may be
 * sent again after any crash. Each time that a store is opened it makes a spool of its own, with an id from the
 * operating system, and only appends to that one; spools that it finds are drained under their own ids.
 *
 * The amounts of one record, encoded (little endian), as often as there are buckets (SPOOL_RECORD_BUCKETS_MAX at most):
 *   u8 name bytes, name, u64 creation id, i64 objects, i64 original bytes, i64 stored bytes, and the same three of
 *   former versions
 * The creation id tells a bucket from earlier ones of its name (bucket_info.creation_id). Sums may be negative, and are
 * never clamped.
 *
 * A spool appears with its first amounts: an own one that took none is not listed. An open record that is found when a
 * store is opened (its process ended without freezing it) is frozen then. The calls run on a fiber of an attached
 * shard; list and read do not suspend. */
#pragma once

#include "runtime/base/buffer.h"
#include "runtime/base/error.h"
#include "runtime/base/span.h"
#include "runtime/fiber/fiber.h"
#include "store/bucket.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    SPOOL_ID_BYTES = 16,
    SPOOL_RECORD_BUCKETS_MAX = 4096, /* a record that has so many is frozen by the store itself */
    SPOOL_AMOUNTS_BYTES_MAX = 1 + BUCKET_NAME_BYTES_MAX + 8 + 48, /* of one bucket */
};

struct spool_info {
    uint8_t id[SPOOL_ID_BYTES];
    bool is_own;          /* the one that takes this process's amounts */
    int64_t created_ms;   /* wall clock; for people */
    uint64_t first;       /* the oldest record that is still here; 0: none */
    uint64_t last_frozen; /* records up to here may be sent; 0: none was ever frozen */
    bool has_open;        /* amounts wait in record last_frozen + 1 */
};

/* What a bucket's objects add up to: those that a GET finds, and apart from them former versions. Delete markers are
 * nothing. */
struct ledger_amounts {
    int64_t objects;
    int64_t original_bytes;
    int64_t stored_bytes; /* bodies and sidecars */
    int64_t former_versions;
    int64_t former_original_bytes;
    int64_t former_stored_bytes;
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
    /* Records up to `record` leave: their amounts are in the ledger, for good. */
    SUSPENDS bool (*trim)(struct spool *spool, const uint8_t id[SPOOL_ID_BYTES], uint64_t record, struct error *error);
    /* A spool that is empty and not the own one goes. */
    SUSPENDS bool (*remove)(struct spool *spool, const uint8_t id[SPOOL_ID_BYTES], struct error *error);
    /* Amounts have been lost: from now on the ledger is in doubt, until the store's objects are counted anew. */
    SUSPENDS bool (*doubt)(struct spool *spool, struct error *error);
    /* Is it? Does not suspend. */
    bool (*is_in_doubt)(struct spool *spool, bool *ret_is_in_doubt, struct error *error);
};

bool spool_list(struct spool *spool, struct buffer *ret_infos, struct error *error);
SUSPENDS bool spool_freeze(struct spool *spool, uint64_t *ret_last, struct error *error);
bool spool_read(struct spool *spool, const uint8_t id[SPOOL_ID_BYTES], uint64_t record, struct buffer *ret_amounts,
                struct error *error);
SUSPENDS bool spool_trim(struct spool *spool, const uint8_t id[SPOOL_ID_BYTES], uint64_t record, struct error *error);
SUSPENDS bool spool_remove(struct spool *spool, const uint8_t id[SPOOL_ID_BYTES], struct error *error);
SUSPENDS bool spool_doubt(struct spool *spool, struct error *error);
bool spool_is_in_doubt(struct spool *spool, bool *ret_is_in_doubt, struct error *error);

/* ---- encoded amounts ---- */

struct spool_amounts {
    struct span bucket;
    uint64_t creation_id;
    struct ledger_amounts amounts;
};

void spool_put_amounts(struct buffer *encoded, const struct spool_amounts *amounts);
/* Takes the next bucket's off the front; false at the end, and with *ret_damaged where the bytes are wrong. */
bool spool_take_amounts(struct span *encoded, struct spool_amounts *ret_amounts, bool *ret_damaged);

static inline bool ledger_amounts_are_zero(const struct ledger_amounts *amounts)
{
    return amounts->objects == 0 && amounts->original_bytes == 0 && amounts->stored_bytes == 0 &&
           amounts->former_versions == 0 && amounts->former_original_bytes == 0 && amounts->former_stored_bytes == 0;
}

/* Sums wrap. */
static inline int64_t ledger_sum(int64_t a, int64_t b)
{
    return (int64_t)((uint64_t)a + (uint64_t)b);
}

static inline void ledger_amounts_add(struct ledger_amounts *sum, const struct ledger_amounts *amounts)
{
    sum->objects = ledger_sum(sum->objects, amounts->objects);
    sum->original_bytes = ledger_sum(sum->original_bytes, amounts->original_bytes);
    sum->stored_bytes = ledger_sum(sum->stored_bytes, amounts->stored_bytes);
    sum->former_versions = ledger_sum(sum->former_versions, amounts->former_versions);
    sum->former_original_bytes = ledger_sum(sum->former_original_bytes, amounts->former_original_bytes);
    sum->former_stored_bytes = ledger_sum(sum->former_stored_bytes, amounts->former_stored_bytes);
}

static inline void ledger_amounts_subtract(struct ledger_amounts *sum, const struct ledger_amounts *amounts)
{
    const struct ledger_amounts negative = {(int64_t)(0 - (uint64_t)amounts->objects),
                                            (int64_t)(0 - (uint64_t)amounts->original_bytes),
                                            (int64_t)(0 - (uint64_t)amounts->stored_bytes),
                                            (int64_t)(0 - (uint64_t)amounts->former_versions),
                                            (int64_t)(0 - (uint64_t)amounts->former_original_bytes),
                                            (int64_t)(0 - (uint64_t)amounts->former_stored_bytes)};
    ledger_amounts_add(sum, &negative);
}
