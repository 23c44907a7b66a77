/* tools/bale/maintain/key_rotation.h -- seals of objects made anew, under the active key of a keyring: so that another
 * key may be destroyed, or so that an object that a foreign tool has copied in the bucket is read under its new name.
 *
 * Bodies stay as they are, and no customer's key is needed. Each object is changed in one step, on the condition that
 * it is what was looked at: whatever ends the walk, each is under the one key or the other, whole, and the walk may
 * begin again. A folder must be nobody else's meanwhile; a bucket may be served. */
#pragma once

#include "server/config/config.h"
#include "server/keys/keyring.h"

struct key_rotation {
    struct keyring *keyring; /* with an active key */
    const char *bucket;      /* NULL: all */
    const char *prefix;      /* NULL: all keys */
    const uint8_t *from;     /* SEAL_KEY_ID_BYTES: of seals under this key alone; NULL: under whichever */
    /* Not NULL: of seals alone that were made for BUCKET/PREFIX of this, and what comes behind the other prefix. With
     * `bucket`. */
    const char *written;

    uint64_t renewed;
    uint64_t already; /* sealed as they are to be, or under another key than `from` */
    uint64_t changed; /* somebody has written or deleted them meanwhile */
    uint64_t left;    /* why, stderr has for each */
};

/* False: it came to no end; what was done is in the counts. */
bool key_rotation_run(const struct config *where, struct key_rotation *rotation, struct error *error);
