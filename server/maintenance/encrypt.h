/* server/maintenance/encrypt.h -- an object that is not encrypted, or that S4 encrypted, becomes one of sealed frames
 * under the keyring's active key, where it lies.
 *
 * What a client sees stays, but for the word that it is encrypted. In a folder that is one step, for each version; in
 * the bucket of an S3 server a write, on the condition that the revision is still there which was looked at: in place
 * where Bale wrote it, else as migrate writes. Objects whose ETag is no MD5 of their bytes stay as they are. */
#pragma once

#include "server/maintenance/outcome.h"
#include "server/object/object.h"

struct encryption {
    struct bucket_store *store;
    struct object_codecs *codecs; /* with a keyring that has an active key */
    bool executes;
    bool is_bucket;       /* of an S3 server */
    uint64_t creation_id; /* of the bucket in which the version is */
};

/* One version, as it was listed. UNREADABLE as well: S4 encrypted it, and its key is not there; or it is in a codec
 * that Bale does not read. */
SUSPENDS bool encrypt_object(const struct encryption *encryption, const struct object_name *name,
                             const struct list_entry *entry, struct maintained *ret_maintained, struct error *error);
