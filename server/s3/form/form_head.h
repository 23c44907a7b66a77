/* server/s3/form/form_head.h -- the fields of a form as headers: so that an object from a form is made by the code that
 * makes one from a PUT. */
#pragma once

#include "server/s3/form/form_fields.h"
#include "server/s3/request/request.h"

/* Statement 571. Replaces request->head by one in the request's arena, which has the fields that act as headers, and of
 * the headers that came those that say nothing of an object. InvalidArgument: a value that no header can have, or too
 * many of them. */
bool form_head_make(struct s3_request *request, const struct form_fields *fields, struct error *error);
