/* tools/bale/transfer/upload_left.h -- what an earlier attempt at an object has left on the server: an upload that was
 * neither completed nor aborted, and its parts, as the server lists them.
 *
 * Which attempt it was, and of which file, nobody says: whoever goes on compares each part with the file's bytes
 * (upload_left_is_part). */
#pragma once

#include "s3client/operations.h"

#include <stdbool.h>

struct left_part {
    uint64_t size; /* with the next two empty: it is not there */
    char etag[S3_ETAG_BYTES];
    struct checksum_value sum; /* CHECKSUM_CRC64NVME, or CHECKSUM_NONE: the server does not say it */
};

struct upload_left {
    struct span id;          /* empty: there is none; lies in the arena */
    struct left_part *parts; /* by their numbers, from 0 on; of malloc */
};

/* The youngest upload of the key that ends in a CRC-64/NVME of the whole, or does not say what it ends in; its parts up
 * to `parts_count`. ERROR_NOT_FOUND: there is no such bucket; those of the server. */
SUSPENDS bool upload_left_find(struct s3_client *client, struct span bucket, struct span key, unsigned parts_count,
                               struct arena *arena, struct upload_left *ret_left, struct error *error);
void upload_left_free(struct upload_left *left);

/* Can it only be known by an MD5 what the part holds? */
bool upload_left_needs_md5(const struct left_part *part);
/* Is it what the server has? `md5` counts where it is needed. */
bool upload_left_is_part(const struct left_part *part, uint64_t size, const struct checksum_value *sum,
                         const uint8_t md5[MD5_BYTES]);
