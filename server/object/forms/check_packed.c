/* server/object/forms/check_packed.c -- a frame that was just packed, decoded again. */
#include "server/object/forms/check_packed.h"

#include "codec/decompressor.h"
#include "codec/format/crc.h"
#include "runtime/base/assert.h"
#include "runtime/fiber/loop.h"
#include "s3client/wire/s3_error.h"
#include "server/object/forms/columns_frame.h"

#include <stdlib.h>

SUSPENDS static bool decode(struct decode_slot *slot, const struct frame_header *header, struct span payload,
                            uint8_t *ret_original, struct error *error)
{
    uint8_t *ignored;
    if (header->codec == CODEC_COLUMNS)
        return columns_frame_prepare(slot, header, &ignored, error) &&
               columns_frame_decode(slot, header, payload, ret_original, error);
    decompressor_set_dictionary(slot->decompressor, NULL);
    if (!decompressor_run_begin(slot->decompressor, header->codec, payload, ret_original, (size_t)header->original_size,
                                error))
        return false;
    enum codec_step step;
    while ((step = decompressor_run_step(slot->decompressor, error)) == CODEC_MORE)
        fiber_yield_if_due();
    return step == CODEC_DONE;
}

struct check {
    struct decode_slot *slot;
    const struct frame_header *header;
    struct span payload;
    struct error *error;
    bool is_right;
};

/* Memory that is asked for here is not touched on the shard. */
SUSPENDS static void decode_and_compare(void *argument)
{
    struct check *check = argument;
    size_t size = (size_t)check->header->original_size;
    uint8_t *original = malloc(size);
    ASSERT(original != NULL && size <= FRAME_ORIGINAL_BYTES);
    check->is_right = decode(check->slot, check->header, check->payload, original, check->error) &&
                      crc32c_update(0, span_of(original, size)) == check->header->crc32c;
    free(original);
}

SUSPENDS bool check_packed(struct object_codecs *codecs, const struct frame_header *header, struct span payload,
                           struct error *error)
{
    struct decode_slot *slot = slot_take(codecs, codecs->decode_slots, error);
    if (slot == NULL)
        return false;
    struct check check = {slot, header, payload, error, false};
    bool has_run = codecs_compute(codecs, decode_and_compare, &check, error);
    decode_slot_give(codecs->decode_slots, slot);
    return has_run && (check.is_right ||
                       error_set(error, ERROR_IO, S3_InternalError,
                                 "A frame that was packed anew cannot be read again: the object stays as it is."));
}
