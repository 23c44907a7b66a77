/* server/s3/headers/object_tags.c -- first the right, then the header. */
#include "server/s3/headers/object_tags.h"

#include "server/s3/rights/authorize.h"

SUSPENDS bool object_tags_take(struct s3_request *request, struct tag_list *tags, struct error *error)
{
    struct span header;
    return !s3_request_header(request, "x-amz-tagging", &header) ||
           (s3_authorize_new(request, ACTION_PutObjectTagging, error) && tag_header_take(request, tags, error));
}
