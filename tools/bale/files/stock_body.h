/* tools/bale/files/stock_body.h -- the stored body of an object as any tool of S4 reads it.
 *
 * Frames in columns (codec/columns/columns.h) are decoded, verified and stored anew, as zstd or as they are. The block
 * of a dictionary (codec/dictionary/block.h) becomes the frame that it was taken from. All else of the body stays to
 * the byte. Where that changes sizes, so does the index. */
#pragma once

#include "codec/format/sidecar.h"
#include "store/bucket.h"

#include <stdbool.h>

typedef bool stock_body_sink(void *context, struct span bytes, struct error *error);

struct stock_body; /* 6 MiB for coding; for one object after the other */

struct stock_body *stock_body_create(void); /* NULL: no memory */
void stock_body_destroy(struct stock_body *stock);

/* Is any frame of it in columns, or is it a block? False as well where that cannot be told: a body that is damaged, or
 * no row of frames.
 */
SUSPENDS bool stock_body_is_needed(struct bucket_object *object);

/* Hands the body to `sink` in order, at most 1 MiB at once, and its frames to `frames`. It is an
 * object for which it is needed. ERROR_DAMAGED: a frame is none, or one in columns does not have its CRC-32C. */
SUSPENDS bool stock_body_write(struct stock_body *stock, struct bucket_object *object, stock_body_sink *sink,
                               void *context, struct sidecar_builder *frames, struct error *error);

/* The same of original bytes that come from elsewhere, frame after frame, each of 1 to FRAME_ORIGINAL_BYTES. */
void stock_body_begin(struct stock_body *stock, stock_body_sink *sink, void *context, struct sidecar_builder *frames);
bool stock_body_add_frame(struct stock_body *stock, struct span original, struct error *error);

/* Of the object before, what is true of such a body. */
void stock_body_describe(struct object_attributes *attributes);
