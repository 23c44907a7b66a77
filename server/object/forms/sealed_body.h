/* server/object/forms/sealed_body.h -- the frames of an encrypted object on their way out: which they must be, and
 * opened (codec/seal/sealed_frame.h). */
#pragma once

#include "server/object/codecs_private.h"
#include "server/object/forms/sealed_parts.h"

struct sealed_body {
    bool is_sealed;    /* every frame is, and no other is believed; false: none is */
    bool is_customers; /* under a key from outside of the keyring */
    struct keyring *keyring;
    struct unsealing unsealing;
    uint64_t original_size;
    struct sealed_parts parts; /* of one that was completed from some */
};

/* Opens the object's seal, if it has one; refused as object_seal_open and sealed_parts_load do. `body` is zeroed, and
 * ended in any case. `proof`: as object_reader_begin_proved has it. */
SUSPENDS bool sealed_body_begin(struct sealed_body *body, const struct object_codecs *codecs,
                                const struct object_name *name, const struct customer_key *customer,
                                const struct object_secret *proof, struct bucket_object *object, struct error *error);
void sealed_body_end(struct sealed_body *body);
/* ERROR_DAMAGED: such a frame is not of this body, or does not fit into a decode slot. Before anything is taken for it.
 */
bool sealed_body_check(const struct sealed_body *body, const struct frame_header *header, struct error *error);
/* Opens the frame at byte original_offset of the original, whose payload lies at `payload` and may be written over. As
 * unsealing_next. */
bool sealed_body_open(struct sealed_body *body, const struct frame_header *header, uint64_t original_offset,
                      uint8_t *payload, struct frame_header *ret_inner, struct span *ret_payload, struct error *error);
