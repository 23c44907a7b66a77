/* server/s3/bucket/get_bucket_location.c -- GET /bucket?location: the region, which for us-east-1 is nothing at all. */
#include "server/s3/answer/answer.h"
#include "server/s3/operations.h"

SUSPENDS bool s3_get_bucket_location(struct s3_request *request, struct error *error)
{
    struct s3_document document;
    const char *region = request->settings->region;
    s3_document_open(&document, "LocationConstraint");
    if (strcmp(region, "us-east-1") != 0)
        buffer_append_string(&document.text, region); /* the root's own text; a region has nothing to escape */
    s3_answer_begin(request, 200);
    s3_answer_region(request);
    return s3_document_finish(request, &document, error);
}
