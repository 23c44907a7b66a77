/* server/s3/request/conditions.h -- the conditional headers of a request, as the data that a store or a reader decides
 * on. */
#pragma once

#include "server/s3/request/request.h"
#include "store/condition.h"

/* If-Match, If-None-Match, If-Modified-Since, If-Unmodified-Since. Dates that cannot be read, and a future
 * If-Modified-Since, are as if they were not there. */
void s3_read_condition(const struct s3_request *request, struct read_condition *ret_condition);
/* The same from x-amz-copy-source-if-...: what must hold of the source of a copy. */
void s3_source_condition(const struct s3_request *request, struct read_condition *ret_condition);

/* What a read's condition came to: true: go on, or *ret_not_modified. False: PreconditionFailed with Condition,
 * `prefix` in front of the header's name. */
bool s3_check_read(struct s3_request *request, const struct read_decision *decision, const char *prefix,
                   bool *ret_not_modified, struct error *error);

/* If-Match and If-None-Match of a write. *ret_condition is NULL when there is none, else it points to *storage.
 * NotImplemented: both together, or If-Unmodified-Since (a write
 * that ignored it could lose an update). If-Modified-Since means nothing on a write (RFC 9110). */
bool s3_write_condition(struct s3_request *request, struct write_condition *storage,
                        const struct write_condition **ret_condition, struct error *error);
/* If-Match and x-amz-if-match-... of DeleteObject. */
bool s3_delete_condition(struct s3_request *request, struct write_condition *storage,
                         const struct write_condition **ret_condition, struct error *error);

/* Was it deleted, or was there nothing that the condition could have been of? Nothing is a success (statement 420): a
 * delete whose answer was lost is asked for again. */
bool s3_is_deleted(const struct delete_item *item);

/* A write was refused: names the Condition when that was the reason. Returns false. */
bool s3_explain_condition(struct s3_request *request, const struct write_condition *condition,
                          const struct error *error);

/* If-Range: may the Range header be used? Another ETag, or another time, means that everything is wanted. */
bool s3_range_is_wanted(const struct s3_request *request, const struct object_attributes *current);
