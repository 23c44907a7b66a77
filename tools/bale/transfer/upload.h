/* tools/bale/transfer/upload.h -- a file into an object, in parts over several connections at once, and checked.
 *
 * A file of at most one part is one PUT. A larger one is an upload in parts, which is removed again when it fails. Each
 * part goes with its CRC-64/NVME, the whole with the CRC that they give together, and afterwards the object is looked
 * at: its size, and the checksum that the server names, must be those of the file. What is sent twice is the same
 * twice; a completion whose answer is lost is looked up before it is sent again.
 *
 * With `is_resumed` an upload in parts goes on with what an earlier attempt has left on the server (upload_left.h):
 * each part that is there is compared with the file as it is now, and only what differs or is missing is sent. What
 * fails then leaves its parts for the next attempt, and an upload that was found is never removed: whoever began it may
 * be at it still. An object that is the file already is not sent again.
 *
 * Errors: ERROR_CHANGED, the file was changed while it was read, and nothing was completed; ERROR_CONFLICT, there is an
 * object already, which `is_new` forbids; ERROR_DAMAGED, what the server has is something else; those of file and
 * server. */
#pragma once

#include "tools/bale/session/s3_session.h"
#include "tools/bale/transfer/meter.h"

struct upload_settings {
    const struct s3_session *session;
    unsigned connections;
    uint64_t part_bytes; /* 5 MiB at least; larger ones where there would be more than S3_PARTS_MAX */
    struct span bucket;
    struct span key;
    const char *content_type; /* NULL: none is said */
    bool is_new;              /* If-None-Match: * */
    bool is_resumed;          /* goes on with what an earlier attempt has left, and leaves what came */
    struct meter *meter;
};

struct upload_result {
    uint64_t size;
    bool is_verified; /* the server names a checksum, and it is the file's */
    unsigned parts;
    unsigned parts_found; /* of those, that the server had already */
    bool is_left;         /* it failed, and another attempt can go on */
};

/* `fd`: a regular file, read at offsets. Memory: a part for each connection. */
SUSPENDS bool upload_file(const struct upload_settings *settings, int fd, struct upload_result *ret_result,
                          struct error *error);
