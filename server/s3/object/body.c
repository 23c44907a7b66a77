/* server/s3/object/body.c -- reads, and goes on in what the object was written anew as. */
#include "server/s3/object/body.h"

#include <string.h>

enum { RENEWALS_MAX = 3 }; /* for one piece */

SUSPENDS bool body_begin(struct object_codecs *codecs, struct bucket_object *object, const struct object_name *name,
                         const struct customer_key *customer, const struct object_secret *proof, uint64_t first,
                         uint64_t size, struct body *ret_body, struct error *error)
{
    uint64_t end = size > UINT64_MAX - first ? UINT64_MAX : first + size;
    *ret_body = (struct body){
        .codecs = codecs, .name = name, .customer = customer, .begun = object, .reached = first, .end = end};
    if (!object_reader_begin_proved(codecs, object, name, customer, proof, first, size, &ret_body->reader, error))
        return false;
    object_reader_keep(ret_body->reader);
    return true;
}

static void leave(struct body *body)
{
    if (body->reader != NULL)
        object_reader_end(body->reader);
    if (body->renewed != NULL)
        object_close(body->renewed);
    body->reader = NULL;
    body->renewed = NULL;
}

void body_end(struct body *body)
{
    leave(body);
}

/* Of the very object that was being read, with the same original bytes. */
static bool is_the_same(const struct body *body, const struct bucket_object *found)
{
    const struct object_attributes *before = &(body->renewed != NULL ? body->renewed : body->begun)->attributes;
    const struct object_attributes *now = &found->attributes;
    return bucket_is_made_of(found, before->stored_etag) && now->is_size_known &&
           now->original_size == before->original_size && strcmp(now->etag, before->etag) == 0;
}

SUSPENDS static bool renew(struct body *body)
{
    const struct open_intent intent = {
        .extent = OPEN_RANGE, .first = body->reached, .size = body->end - body->reached, .is_again = true};
    struct bucket_object *found;
    struct error ignored;
    if (!object_open(body->codecs, (struct bucket_store *)body->begun->store, body->name, &intent, &found, &ignored))
        return false;
    if (!is_the_same(body, found)) {
        object_close(found);
        return false;
    }
    leave(body);
    body->renewed = found;
    return object_reader_begin(body->codecs, found, body->name, body->customer, body->reached,
                               body->end - body->reached, &body->reader, &ignored);
}

SUSPENDS bool body_next(struct body *body, struct object_piece *ret_piece, struct error *error)
{
    for (unsigned renewals = 0; !object_reader_next_piece(body->reader, ret_piece, error); renewals++) {
        if (error->kind != ERROR_CHANGED || renewals == RENEWALS_MAX || !renew(body))
            return false;
    }
    body->reached += ret_piece->size;
    return true;
}
