/* server/s3/headers/object_tags.h -- the tags that a request gives the object that it makes, which need a right of
 * their own. */
#pragma once

#include "server/s3/request/tag_header.h"

/* x-amz-tagging, when the request has it. AccessDenied, and what tag_header_take refuses. */
SUSPENDS bool object_tags_take(struct s3_request *request, struct tag_list *tags, struct error *error);
