/* server/s3/access_log/request_lines.h -- what requests leave in the access log of their bucket.
 *
 * A bucket that does not log costs a look at its settings. What was refused before the bucket was looked at is logged
 * too, if the bucket is there. */
#pragma once

#include "server/s3/request/request.h"

/* The request itself, after its answer. */
SUSPENDS void s3_log_request(struct s3_request *request);

/* That it has read `name` as the source of a copy, in the log of that object's bucket. `attributes` NULL: it was
 * refused, as *error says. */
void s3_log_source(struct s3_request *request, const struct bucket_info *bucket, const struct bucket_settings *pinned,
                   const struct object_name *name, const struct object_attributes *attributes,
                   const struct error *error);

/* One key of DeleteObjects, with what came of it. */
void s3_log_deletion(struct s3_request *request, const struct delete_item *item);
