/* server/object/forms/sealed_parts.h -- the parts that an encrypted object was completed from: which attempt to send
 * each it holds, and where. The object's seal vouches for all of it together. */
#pragma once

#include "server/keys/object_seal.h"
#include "store/bucket.h"

struct sealed_part {
    uint64_t end; /* original offset behind its last byte */
    unsigned number;
    uint8_t salt[XAES_SALT_BYTES]; /* of its segment */
};

/* Its memory, 32 bytes a part, is not counted: an object has 10,000 at most. */
struct sealed_parts {
    struct sealed_part *parts; /* NULL: the object came in one piece */
    unsigned count;
};

/* All of them, if they are those that the secret is of. ERROR_DAMAGED: they were changed. Zeroed after a failure; else
 * to be freed. */
SUSPENDS bool sealed_parts_load(struct bucket_object *object, const struct object_secret *secret,
                                struct sealed_parts *ret_parts, struct error *error);
void sealed_parts_free(struct sealed_parts *parts);
/* The one that holds this byte; NULL: there is none. ret_first: where it begins. */
const struct sealed_part *sealed_parts_find(const struct sealed_parts *parts, uint64_t offset, uint64_t *ret_first);
