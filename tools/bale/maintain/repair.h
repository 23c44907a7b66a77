/* tools/bale/maintain/repair.h -- an object in a bucket whose trailer is wrong gets a new one.
 *
 * A trailer follows from the frames, but for the part map and, where they lie in it, the client's metadata: what had
 * those is left as it is. The object is read, every frame checked, and written anew (server/maintenance/rewrite.h). */
#pragma once

#include "server/object/object.h"

enum repair_outcome {
    REPAIR_SOUND,     /* there is nothing to do */
    REPAIR_DONE,      /* or would be, where nothing is executed */
    REPAIR_PARTS,     /* it came in parts: its ETag is made of theirs, which are lost */
    REPAIR_METADATA,  /* what its client gave with it is lost */
    REPAIR_SIZE,      /* nobody knows how long it was */
    REPAIR_ETAG,      /* its bytes are not those of its ETag */
    REPAIR_ENCRYPTED, /* what is written anew would be in clear */
    REPAIR_VERSIONED,
    REPAIR_CHANGED,
    REPAIR_UNREADABLE, /* a frame is wrong as well, or the backend refuses it */
    REPAIR_OUTCOMES,
};
/* "parts" */
const char *repair_outcome_name(enum repair_outcome outcome);
/* Why it is so and what to do: a sentence, "" of what is sound. */
const char *repair_outcome_text(enum repair_outcome outcome);

struct repair {
    struct bucket_store *store; /* of a bucket (store/remote/remote.h) */
    struct object_codecs *codecs;
    bool is_versioned; /* the bucket is, or was */
    bool executes;
};

/* One object. False: the backend is out of reach, or does not decide conditional writes. */
SUSPENDS bool repair_object(const struct repair *repair, const struct object_name *name, const struct list_entry *entry,
                            enum repair_outcome *ret_outcome, struct error *error);
