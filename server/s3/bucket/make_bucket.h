/* server/s3/bucket/make_bucket.h -- a bucket and the settings with which it begins, in one step as all others see it.
 */
#pragma once

#include "server/s3/request/request.h"

/* The settings are written first, under the creation id that the bucket will have, and belong to nobody until it is
 * there: it appears with all of them or not at all. `intent` has no creation id. Errors of bucket_create and
 * settings_put_first; a bucket that exists is told before anything is written. */
SUSPENDS bool s3_make_bucket(struct s3_request *request, const struct bucket_intent *intent,
                             const struct setting_document *documents, unsigned count, struct error *error);
