/* server/object/object_upload.h -- the end of an upload: the parts that its client names become one object.
 *
 * The rows of parts are read once, to check them, to find what the whole hashes to, and to list the sizes of their
 * frames for the store's index; a second time only of objects beyond some 32 GiB, whose list is too long to be kept
 * while nobody has counted it. Memory of one completion: PART_WALK_BYTES_MAX for the rows, PLAN_FRAMES_BYTES_MAX for a
 * short list, and four times that for the index that the store makes of it. A longer list takes 40 bytes for each
 * frame, its index included: they are counted in the shard's budget for bodies, wait for their turn, and have a bound:
 * an object with more than UPLOAD_FRAMES_MAX frames gets no index. */
#pragma once

#include "server/keys/upload_secret.h"
#include "server/object/object.h"

#define UPLOAD_BYTES_MAX (UINT64_C(5) << 40) /* of a completed object: "Amazon S3 multipart upload limits" */
enum {
    UPLOAD_PART_BYTES_LEAST = 5 << 20, /* of every part but the last */
    PART_WALK_BYTES_MAX = 2 << 20,
    PLAN_FRAMES_BYTES_MAX = 256 << 10,
    UPLOAD_FRAMES_MAX = (64 << 20) / 32, /* S4's readers fetch no larger sidecar */
};

/* ---- is it encrypted? object/object_open.c ---- */

/* What an upload that begins is to keep of its encryption (upload_intent.seal): where parts can be encrypted, each
 * upload says whether it is, or one that is could be made one that is not by who may write to the store. ret_seal holds
 * it. `customer` is the key from outside of the keyring, where the mode has one. */
struct span object_upload_seal(const struct object_codecs *codecs, const struct bucket_store *store,
                               const struct object_name *name, enum seal_mode mode, const struct customer_key *customer,
                               uint8_t ret_seal[UPLOAD_SEAL_BYTES_MAX]);
/* Opens it. NoSuchUpload: there is none where there must be one; else as upload_secret_open. */
bool object_upload_open_seal(const struct object_codecs *codecs, const struct bucket_store *store,
                             const struct object_name *name, struct span seal, const struct customer_key *customer,
                             struct upload_secret *ret_secret, struct error *error);

/* InvalidRequest: a part came without the customer's key that its upload was begun with. */
bool object_upload_refuse_keyless(struct error *error);

/* ---- the parts of an upload, in order ---- */

struct part_walk {
    struct object_codecs *codecs;
    struct bucket_store *store;
    const struct object_name *name;
    const struct upload_info *upload;
    struct upload_secret secret; /* once a page has been read */
    struct arena arena;          /* one page of rows */
    struct part_attributes *parts;
    unsigned count;
    unsigned position;
    unsigned after;
    unsigned left; /* to be asked for */
    bool has_more;
};

/* Parts strictly behind number `after`, at most parts_max (PART_NUMBER_MAX: all), with their hashes also where they are
 * encrypted. Must be ended. Name and upload must live as long. */
void part_walk_begin(struct part_walk *walk, struct object_codecs *codecs, struct bucket_store *store,
                     const struct object_name *name, const struct upload_info *upload, unsigned after,
                     unsigned parts_max);
/* NULL behind the last one. Valid until the next call. */
SUSPENDS bool part_walk_next(struct part_walk *walk, const struct part_attributes **ret_part, struct error *error);
void part_walk_end(struct part_walk *walk);

/* ---- completing ---- */

/* What the client names: numbers ascend. */
struct upload_choices {
    struct part_choice *parts;
    struct checksum_value *checksums; /* of each; algorithm NONE: the client says nothing */
    unsigned count;
};

/* What the parts make together, known before anything is changed. */
struct upload_plan {
    struct object_attributes attributes; /* metadata and tags_count are the upload's */
    uint64_t frames_count;
    struct buffer frames;       /* their sizes, unless that has overflowed */
    struct sealed_plan *sealed; /* of an upload that is encrypted; else NULL */
    unsigned refused;           /* which choice, when there is no plan because of it ... */
    uint64_t refused_size;      /* ... and how small it is, when that is why */
};

/* Checks every choice against what was uploaded: InvalidPart, EntityTooSmall, EntityTooLarge, NoSuchUpload; as
 * kms_keyring_may_seal. The plan is to be freed in either case. */
SUSPENDS bool object_upload_plan(struct object_codecs *codecs, struct bucket_store *store,
                                 const struct object_name *name, const struct upload_info *upload,
                                 const struct upload_choices *choices, struct upload_plan *ret_plan,
                                 struct error *error);

void object_upload_plan_free(struct upload_plan *plan);

/* As bucket_complete_upload; SlowDown when there is no memory for the index. */
SUSPENDS bool object_upload_complete(struct object_codecs *codecs, struct bucket_store *store,
                                     const struct object_name *name, const struct upload_info *upload,
                                     const struct upload_choices *choices, const struct upload_plan *plan,
                                     const struct write_condition *condition, struct object_attributes *ret_attributes,
                                     struct error *error);

/* "<md5 of the parts' md5s>-<count>", unquoted. */
void object_upload_etag(const struct part_choice *parts, unsigned count, char ret_etag[ETAG_TEXT_BYTES]);
