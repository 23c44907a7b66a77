/* bench/job/content.h -- the bytes of objects: made so that they pack as wanted, or taken from files.
 *
 * All bodies are pieces of one pool, which is read round and round from a place that belongs to the key. So a body
 * costs no copy, and whoever has read some bytes can say whether they are the right ones without having kept any.
 *
 * Made bytes are runs of 1 KiB, of which the first part is random and the rest repeats it: zstd at level 1 makes one
 * byte of N, within a tenth for objects from 16 KiB on; small ones pack less. */
#pragma once

#include "runtime/base/error.h"
#include "runtime/base/span.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    CONTENT_POOL_BYTES = 16 << 20, /* of made bytes */
    CONTENT_RUN_BYTES = 1 << 10,
    CONTENT_RATIO_MAX = 20,
    CONTENT_FILES_BYTES_MAX = 256 << 20,
};

struct content {
    uint8_t *pool;
    size_t pool_size;
};

/* `ratio` from 1 (noise) to CONTENT_RATIO_MAX. Same ratio and seed, same bytes. */
void content_make(struct content *ret_content, unsigned ratio, uint64_t seed);
/* The bytes of the files, behind each other; `paths` are separated by commas. ERROR_TOO_LARGE, ERROR_NOT_FOUND, ... or
 * ERROR_INVALID when there is no byte in them. On failure it is empty. */
bool content_load(struct content *ret_content, const char *paths, struct error *error);
void content_free(struct content *content);

/* The piece of the object with this number that begins at `offset` of it, as long as it goes on without a break in the
 * pool. At least one byte. */
struct span content_at(const struct content *content, uint64_t object, uint64_t offset);
/* Are `bytes` those of the object from `offset` on? */
bool content_is(const struct content *content, uint64_t object, uint64_t offset, struct span bytes);
/* How many pieces a body of that size has at most. */
unsigned content_pieces_max(const struct content *content, uint64_t size);
/* `size` bytes from `offset` on, as pieces; returns how many (at most content_pieces_max). */
unsigned content_pieces(const struct content *content, uint64_t object, uint64_t offset, uint64_t size,
                        struct span *ret_pieces);
