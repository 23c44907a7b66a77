/* server/object/sealed_body.c -- frames of an encrypted object, opened in their places. */
#include "server/object/sealed_body.h"

#include "server/keys/object_seal.h"

bool sealed_body_begin(struct sealed_body *body, const struct object_codecs *codecs, const struct object_name *name,
                       const struct object_attributes *attributes, struct error *error)
{
    uint8_t data_key[AES_KEY_BYTES];
    if (attributes->seal.size == 0)
        return true;
    if (!object_seal_open(codecs->settings.keyring, name, attributes, data_key, error))
        return false;
    body->is_sealed = true;
    body->keyring = codecs->settings.keyring;
    body->original_size = attributes->original_size;
    unsealing_begin(&body->unsealing, data_key);
    explicit_bzero(data_key, sizeof data_key);
    return true;
}

void sealed_body_end(struct sealed_body *body)
{
    if (body->is_sealed)
        unsealing_end(&body->unsealing);
}

bool sealed_body_check(const struct sealed_body *body, const struct frame_header *header, struct error *error)
{
    bool is_sealed = header->codec == CODEC_SEALED;
    if (is_sealed != body->is_sealed)
        return error_set(error, ERROR_DAMAGED, NULL,
                         is_sealed ? "A frame is sealed, in an object that is not encrypted."
                                   : "A frame is not sealed, in an object that is encrypted.");
    if (is_sealed && (header->original_size > FRAME_ORIGINAL_BYTES ||
                      header->payload_size > header->original_size + SEALED_PAYLOAD_BYTES))
        return error_set(error, ERROR_DAMAGED, NULL, "A sealed frame is larger than any.");
    return true;
}

bool sealed_body_open(struct sealed_body *body, const struct frame_header *header, uint64_t original_offset,
                      uint8_t *payload, struct frame_header *ret_inner, struct span *ret_payload, struct error *error)
{
    const struct sealed_place place = {
        .offset = original_offset,
        .is_last = original_offset + header->original_size == body->original_size,
    };
    struct aes *aes = keyring_take_aes(body->keyring);
    bool opened = unsealing_next(&body->unsealing, aes, header, &place, payload, ret_inner, ret_payload, error);
    keyring_give_aes(body->keyring, aes);
    return opened;
}
