/* tools/bale/verify/stored_check.h -- is one object what it says of itself? Finds, and changes nothing.
 *
 * Without `deep` attributes, part map and index are compared, and in a folder the header of each frame. With it every
 * byte is decoded, and all checksums are. */
#pragma once

#include "server/object/object.h"

#include <stdbool.h>

enum finding_kind {
    FINDING_NONE,
    FINDING_UNREADABLE,         /* it cannot be opened: attributes are damaged, or contradict each other */
    FINDING_FRAME_HEADER,       /* no frame begins where one should */
    FINDING_FRAME_CRC,          /* a frame's bytes are not those that were put */
    FINDING_INDEX_WRONG,        /* damaged, or of other frames: readers do without it */
    FINDING_TRAILER,            /* of a bucket: its end is not what is announced; readers walk the frames */
    FINDING_PART_MAP,           /* parts that do not add up to the object */
    FINDING_DICTIONARY_MISSING, /* ... that it was compressed with */
    FINDING_SIZE,
    FINDING_CRC32C,
    FINDING_ETAG,
    FINDING_CHECKSUM,
    FINDING_UNKNOWN_FORM, /* this version cannot read it: no damage */
    FINDING_KINDS,
};
/* "frame-crc" */
const char *finding_name(enum finding_kind kind);
/* What to do about it: a sentence, or "" where there is nothing. */
const char *finding_advice(enum finding_kind kind);

struct stored_check {
    struct bucket_store *store;
    struct object_codecs *codecs;
    bool deep;
    bool is_folder; /* reads of a few bytes cost nothing, and every ETag of 32 digits is an MD5 */
    /* Called as an object's bytes come, with `deep`: so many of so many. NULL: nobody asks. */
    void (*on_bytes)(void *context, uint64_t read, uint64_t all);
    void *context;
    /* Filled in, of the last object that nothing was found of. */
    uint64_t original_bytes;
    uint64_t stored_bytes;
};

/* True: *ret_kind says what was found (*error then has the sentence), or FINDING_NONE. False: it could not be looked
 * at; ERROR_NOT_FOUND, ERROR_CHANGED: it is another one by now. `is_again`: it was looked at before. */
SUSPENDS bool stored_check_run(struct stored_check *check, const struct object_name *name, bool is_again,
                               enum finding_kind *ret_kind, struct error *error);
