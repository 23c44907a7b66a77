/* store/remote/names.h -- what things are called in the backend, and which of its keys clients never see. */
#pragma once

#include "runtime/base/error.h"
#include "store/bucket.h"

struct remote;

/* Where an object lies. `key` points into `text`, or is the client's own. */
struct backend_name {
    struct span bucket;
    struct span key;
    char text[OBJECT_KEY_BYTES_MAX];
};

/* NoSuchBucket; KeyTooLongError where the prefix leaves no room for the key. `name` must live as long. */
bool remote_name(const struct remote *remote, const struct object_name *name, struct backend_name *ret_name,
                 struct error *error);
/* The bucket alone. */
bool remote_bucket(const struct remote *remote, struct span bucket, struct span *ret_bucket, struct error *error);

/* A key of the store itself in the home bucket (".bale/backend"), behind the prefix. `ret_text` has
 * OBJECT_KEY_BYTES_MAX bytes. */
struct span remote_own_key(const struct remote *remote, struct span name, char *ret_text);

/* Names that are Bale's or S4's own: hidden from lists, no rows are kept of them, and they are in no ledger. */
bool name_is_reserved(struct span key);
/* ".bale/": names of the store itself, whose objects are as they are: no attributes, no trailer. */
bool name_is_internal(struct span key);
/* Could keys that begin with this be reserved ones, all or some of them? (a common prefix: "." or ".bale/mpu/") */
bool name_may_begin_reserved(struct span prefix);
/* A key that begins with a reserved folder: the first key behind all of that folder; SPAN_EMPTY: it does not. */
struct span name_behind_reserved(struct span key);
