/* server/s3/headers/copy_source.h -- x-amz-copy-source: which object is to be copied, found, allowed and fit for it. */
#pragma once

#include "server/s3/request/request.h"

/* At a source that is replaced while it is copied. Where the backend copies, each replacement between the look and its
 * copy, which is pinned to what was seen, costs one: a source that is replaced all the time is met at rest by one of a
 * few. */
enum { COPY_LOOKS_MAX = 16 };

struct copy_source {
    struct object_name name; /* in the request's memory */
    struct bucket_info bucket_info;
};

/* "/bucket/key?versionId=...", with or without the leading slash, encoded once, as forms are: '+' is a space and "%2B"
 * a plus, whatever there is in the bucket (statement 350). InvalidArgument. */
bool copy_source_parse(struct s3_request *request, struct span header, struct object_name *ret_name,
                       struct error *error);

/* Parses the header, finds the bucket, passes the door, opens the object and checks x-amz-copy-source-if-*: *ret_object
 * must be closed. NoSuchBucket and NoSuchKey name the source. */
SUSPENDS bool copy_source_open(struct s3_request *request, struct copy_source *ret_source,
                               struct bucket_object **ret_object, struct error *error);

/* Can its original bytes be had? NotImplemented. */
bool copy_source_check(const struct s3_request *request, const struct object_attributes *attributes,
                       struct error *error);
