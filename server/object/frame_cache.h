/* server/object/frame_cache.h -- original bytes of frames that were decoded, for whoever reads the same bytes next, or
 * their neighbours; one shard's.
 *
 * A frame is known by the object's name, the ETag and size of its stored bytes, what they are said to be (layout,
 * codec, ETag and size of the original), and its first original byte: that pins its bytes, so that an entry is never
 * stale, and an object that was overwritten is simply not asked for any more. The stored ETag alone would not do: over
 * S3 it is an MD5, which may be made to agree, and a client may send the very bytes that another body was packed to.
 * Only what was verified comes in; what is damaged in the store meanwhile is met when the entry has gone, and until
 * then its bytes are right.
 *
 * A frame of which a part was wanted is taken in at once, as its neighbours may be wanted next; one that was wanted
 * whole, when it is decoded again before bytes_max of others were, or twice that: a download of many frames drives out
 * nothing, however often it is repeated, if there is no room for all of it. What was just written does not come in: its
 * first reader shall meet what the store really has of it. What goes is decided by two queues (S3-FIFO: Yang et al.,
 * SOSP 2023). A frame begins in the one on probation, a tenth of all; what was used there, or is decoded a second time
 * within that while, stands in the other, and stays as long as it is used. Uses count once for each frame that came in
 * since, so that a walk in small ranges counts as the one use that it is.
 *
 * Entries that readers hold stay where they are: all of it is bytes_max at most, with what stands beside the bytes. */
#pragma once

#include "runtime/base/siphash.h"
#include "runtime/metrics.h"
#include "store/bucket.h"

#include <stddef.h>
#include <stdint.h>

struct frame_cache;
struct frame_entry;

/* Readable from any thread. */
struct frame_cache_counters {
    metric_counter hits;
    metric_counter misses; /* frames that were decoded */
    metric_counter bytes;  /* a gauge */
};

struct frame_cache_settings {
    uint64_t bytes_max;                                          /* 0: nothing is kept */
    void (*release)(void *context, uint8_t *bytes, size_t size); /* of memory that was taken over */
    void *context;
    struct frame_cache_counters *counters; /* outlive the cache */
    struct siphash_key key;                /* drawn at start: clients choose names, and nobody shall choose chains */
};

struct frame_cache *frame_cache_create(const struct frame_cache_settings *settings); /* NULL: no memory */
/* Entries, for tests: whatever names are chosen, a find is short. */
unsigned frame_cache_longest_chain(const struct frame_cache *cache);
void frame_cache_destroy(struct frame_cache *cache); /* every entry must have been given back */

/* The frame that holds all original bytes [first, end) of the object; NULL: there is none, or no byte is wanted. Held
 * until frame_entry_give. */
struct frame_entry *frame_cache_find(struct frame_cache *cache, const struct object_name *name,
                                     const struct object_attributes *attributes, uint64_t first, uint64_t end);
uint64_t frame_entry_offset(const struct frame_entry *entry); /* of its first byte in the original */
struct span frame_entry_bytes(const struct frame_entry *entry);
void frame_entry_give(struct frame_entry *entry); /* NULL: nothing is done */

struct decoded_frame {
    const struct object_name *name;
    const struct object_attributes *attributes;
    uint64_t offset; /* in the original */
    uint8_t *bytes;  /* verified */
    size_t size;     /* beyond FRAME_ORIGINAL_BYTES it is never kept */
    bool is_part_wanted;
    bool is_secret; /* wiped when it goes */
};

/* A frame that was just decoded, after a find that found nothing. If it is kept, it is handed out, held until
 * frame_entry_give, and its memory is the cache's from now on. NULL: the memory stays the caller's. */
struct frame_entry *frame_cache_offer(struct frame_cache *cache, const struct decoded_frame *frame);
