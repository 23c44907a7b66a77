/* server/s3/request/tag_header.h -- x-amz-tagging: the tags that a request gives the object that it makes. */
#pragma once

#include "server/s3/request/request.h"
#include "server/s3/settings/tags.h"

/* Adds them, when the request has the header; whether it may set tags is not asked here (headers/object_tags.h).
 * InvalidArgument: it cannot be decoded, a key is empty or twice in it. And what tags_add refuses. */
bool tag_header_take(struct s3_request *request, struct tag_list *tags, struct error *error);
