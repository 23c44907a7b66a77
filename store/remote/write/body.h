/* store/remote/write/body.h -- bytes on their way to the backend: held until they have arrived there, because a request
 * needs its length first, and a second attempt needs the bytes again.
 *
 * Memory comes in pieces of BODY_PIECE_BYTES, spare ones are kept by the shard; a small body is one piece of its own
 * size. Whoever fills a body has reserved its size in the shard's budget. */
#pragma once

#include "store/remote/store.h"

struct body_piece {
    uint8_t *bytes;
    size_t size;
    size_t capacity;
};

struct body {
    struct body_piece *pieces;
    unsigned count;
    unsigned capacity;
    uint64_t size;
    size_t expected; /* of all, when it is less than a piece; 0: more, or unknown */
};

/* False: there is no memory. */
bool body_append(struct remote_shard *shard, struct body *body, struct span bytes, struct error *error);
/* Puts all bytes of `from`, which is empty then, behind those of `to`. False: there is no memory. */
bool body_move(struct body *to, struct body *from);
/* All but the last `bytes` goes; it has as many. */
void body_keep_end(struct remote_shard *shard, struct body *body, uint64_t bytes);
/* Memory for its bytes alone: what stays shall not hold pieces that are half empty. False: there is none for that. */
bool body_fit(struct remote_shard *shard, struct body *body);
/* Appends these bytes of it, which it has. */
void body_copy(const struct body *body, uint64_t offset, uint64_t size, struct buffer *to);
/* As a request takes it; `ret_spans` has room for body->count. */
void body_spans(const struct body *body, struct span *ret_spans);
/* Gives the memory back; `expected` stays. */
void body_clear(struct remote_shard *shard, struct body *body);

/* Spare pieces go. */
void body_free_spare(struct remote_shard *shard);
