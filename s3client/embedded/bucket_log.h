/* s3client/embedded/bucket_log.h -- the file `buckets`: which buckets there are and whose, for the day the catalogue is
 * lost.
 *
 * Labels in the volumes say in which bucket a body is, but not who owns that bucket, nor that a bucket was removed. One
 * line for each change, appended after its commit: "+ NAME CREATED_MS OWNER_IN_HEX" or "- NAME". The catalogue is what
 * counts: a line that a crash lost is missed only by a rebuild. */
#pragma once

#include "runtime/base/error.h"
#include "s3client/bucket.h"

/* The file is opened for appending (and made); -1 with *error. */
int bucket_log_open(int folder_fd, struct error *error);
void bucket_log_created(int fd, const struct bucket_info *info);
void bucket_log_removed(int fd, struct span name);

/* Calls `each` for every bucket that is left after all lines, in the order of their creation. True: the file was there.
 */
bool bucket_log_read(int folder_fd, void (*each)(void *context, const struct bucket_info *info), void *context);
