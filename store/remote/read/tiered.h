/* store/remote/read/tiered.h -- an open object before a tier (store/tier/tier.h): what is near is not fetched, what is
 * fetched for the second time is kept.
 *
 * The tier is believed about one revision only, and only when the backend has just named it: each open asks. It is
 * asked by HEAD when the first bytes that are wanted are here, else by the GET that there would be without a tier: one
 * request either way, unless the object has changed.
 *
 * What may be kept: bytes of answers to requests that named the revision (If-Match), as an ETag may stand on the bytes
 * of another one. So the first GET of an object that was never seen is not kept; whoever reads kept bytes has had the
 * ETag from the backend after they came. Not kept: objects with a weak ETag, or encrypted with a key of KMS or of the
 * client, and what is the store's own.
 *
 * What is absent, unsound or late in the tier is fetched of the same revision, also in the middle of a body; when the
 * key holds another one by then, that is ERROR_CHANGED as without a tier. */
#pragma once

#include "store/remote/read/object.h"

/* ---- before the request ---- */

/* Is there a tier, and may the row of the key say which revision is asked for? */
bool tiered_may_pin(const struct remote_key *key, const struct open_intent *intent);
/* Are the stored bytes at `first` in the tier, of the revision of the row? */
bool tiered_has(struct remote_object *object, uint64_t first);
/* ... all of [first, end), as far as one can tell without reading? False also where that is much. */
bool tiered_has_all(struct remote_object *object, uint64_t first, uint64_t end);
/* [*first, *end) of the row's revision will be asked for. If the first block is worth keeping, it is made a row of
 * whole blocks, and what comes will be a flight (store/remote/read/flight.h). True: there is one already that comes to
 * it, and nothing need be asked for. */
bool tiered_prepare(struct remote_object *object, uint64_t *first, uint64_t *end);

/* ---- with the answer ---- */

/* The backend has named the revision. `is_pinned`: the request had, too, or had no body. */
void tiered_begin(struct remote_object *object, const struct s3_answer *answer, bool is_pinned, bool is_again);
/* What came with the answer is in object->kept, or will come from object->stream. */
SUSPENDS void tiered_take_body(struct remote_object *object);
/* It was opened without a body, as that is near: a small one is read into object->kept. */
SUSPENDS bool tiered_open_near(struct remote_object *object, struct error *error);
/* The last bytes of the object, as many as a trailer may take, if the tier has them. Else it stays empty. What is
 * doubted is forgotten instead. */
SUSPENDS void tiered_load_end(struct remote_object *object, struct buffer *ret_end);

/* ---- reading ---- */

static inline bool tiered_is_on(const struct remote_object *object)
{
    return object->tiered.is_known;
}

/* Of a block that came in an answer to a request that named the revision. */
void tiered_keep(const struct remote_key *key, const struct block_name *name, struct span payload);
/* As remote_read. */
SUSPENDS bool tiered_read(struct remote_object *object, uint64_t offset, uint8_t *ret_bytes, size_t size,
                          struct error *error);
/* As bucket_borrow, of an object before a tier. */
bool tiered_borrow(struct remote_object *object, uint64_t offset, size_t size, struct bucket_loan *ret_loan);
/* A request for bytes of it is about to be sent, behind the one that opened it. */
void tiered_note_stream(struct remote_object *object);
/* Where a stream of absent bytes from `offset` on may end, at most `end`: before a long stretch that the tier has. */
uint64_t tiered_stream_end(const struct remote_object *object, uint64_t offset, uint64_t end);
void tiered_end(struct remote_object *object);
