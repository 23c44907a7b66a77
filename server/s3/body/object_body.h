/* server/s3/body/object_body.h -- the body of PutObject and UploadPart: from the connection into an object writer. */
#pragma once

#include "server/s3/body/body.h"

/* Of one PUT or part: "Uploading objects" in the Amazon S3 user guide. */
#define OBJECT_BODY_BYTES_MAX (UINT64_C(5) << 30)

/* What the headers say of it. What body_plan_make refuses, and EntityTooLarge. */
bool object_body_plan(struct s3_request *request, struct body_plan *ret_plan, struct error *error);

/* What the writer has to compute: the claimed checksum, or `otherwise`. */
static inline enum checksum_algorithm object_body_checksum(const struct body_plan *plan,
                                                           enum checksum_algorithm otherwise)
{
    return plan->claim.algorithm != CHECKSUM_NONE ? plan->claim.algorithm : otherwise;
}

/* All of it, verified against signature and checksums; the writer is finished then. On failure it is to be aborted. */
SUSPENDS bool object_body_receive(struct s3_request *request, const struct body_plan *plan,
                                  struct object_writer *writer, struct object_digest *ret_digest, struct error *error);
