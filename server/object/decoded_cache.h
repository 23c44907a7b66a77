/* server/object/decoded_cache.h -- the original bytes of small objects that are read again and again, one shard's.
 *
 * Fetching, decoding and verifying a few KiB costs more than finding and signing them. The key is (bucket, key, ETag of
 * the stored bytes), which pins them: an entry is never stale, and an object that was overwritten is simply not asked
 * for any more. The ETag alone would not do: over S3 it is an MD5 of what clients send, and two of them may be made to
 * agree. What is damaged in the store meanwhile is met when the entry has gone; until then its bytes are right. An
 * object is taken in when it is decoded again before eight others of its set have been, so that a walk over many
 * objects costs a few comparisons each and drives out nothing.
 *
 * Bounded: DECODED_CACHE_SLOTS entries of at most DECODED_CACHE_BYTES_MAX and their keys, 19 MiB in all; what readers
 * still send may outlive its place. */
#pragma once

#include "store/bucket.h"

#include <stdint.h>

enum {
    DECODED_CACHE_SLOTS = 2048,
    DECODED_CACHE_BYTES_MAX = 8 << 10,
};

struct decoded_cache;
struct decoded_entry;

struct decoded_cache *decoded_cache_create(void);
void decoded_cache_destroy(struct decoded_cache *cache); /* every entry must have been given back */

/* What was decoded before from the stored bytes that name and ETag pin; NULL: nothing. The entry is held until
 * decoded_cache_give. */
struct decoded_entry *decoded_cache_find(struct decoded_cache *cache, const struct object_name *name,
                                         struct span stored_etag);
struct span decoded_entry_bytes(const struct decoded_entry *entry);
void decoded_cache_give(struct decoded_entry *entry); /* NULL: nothing is done */

/* Verified bytes that were just decoded, after a find that found nothing: copied in when their time has come. */
void decoded_cache_offer(struct decoded_cache *cache, const struct object_name *name, struct span stored_etag,
                         struct span original);
