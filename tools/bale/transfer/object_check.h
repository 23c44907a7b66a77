/* tools/bale/transfer/object_check.h -- are these the object's bytes? By what the server names of the whole: the best
 * of
 *
 *   a checksum of the whole         CRCs of pieces give that of the whole, in whatever order the pieces came
 *   a checksum of parts' checksums  needs the sizes of the parts that it was uploaded in
 *   an ETag that is an MD5          of the whole, or "-N": of parts' MD5s, with their sizes again
 *
 * The sizes of parts are presumed from the first one's where that fits the whole; what then does not match is asked for
 * part by part, and summed once more, before anything is called damaged. */
#pragma once

#include "tools/bale/transfer/remote_object.h"

enum check_wish { CHECK_AUTO, CHECK_REQUIRED, CHECK_OFF };

enum { OBJECT_CHECK_NAME_BYTES = 64 };

struct object_check {
    enum checksum_algorithm algorithm; /* NONE: there is nothing to compare with */
    bool is_of_etag;
    uint8_t wanted[CHECKSUM_BYTES_MAX];
    uint64_t *part_sizes; /* NULL: it is the digest of the whole */
    unsigned parts_count;
    bool is_presumed; /* the sizes are */
};

/* What `object` can be compared with. With `is_exact` nothing is presumed. ERROR_UNSUPPORTED: nothing, and the wish was
 * CHECK_REQUIRED. */
SUSPENDS bool object_check_choose(struct s3_client *client, const struct remote_object *object, enum check_wish wish,
                                  bool is_exact, struct object_check *ret_check, struct error *error);
void object_check_free(struct object_check *check);
/* Asks for all sizes that were presumed. *ret_differs: they are others. */
SUSPENDS bool object_check_ask(struct s3_client *client, const struct remote_object *object, struct object_check *check,
                               bool *ret_differs, struct error *error);

/* "CRC64NVME", "ETag (MD5)", "ETag (MD5 of 12 parts)" */
void object_check_name(const struct object_check *check, char ret_name[OBJECT_CHECK_NAME_BYTES]);
/* A CRC of the whole: sums of pieces will do. */
bool object_check_can_combine(const struct object_check *check);

/* ERROR_DAMAGED unless `value` is what is wanted. */
bool object_check_compare(const struct object_check *check, const struct checksum_value *value, struct error *error);

/* A running sum over all bytes in order. */
struct object_sum {
    const struct object_check *check;
    struct checksum_sum whole; /* of all bytes, or of parts' digests */
    struct checksum_sum part;
    unsigned part_number;
    uint64_t part_left;
};

void object_sum_begin(struct object_sum *sum, const struct object_check *check);
void object_sum_update(struct object_sum *sum, struct span bytes);
bool object_sum_end(struct object_sum *sum, struct error *error);
