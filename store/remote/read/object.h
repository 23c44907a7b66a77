/* store/remote/read/object.h -- an open object of the bucket: what was said of it, and the bytes that are here or on
 * their way. Private to open.c, read.c, tiered.c and flight.c. */
#pragma once

#include "store/remote/read/fetch.h"
#include "store/remote/words/words.h"
#include "store/tier/tier.h"

/* What a tier has to do with it (store/remote/read/tiered.h). Zeroed: nothing. */
struct tiered {
    struct block_revision revision;
    struct block_revision of_row; /* what the row makes of it, once that was asked for: naming takes an HMAC */
    bool knows_row;
    bool is_known;   /* the backend has named this revision, and blocks of it may be given and kept */
    bool is_pinned;  /* all bytes of it came, and will come, in answers to requests that named the revision */
    bool is_doubted; /* what was kept did not fit together: it is asked for anew */
    bool has_judged; /* whether block `judged` is worth keeping */
    bool is_worth_it;
    uint64_t judged;
    uint64_t blocks_read;  /* up to this one, not included, were read last; 0: none was */
    bool stood_in;         /* it was opened without a body from the backend, or the tier has given some of it */
    unsigned streams;      /* that were opened for what the tier had not */
    struct flight *flight; /* that it reads from (store/remote/read/flight.h); NULL: none */
    bool opens_flight;     /* ... whose stream this object's request is to become */
    bool flies_alone;      /* one was late: it waits for no other */
    uint8_t *block;        /* memory for one on its way to the tier, while something is read; else NULL */
};

struct remote_object {
    struct bucket_object base; /* first; attributes are those of `state` */
    struct remote_key key;
    struct remote_state state;
    bool has_asked; /* the HEAD that it was opened by was sent for this open, or others, at `asked` */
    struct word_time asked;
    struct buffer kept; /* stored bytes from `kept_first` on: the whole body, or its end */
    uint64_t kept_first;
    struct fetch stream; /* what is coming, of this revision */
    uint64_t window_end; /* up to here the reader will go on; 0: it has not said */
    unsigned resumed;    /* how often in a row the stream broke without a byte */
    struct tiered tiered;
    uint8_t names[]; /* bucket, key */
};

/* What of [offset, offset + size) is in `kept`, from its beginning: how many bytes were copied. */
size_t remote_take_kept(const struct remote_object *object, uint64_t offset, uint8_t *ret_bytes, size_t size);
/* From the stream that is open, or a new one; not from `kept`, and not from a tier. */
SUSPENDS bool remote_read_backend(struct remote_object *object, uint64_t offset, uint8_t *ret_bytes, size_t size,
                                  struct error *error);

/* How far a stream from `offset` on goes, of which `size` bytes are wanted now. */
uint64_t remote_stream_end(const struct remote_object *object, uint64_t offset, size_t size);

static inline struct span remote_object_etag(const struct remote_object *object)
{
    return span_from_string(object->base.attributes.stored_etag);
}
