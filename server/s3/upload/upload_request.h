/* server/s3/upload/upload_request.h -- what the operations of an upload share: which upload, which part. */
#pragma once

#include "server/s3/answer/answer.h"

/* uploadId and the upload that it names, which lives in the request's arena. NoSuchUpload. */
SUSPENDS bool upload_request_find(struct s3_request *request, struct upload_info *ret_upload, struct error *error);

/* uploadId, empty when it was not given. */
struct span upload_request_id(const struct s3_request *request);

/* partNumber: 1 to PART_NUMBER_MAX. InvalidArgument. */
bool upload_request_part(struct s3_request *request, unsigned *ret_number, struct error *error);

/* A parameter that is a count: 0 and more, clamped to `most`. InvalidArgument. */
bool upload_request_count(struct s3_request *request, const char *name, unsigned otherwise, unsigned most,
                          unsigned *ret_count, struct error *error);
