/* store/embedded/catalogue/bucket_log.h -- the file `buckets`: which buckets there are and whose, for the day the
 * catalogue is lost.
 *
 * Labels in the volumes say in which bucket a body is, but not who owns that bucket, nor that a bucket was removed. One
 * line for each change, appended after its commit: "+ NAME CREATED_MS OWNER_IN_HEX", for one that is or was versioned
 * followed by its versioning, lock, mode, days and years as in its row (an owner without a name is "-"), or "- NAME".
 * The catalogue is what counts: opening writes the file anew from it when the two differ (removed buckets, a line that
 * a crash or a full disk lost), and so does the change after one whose line could not be written. */
#pragma once

#include "runtime/base/error.h"
#include "store/bucket.h"

struct embedded_store;

/* The committer's. */
struct bucket_log {
    const struct embedded_store *store;
    int fd;
    bool is_stale; /* a line is missing */
};

/* Brings the file up to date and opens it for appending. */
bool bucket_log_open(struct bucket_log *log, const struct embedded_store *store, struct error *error);
void bucket_log_close(struct bucket_log *log);
/* After their commits. */
void bucket_log_created(struct bucket_log *log, const struct bucket_info *info);
void bucket_log_removed(struct bucket_log *log, struct span name);

/* Calls `each` for every bucket that is left after all lines, in the order of their creation. True: the file was there.
 */
bool bucket_log_read(int folder_fd, void (*each)(void *context, const struct bucket_info *info), void *context);
