/* server/object/forms/gzip_body.c -- fills a buffer with what igzip makes of the bytes that come. */
#include "server/object/forms/gzip_body.h"

#include "runtime/fiber/loop.h"

SUSPENDS bool gzip_body_begin(struct object_codecs *codecs, struct gzip_body *ret_body, struct error *error)
{
    struct gzip_slot *slot = slot_take(codecs, codecs->gzip_slots, error);
    if (slot == NULL)
        return false;
    gzip_begin(slot->compressor);
    *ret_body = (struct gzip_body){.slot = slot};
    return true;
}

void gzip_body_end(struct object_codecs *codecs, struct gzip_body *body)
{
    if (body->slot != NULL)
        pool_release(codecs->gzip_slots, body->slot);
    body->slot = NULL;
}

SUSPENDS bool gzip_body_take_in(struct gzip_body *body, struct span *original, bool is_last)
{
    while (original->size > 0 || (is_last && !body->has_ended)) {
        if (body->filled == GZIP_STORED_BYTES)
            return false;
        body->filled += gzip_step(body->slot->compressor, original, is_last, body->slot->stored + body->filled,
                                  GZIP_STORED_BYTES - body->filled, &body->has_ended);
        fiber_yield_if_due();
    }
    return true;
}

struct span gzip_body_take_out(struct gzip_body *body)
{
    struct span stored = span_of(body->slot->stored, body->filled);
    body->filled = 0;
    return stored;
}
