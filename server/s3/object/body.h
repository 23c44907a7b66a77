/* server/s3/object/body.h -- the bytes of a GET's answer, also across a rewrite of the object.
 *
 * A store that holds no revision (bucket_object) ends reading with ERROR_CHANGED when the object is replaced. If what
 * is there then is the same object written anew, in another class or packed harder, its original bytes are the same,
 * and the body goes on in those. Of any other it ends there. */
#pragma once

#include "server/object/object.h"

struct body {
    struct object_codecs *codecs;
    const struct object_name *name;
    const struct customer_key *customer; /* as object_reader_begin has it */
    const struct bucket_object *begun;   /* whose head is answered; the caller's */
    struct bucket_object *renewed;       /* written anew since, and read now; NULL: it was not */
    struct object_reader *reader;
    uint64_t reached; /* original offset of the next byte */
    uint64_t end;
};

/* `name`, `object` and `customer` live until body_end, which must follow if it is true. `proof`: as
 * object_reader_begin_proved has it. */
SUSPENDS bool body_begin(struct object_codecs *codecs, struct bucket_object *object, const struct object_name *name,
                         const struct customer_key *customer, const struct object_secret *proof, uint64_t first,
                         uint64_t size, struct body *ret_body, struct error *error);
/* As object_reader_next_piece. */
SUSPENDS bool body_next(struct body *body, struct object_piece *ret_piece, struct error *error);
void body_end(struct body *body);
