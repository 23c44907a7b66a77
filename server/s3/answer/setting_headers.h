/* server/s3/answer/setting_headers.h -- what a bucket's settings make an answer say: when its objects will expire, and
 * who pays.
 *
 * Without such a setting each of these is one look at what the request has pinned. */
#pragma once

#include "server/s3/request/request.h"

/* x-amz-expiration, when a rule of the bucket's lifecycle will expire the current object of the request's key. `tags`
 * are its tags as a packed list; NULL: they are read if a rule asks for them (statement 590). */
SUSPENDS void s3_answer_expiration(struct s3_request *request, const struct object_attributes *attributes,
                                   const struct span *tags);

/* x-amz-abort-date and x-amz-abort-rule-id of an upload to the request's key (statement 591). */
void s3_answer_abort(struct s3_request *request, int64_t initiated_ms);

/* Of what is addressed, and of the source of a copy. AccessDenied: who asks has to pay, and has not said that it will
 * (statement 617). */
bool s3_check_payer(struct s3_request *request, const struct bucket_info *bucket,
                    const struct bucket_settings *bucket_settings, struct error *error);
