/* journal/bucket_store.h -- the journal's objects in a bucket: a struct journal_store over store/bucket.h, or over
 * requests to an S3 server.
 *
 * create is a write under If-None-Match: *, replace one under If-Match. What the answers mean: what says surely that
 * nothing was written (a condition, a permission, no room, no bucket) is told as such; everything else is
 * STORE_UNKNOWN.
 *
 * Over bucket.h the conditions compare the MD5 of the bytes; it stands for a version because no two bodies of a journal
 * are equal (J31). A GET that knows an ETag asks for the attributes first, and reads no body when they are the ones it
 * knows. For a reader, a bucket that is not there is an empty one. What the store itself finds damaged is
 * STORE_DAMAGED; its ETag is still known when the attributes are, so when only the body is. A replacement of what has
 * none is a write under `over_damage` (store/condition.h). A call whose caller has gone, at its deadline or by
 * cancellation, goes on by itself: it may still be applied.
 *
 * Over S3 a call is one request, sent once, and the ETags are the server's, whatever they are. A call whose caller has
 * gone is cut with its connection. Servers have been seen to put the ETag of one revision on the bytes of another; a
 * head read so would be replaced by one that lacks what was committed. So bytes whose ETag is the MD5 of others, on a
 * server whose ETags are MD5s, are no answer; nor are any, on a server whose labels slip and whose ETags say nothing.
 *
 * Every call runs on a fiber of its own, on one shard. journal_bucket_close waits for those under way. */
#pragma once

#include "journal/store.h"
#include "store/bucket.h"

struct s3_endpoint;

enum { JOURNAL_PREFIX_BYTES_MAX = OBJECT_KEY_BYTES_MAX - JOURNAL_NAME_BYTES };

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
    uint64_t labels_slipped; /* bytes that bore the ETag of others */
};

/* The store must outlive it. `prefix` stands before every name: "" or one that ends with a slash. */
struct journal_bucket *journal_bucket_open(struct bucket_store *store, struct span bucket, struct span prefix);

struct journal_s3_place {
    struct s3_endpoint *endpoint; /* must outlive it */
    struct span bucket;
    struct span prefix; /* as above, at most JOURNAL_PREFIX_BYTES_MAX */
    bool labels_hold;   /* an ETag always belongs to what came with it, as far as anybody has seen */
};

/* With connections of its own, so that bulk data cannot hold it up. */
struct journal_bucket *journal_bucket_open_s3(const struct journal_s3_place *place);

SUSPENDS void journal_bucket_close(struct journal_bucket *bucket);

struct journal_store *journal_bucket_store(struct journal_bucket *bucket);
const struct journal_bucket_counters *journal_bucket_counters(const struct journal_bucket *bucket);
/* Was an answer seen that says so? What is replaced or deleted stays there then, as former versions. */
bool journal_bucket_keeps_versions(const struct journal_bucket *bucket);
