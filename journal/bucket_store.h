/* journal/bucket_store.h -- the journal's objects in a bucket: a struct journal_store over store/bucket.h.
 *
 * create is a write under If-None-Match: *, replace one under If-Match. What the conditions compare is the ETag, the
 * MD5 of the bytes; it stands for a version because no two bodies of a journal are equal (J31). A GET that knows an
 * ETag asks for the attributes first, and reads no body when they are the ones it knows.
 *
 * What the answers mean: an error that says surely that nothing was written (a condition, a permission, no room, no
 * bucket) is told as such; everything else is STORE_UNKNOWN. For a reader, a bucket that is not there is an empty one.
 * What the store itself finds damaged is STORE_DAMAGED; its ETag is still known when the attributes are, so when only
 * the body is. A replacement of what has none is a write under `over_damage` (store/condition.h).
 *
 * Every request runs on a fiber of its own. Whoever made it is answered at its deadline, or when its own fiber is
 * cancelled, and the request goes on by itself: it may still be applied. journal_bucket_close waits for those.
 *
 * One shard. The store must outlive it. */
#pragma once

#include "journal/store.h"
#include "store/bucket.h"

/* Where a store of buckets keeps its journal: no client can name it, because it is no name of a bucket (s3/names.h). */
#define JOURNAL_SYSTEM_BUCKET SPAN(".bale")

struct journal_bucket;

enum journal_request {
    JOURNAL_REQUEST_CREATE,
    JOURNAL_REQUEST_REPLACE,
    JOURNAL_REQUEST_GET,
    JOURNAL_REQUEST_LIST,
    JOURNAL_REQUEST_DELETE,
    JOURNAL_REQUEST_COUNT,
};
/* "create" and so on, for labels. */
const char *journal_request_name(enum journal_request kind);

struct journal_bucket_counters {
    uint64_t requests[JOURNAL_REQUEST_COUNT];
    uint64_t unknown[JOURNAL_REQUEST_COUNT]; /* of them without an answer that says what happened */
    uint64_t bytes_written;
    uint64_t bytes_read;
};

/* `prefix` stands before every name: "" or one that ends with a slash. */
struct journal_bucket *journal_bucket_open(struct bucket_store *store, struct span bucket, struct span prefix);
SUSPENDS void journal_bucket_close(struct journal_bucket *bucket);

struct journal_store *journal_bucket_store(struct journal_bucket *bucket);
const struct journal_bucket_counters *journal_bucket_counters(const struct journal_bucket *bucket);
