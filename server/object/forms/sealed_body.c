/* server/object/forms/sealed_body.c -- frames of an encrypted object, opened in their places. */
#include "server/object/forms/sealed_body.h"

#include "s3client/wire/s3_error.h"
#include "server/keys/object_seal.h"

/* What was decoded before is not opened again. */
SUSPENDS bool sealed_body_begin(struct sealed_body *body, const struct object_codecs *codecs,
                                const struct object_name *name, const struct customer_key *customer,
                                const struct object_secret *proof, struct bucket_object *object, struct error *error)
{
    const struct object_attributes *attributes = &object->attributes;
    struct object_secret secret;
    if (attributes->seal.size == 0)
        return true;
    if (proof != NULL && proof->has_data_key)
        secret = *proof;
    else if (!object_seal_open(codecs->settings.keyring, name, customer, attributes, &secret, error))
        return false;
    bool begun = secret.has_data_key
                     ? object->recalled != NULL || sealed_parts_load(object, &secret, &body->parts, error)
                     : error_set(error, ERROR_UNSUPPORTED, S3_InternalError,
                                 "A key service's key opens the object, and none is asked here.");
    if (begun) {
        body->is_sealed = true;
        body->is_customers = seal_mode_has_attribute_key(secret.mode);
        body->keyring = codecs->settings.keyring;
        body->original_size = attributes->original_size;
        unsealing_begin(&body->unsealing, secret.data_key);
    }
    explicit_bzero(&secret, sizeof secret);
    return begun;
}

void sealed_body_end(struct sealed_body *body)
{
    if (!body->is_sealed)
        return;
    unsealing_end(&body->unsealing);
    sealed_parts_free(&body->parts);
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

/* False: no frame of this length is there, or it is of another attempt to send the part. */
static bool find_place(const struct sealed_body *body, const struct frame_header *header, uint64_t offset,
                       const uint8_t *payload, struct sealed_place *ret_place)
{
    uint64_t first = 0;
    uint64_t end = body->original_size;
    unsigned number = 0;
    if (body->parts.count > 0) {
        const struct sealed_part *part = sealed_parts_find(&body->parts, offset, &first);
        if (part == NULL || memcmp(part->salt, payload, XAES_SALT_BYTES) != 0)
            return false;
        end = part->end;
        number = part->number;
    }
    *ret_place = (struct sealed_place){
        .part = number,
        .offset = offset - first,
        .is_last = header->original_size == end - offset,
    };
    return offset <= end && header->original_size <= end - offset;
}

bool sealed_body_open(struct sealed_body *body, const struct frame_header *header, uint64_t original_offset,
                      uint8_t *payload, struct frame_header *ret_inner, struct span *ret_payload, struct error *error)
{
    struct sealed_place place;
    if (header->payload_size < SEALED_PAYLOAD_BYTES || !find_place(body, header, original_offset, payload, &place))
        return error_set(error, ERROR_DAMAGED, NULL, "A sealed frame is not of the part that belongs in its place.");
    struct aes *aes = keyring_take_aes(body->keyring);
    bool opened = unsealing_next(&body->unsealing, aes, header, &place, payload, ret_inner, ret_payload, error);
    if (body->is_customers)
        aes_forget(aes);
    keyring_give_aes(body->keyring, aes);
    return opened;
}
