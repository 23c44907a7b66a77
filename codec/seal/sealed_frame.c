/* codec/seal/sealed_frame.c -- frames are sealed and opened where they lie. */
#include "codec/seal/sealed_frame.h"

#include "codec/format/crc.h"
#include "runtime/base/assert.h"
#include "runtime/base/byteorder.h"

#include <inttypes.h>

enum {
    ASSOCIATED_BYTES = FRAME_HEADER_BYTES - 4, /* all but the CRC, which is of what is sealed */
    KIND_FRAME = 'F',
    FLAG_LAST = 1,
    AT_KIND = XAES_SALT_BYTES, /* in a nonce */
    AT_FLAGS = AT_KIND + 1,
    AT_PART = AT_FLAGS + 1,
    AT_OFFSET = AT_PART + 2,
    AT_INNER_CODEC = 0,
    AT_INNER_CRC32C = 4,
};
_Static_assert((int)AT_OFFSET + 8 == (int)XAES_NONCE_BYTES, "a place fills the nonce");

static void encode_nonce(const uint8_t salt[XAES_SALT_BYTES], const struct sealed_place *place,
                         uint8_t ret_nonce[XAES_NONCE_BYTES])
{
    memcpy(ret_nonce, salt, XAES_SALT_BYTES);
    ret_nonce[AT_KIND] = KIND_FRAME;
    ret_nonce[AT_FLAGS] = place->is_last ? FLAG_LAST : 0;
    ret_nonce[AT_PART] = (uint8_t)(place->part >> 8);
    ret_nonce[AT_PART + 1] = (uint8_t)place->part;
    store_u64_be(ret_nonce + AT_OFFSET, place->offset);
}

void sealing_begin(struct sealing *sealing, struct aes *aes, const uint8_t data_key[AES_KEY_BYTES],
                   const uint8_t salt[XAES_SALT_BYTES], unsigned part)
{
    ASSERT(part <= UINT16_MAX);
    *sealing = (struct sealing){.part = part};
    memcpy(sealing->salt, salt, XAES_SALT_BYTES);
    xaes_derive(aes, data_key, salt, sealing->key);
}

void sealing_end(struct sealing *sealing)
{
    explicit_bzero(sealing, sizeof *sealing);
}

struct span sealing_next(struct sealing *sealing, struct aes *aes, const struct frame_header *inner, bool is_last,
                         uint8_t *payload)
{
    /* The offset grows with each frame, or two would have one nonce. */
    ASSERT(!sealing->is_over && inner->original_size > 0 && inner->original_size <= SEALED_ORIGINAL_BYTES_MAX);
    ASSERT(sealing->offset <= SEALED_SEGMENT_BYTES_MAX - inner->original_size && inner->codec != CODEC_SEALED);
    size_t payload_size = (size_t)inner->payload_size;
    uint8_t *header = payload - SEALED_HEAD_BYTES;
    uint8_t *nonce = header + FRAME_HEADER_BYTES;
    uint8_t *message = nonce + XAES_NONCE_BYTES;
    const struct sealed_place place = {.part = sealing->part, .offset = sealing->offset, .is_last = is_last};
    struct frame_header outer = {
        .kind = FRAME_DATA,
        .codec = CODEC_SEALED,
        .original_size = inner->original_size,
        .payload_size = payload_size + SEALED_PAYLOAD_BYTES,
    };
    frame_header_encode(&outer, header);
    encode_nonce(sealing->salt, &place, nonce);
    store_u32_le(message + AT_INNER_CODEC, inner->codec);
    store_u32_le(message + AT_INNER_CRC32C, inner->crc32c);
    aes_gcm_set_key(aes, sealing->key);
    aes_gcm_seal(aes, nonce + XAES_SALT_BYTES, span_of(header, ASSOCIATED_BYTES),
                 span_of(message, SEALED_INNER_BYTES + payload_size), message, payload + payload_size);
    outer.crc32c = crc32c_update(0, span_of(nonce, (size_t)outer.payload_size));
    frame_header_encode(&outer, header);
    sealing->offset += inner->original_size;
    sealing->is_over = is_last;
    return span_of(header, FRAME_HEADER_BYTES + (size_t)outer.payload_size);
}

