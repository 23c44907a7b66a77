/* server/s3/headers/object_headers.h -- the headers that belong to an object: taken from a request, and given back.
 *
 * They are kept as the packed list of store/attributes.h. */
#pragma once

#include "server/s3/request/request.h"
#include "store/attributes.h"

enum { USER_METADATA_BYTES_MAX = 2048 };

/* Appends what a PUT (or a copy with REPLACE) says of the object: content type and its companions, user metadata,
 * storage class, redirect location. MetadataTooLarge, InvalidStorageClass, InvalidRedirectLocation. */
bool object_headers_take(struct s3_request *request, struct buffer *to, struct error *error);

/* Appends what a copy keeps of its source: all but storage class and redirect location, which are the request's. */
bool object_headers_keep(struct s3_request *request, struct span source, struct buffer *to, struct error *error);

/* The request's own x-amz-storage-class (not STANDARD) and x-amz-website-redirect-location. */
bool object_headers_placement(struct s3_request *request, struct buffer *to, struct error *error);

/* Gives them back in an answer; response-content-type and the other five parameters replace theirs. User metadata
 * beyond ASCII is kept as it came, and goes out as "=?UTF-8?B?...?=". */
void object_headers_answer(struct s3_request *request, struct span metadata);

/* Of a 304: Cache-Control and Expires. */
void object_headers_answer_caching(struct s3_request *request, struct span metadata);

/* Headers that ask for something that Bale has not: encryption, object lock, ACLs other than the owner's, append.
 * They are refused, never ignored. `is_offered`: of a name, does this operation offer it? NULL: none of them. */
bool object_headers_refuse_unoffered(struct s3_request *request, bool (*is_offered)(struct span name),
                                     struct error *error);
