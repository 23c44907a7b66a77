/* tools/bale/transfer/remote_object.h -- one revision of one object of an S3 server: looked at once, then read by
 * ranges that are pinned to it.
 *
 * Every request after the first carries If-Match with the first answer's ETag (and the version, where one was asked
 * for), and every answer is believed only if it names that ETag, and exactly the range that was asked for. What is not
 * that revision any more is ERROR_CHANGED: overwritten, or deleted. */
#pragma once

#include "s3client/s3client.h"

struct remote_object {
    /* Which one: the caller's. */
    struct span bucket;
    struct span key;
    struct span version; /* empty: the current one */
    struct span target;  /* "/path?query" of a URL that is asked as it stands; then the three above count for nothing */
    /* As the first answer has it. */
    uint64_t size;
    char etag[S3_ETAG_BYTES];       /* as sent, with its quotes */
    int64_t modified_ms;            /* 0: it does not say */
    bool is_etag_keyed;             /* encrypted with keys of KMS or of a client: the ETag is no MD5 */
    struct checksum_value checksum; /* CHECKSUM_NONE: it names none */
};

/* HEAD: fills in what the object is. ERROR_UNSUPPORTED: a server that names no strong ETag cannot be pinned. Of a URL,
 * whose signature is for GET alone, by its first byte, which names no checksum; ERROR_UNSUPPORTED also where the server
 * knows no ranges. */
SUSPENDS bool remote_object_look(struct s3_client *client, struct remote_object *object, struct error *error);

/* The same by GET of all of it, without a condition: one request for what is small. The answer is open. */
SUSPENDS bool remote_object_open_whole(struct s3_client *client, struct remote_object *object,
                                       struct s3_answer *ret_answer, struct error *error);

/* HEAD of one of the parts that it was uploaded in, from 1 on. False with ERROR_UNSUPPORTED: the server does not say.
 */
SUSPENDS bool remote_object_look_at_part(struct s3_client *client, const struct remote_object *object, unsigned number,
                                         uint64_t *ret_size, unsigned *ret_count, struct error *error);

/* GET of bytes first .. end-1, at least one. The answer is open; its body has just these bytes, unless it breaks off.
 */
SUSPENDS bool remote_object_open(struct s3_client *client, const struct remote_object *object, uint64_t first,
                                 uint64_t end, struct s3_answer *ret_answer, struct error *error);