void unsealing_begin(struct unsealing *unsealing, const uint8_t data_key[AES_KEY_BYTES])
{
    *unsealing = (struct unsealing){.has_salt = false};
    memcpy(unsealing->data_key, data_key, AES_KEY_BYTES);
}

void unsealing_end(struct unsealing *unsealing)
{
    explicit_bzero(unsealing, sizeof *unsealing);
}

bool sealed_frame_salt(struct span payload, uint8_t ret_salt[XAES_SALT_BYTES])
{
    if (payload.size < SEALED_PAYLOAD_BYTES)
        return false;
    memcpy(ret_salt, payload.data, XAES_SALT_BYTES);
    return true;
}

bool sealed_frame_is_whole(const struct frame_header *header, struct span payload)
{
    return payload.size >= SEALED_PAYLOAD_BYTES && crc32c_update(0, payload) == header->crc32c;
}

static void take_segment(struct unsealing *unsealing, struct aes *aes, const uint8_t salt[XAES_SALT_BYTES])
{
    if (unsealing->has_salt && memcmp(unsealing->salt, salt, XAES_SALT_BYTES) == 0)
        return;
    xaes_derive(aes, unsealing->data_key, salt, unsealing->key);
    memcpy(unsealing->salt, salt, XAES_SALT_BYTES);
    unsealing->has_salt = true;
}

bool unsealing_next(struct unsealing *unsealing, struct aes *aes, const struct frame_header *header,
                    const struct sealed_place *place, uint8_t *payload, struct frame_header *ret_inner,
                    struct span *ret_payload, struct error *error)
{
    uint8_t nonce[XAES_NONCE_BYTES];
    uint8_t outer[FRAME_HEADER_BYTES];
    if (header->codec != CODEC_SEALED || header->payload_size < SEALED_PAYLOAD_BYTES || header->original_size == 0 ||
        header->original_size > SEALED_ORIGINAL_BYTES_MAX)
        return error_set(error, ERROR_DAMAGED, NULL, "A frame of an encrypted object is no sealed frame.");
    const struct sealed_place said = {
        .part = place->part,
        .offset = place->offset,
        .is_last = place->is_last && payload[AT_FLAGS] == FLAG_LAST,
    };
    encode_nonce(payload, &said, nonce);
    if (memcmp(payload, nonce, sizeof nonce) != 0)
        return error_set(error, ERROR_DAMAGED, NULL,
                         "A sealed frame is not in its place: another belongs at byte %" PRIu64 " of part %u.",
                         place->offset, place->part);
    take_segment(unsealing, aes, payload);
    aes_gcm_set_key(aes, unsealing->key);
    frame_header_encode(header, outer);
    uint8_t *inner = payload + XAES_NONCE_BYTES;
    size_t sealed_size = (size_t)header->payload_size - XAES_NONCE_BYTES - GCM_TAG_BYTES;
    if (!aes_gcm_open(aes, nonce + XAES_SALT_BYTES, span_of(outer, ASSOCIATED_BYTES), span_of(inner, sealed_size),
                      inner + sealed_size, inner))
        return error_set(error, ERROR_DAMAGED, NULL, "A sealed frame does not open: it was changed, or is another's.");
    *ret_inner = (struct frame_header){
        .kind = FRAME_DATA,
        .codec = load_u32_le(inner + AT_INNER_CODEC),
        .original_size = header->original_size,
        .payload_size = sealed_size - SEALED_INNER_BYTES,
        .crc32c = load_u32_le(inner + AT_INNER_CRC32C),
        .header_size = header->header_size,
    };
    *ret_payload = span_of(inner + SEALED_INNER_BYTES, (size_t)ret_inner->payload_size);
    return true;
}
