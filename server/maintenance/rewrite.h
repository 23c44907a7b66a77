/* server/maintenance/rewrite.h -- the bytes of an open object, packed anew under its own key: nothing that a client
 * can see changes.
 *
 * They are written under the condition that the revision which was read is still there. ETag, metadata, tags, the list
 * of grants and the time stay; what changes without the ETag, tags and metadata, is compared once more when all is
 * ready. The savings ledger does not hear of it, and an object that came in parts would not keep its part map: those
 * are the caller's to leave out, as are buckets with versions. */
#pragma once

#include "server/object/object.h"

struct rewrite {
    struct bucket_store *store;
    struct object_codecs *codecs;
    struct bucket_object *object; /* open, not encrypted; an ETag that is known is an MD5 */
    const struct object_name *name;
    int64_t kept_ms; /* the time that clients see */
    bool is_sealed;  /* what is written is encrypted, under the keyring of the codecs */
};

enum rewrite_outcome {
    REWRITE_DONE,
    REWRITE_OTHER_ETAG, /* its ETag is not the MD5 of its bytes: it is as it was */
};

/* Where clients' heads of an object have whole seconds, lists may know more of the same second. */
int64_t rewrite_time(const struct object_attributes *attributes, const struct list_entry *entry);

/* True: *ret_outcome, and with REWRITE_DONE how many bytes are stored now. ERROR_CHANGED, ERROR_CONFLICT,
 * ERROR_NOT_FOUND: somebody has changed or deleted it meanwhile; ERROR_DENIED: nobody knows which tags it has. */
SUSPENDS bool rewrite_object(const struct rewrite *rewrite, enum rewrite_outcome *ret_outcome, uint64_t *ret_stored,
                             struct error *error);
