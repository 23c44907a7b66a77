/* server/s3/bucket/head_bucket.c -- HEAD /bucket: it is there, it is yours, and this is its region. */
#include "server/s3/answer/answer.h"
#include "server/s3/operations.h"

SUSPENDS bool s3_head_bucket(struct s3_request *request, struct error *error)
{
    s3_answer_begin(request, 200);
    s3_answer_region(request);
    http_response_field_string(request->exchange, "x-amz-access-point-alias", "false");
    http_response_field_string(request->exchange, "Content-Type", "application/xml");
    return s3_answer_empty(request, error);
}
