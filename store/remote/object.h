/* store/remote/object.h -- an open object of the bucket: what was said of it, and the bytes that are here or on their
 * way. Private to open.c and read.c. */
#pragma once

#include "store/remote/fetch.h"

struct remote_object {
    struct bucket_object base; /* first; attributes are those of `state` */
    struct remote_key key;
    struct remote_state state;
    struct buffer kept; /* stored bytes from `kept_first` on: the whole body, or its end */
    uint64_t kept_first;
    struct fetch stream; /* what is coming, of this revision */
    uint64_t window_end; /* up to here the reader will go on; 0: it has not said */
    unsigned resumed;    /* how often in a row the stream broke without a byte */
    uint8_t names[];     /* bucket, key */
};

static inline struct span remote_object_etag(const struct remote_object *object)
{
    return span_from_string(object->base.attributes.stored_etag);
}
