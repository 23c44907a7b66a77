/* store/joiner/staged.h -- staged pieces: one object for each part that a client sent.
 *
 * Its bytes are those of the part, then a record: what the part is, its frames, and the key of the upload. The object's
 * size says where the record begins, its ETag is the part's MD5: so a list of objects is a list of parts. */
#pragma once

#include "store/bucket.h"

/* What a list tells of a piece. */
struct staged_piece {
    unsigned number;
    uint64_t size; /* bytes of the part as they are stored */
    uint8_t md5[MD5_BYTES];
    int64_t modified_ms;
};

enum { STAGED_KEY_BYTES_MAX = 64, STAGED_PREFIX_BYTES_MAX = 48 };

extern const struct span staged_root; /* ".bale/mpu/" */

/* "<root><upload>/" and "<root><upload>/<number>". */
struct span staged_prefix(struct span upload_id, char ret_text[STAGED_PREFIX_BYTES_MAX]);
struct span staged_key(struct span upload_id, unsigned number, char ret_text[STAGED_KEY_BYTES_MAX]);

/* Ends the bytes of a piece with its record and makes it durable. The writer is gone. */
SUSPENDS bool staged_commit(struct bucket_writer *writer, uint64_t size, struct span key,
                            const struct part_attributes *part, struct error *error);

/* A piece that is open for reading. */
struct staged_reader {
    struct bucket_object *object;
    struct buffer record;
    struct part_attributes part; /* frames point into the record */
    struct span key;             /* of the upload, in the record */
};
/* NoSuchKey: it is not there. Must be closed. */
SUSPENDS bool staged_open(struct bucket_store *inner, struct span bucket, struct span upload_id, unsigned number,
                          struct staged_reader *ret_reader, struct error *error);
void staged_close(struct staged_reader *reader);

/* Appends struct staged_piece, of numbers strictly behind `after`, at most `pieces_max` (1000). */
SUSPENDS bool staged_list(struct bucket_store *inner, struct span bucket, struct span upload_id, unsigned after,
                          unsigned pieces_max, struct buffer *ret_pieces, bool *ret_truncated, struct error *error);

/* Removes every object whose key begins with `prefix`. */
SUSPENDS bool staged_remove(struct bucket_store *inner, struct span bucket, struct span prefix, struct error *error);
