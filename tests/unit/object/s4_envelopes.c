/* tests/unit/object/s4_envelopes.c -- heads, messages and chunks, written from the format. */
#include "tests/unit/object/s4_envelopes.h"

#include "codec/format/crc.h"
#include "codec/format/frame.h"
#include "codec/seal/s4_envelope.h"
#include "runtime/base/byteorder.h"

#include <stdlib.h>

const uint8_t s4_data_key[AES_KEY_BYTES] = {0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0x09, 0x0a,
                                            0x0b, 0x0c, 0x0d, 0x0e, 0x0f, 0x10, 0x11, 0x12, 0x13, 0x14, 0x15,
                                            0x16, 0x17, 0x18, 0x19, 0x1a, 0x1b, 0x1c, 0x1d, 0x1e, 0x1f};
static const uint8_t s4_wrapping_key[AES_KEY_BYTES] = {0x40, 0x41, 0x42, 0x43, 0x44, 0x45, 0x46, 0x47, 0x48, 0x49, 0x4a,
                                                       0x4b, 0x4c, 0x4d, 0x4e, 0x4f, 0x50, 0x51, 0x52, 0x53, 0x54, 0x55,
                                                       0x56, 0x57, 0x58, 0x59, 0x5a, 0x5b, 0x5c, 0x5d, 0x5e, 0x5f};

static void append_head(struct buffer *head, int kind, struct aes *aes)
{
    static const uint8_t md5[] = {0xb4, 0xff, 0xcb, 0x23, 0x73, 0x7c, 0xec, 0x31,
                                  0x5a, 0x4a, 0x4d, 0x1a, 0xa2, 0xa6, 0x20, 0xce};
    uint8_t wrapped[S4_WRAPPED_KEY_BYTES] = {1, 2, 3};
    buffer_append(head, SPAN("S4E"));
    buffer_append(head, span_of(&(uint8_t){(uint8_t)('0' + kind)}, 1));
    buffer_append(head, SPAN("\1"));
    if (kind == 3) {
        buffer_append(head, span_of(md5, sizeof md5));
    } else if (kind == 4) {
        aes_gcm_set_key(aes, s4_wrapping_key);
        aes_gcm_seal(aes, wrapped, SPAN("alpha"), span_of(s4_data_key, AES_KEY_BYTES), wrapped + GCM_NONCE_BYTES,
                     wrapped + GCM_NONCE_BYTES + AES_KEY_BYTES);
        buffer_append(head, SPAN("\5alpha\0\0\0\x3c"));
        buffer_append(head, span_of(wrapped, sizeof wrapped));
    } else {
        buffer_append(head, kind == 1 ? SPAN("\0\0\0") : SPAN("\0\1\0")); /* 1 is no key's id here */
    }
}

size_t s4_encrypt(int kind, uint8_t nonce_byte, struct span plain, struct buffer *ret_body)
{
    struct aes *aes = aes_create();
    uint8_t nonce[GCM_NONCE_BYTES] = {nonce_byte};
    uint8_t tag[GCM_TAG_BYTES];
    uint8_t *sealed = malloc(plain.size + 1);
    append_head(ret_body, kind, aes);
    aes_gcm_set_key(aes, s4_data_key);
    aes_gcm_seal(aes, nonce, buffer_span(ret_body), plain, sealed, tag);
    buffer_append(ret_body, span_of(nonce, sizeof nonce));
    buffer_append(ret_body, span_of(tag, sizeof tag));
    size_t at = ret_body->size;
    buffer_append(ret_body, span_of(sealed, plain.size));
    free(sealed);
    aes_destroy(aes);
    return at;
}

size_t s4_encrypt_chunks(int kind, uint8_t salt_byte, uint32_t chunk_size, struct span plain, struct buffer *ret_body)
{
    struct aes *aes = aes_create();
    uint8_t head[24] = {'S', '4', 'E', (uint8_t)('0' + kind), 1, 0, 1, 0};
    size_t salt_size = kind == 5 ? 4 : 8;
    uint32_t count = (uint32_t)((plain.size + chunk_size - 1) / chunk_size);
    size_t at = 0;
    store_u32_be(head + 8, chunk_size);
    store_u32_be(head + 12, count);
    head[16] = salt_byte;
    buffer_append(ret_body, span_of(head, 16 + salt_size));
    aes_gcm_set_key(aes, s4_data_key);
    for (uint32_t number = 0; number < count; number++, plain = span_skip(plain, chunk_size)) {
        uint8_t nonce[GCM_NONCE_BYTES] = {'E', '5'};
        uint8_t beside[23] = {'S', '4', 'E', head[3], 1};
        uint8_t tag[GCM_TAG_BYTES];
        struct span chunk = span_take(plain, chunk_size);
        uint8_t *sealed = malloc(chunk.size);
        store_u32_be(nonce + 8, number); /* below 2^24: S4E6's salt ends where its number begins */
        memcpy(nonce + (kind == 5 ? 4 : 1), head + 16, salt_size);
        store_u32_be(beside + 5, number);
        store_u32_be(beside + 9, count);
        memcpy(beside + 13, head + 5, 2);
        memcpy(beside + 15, head + 16, salt_size);
        aes_gcm_seal(aes, nonce, span_of(beside, 15 + salt_size), chunk, sealed, tag);
        buffer_append(ret_body, span_of(tag, sizeof tag));
        at = ret_body->size;
        buffer_append(ret_body, span_of(sealed, chunk.size));
        free(sealed);
    }
    aes_destroy(aes);
    return at;
}

void s4_append_frames(struct buffer *body, struct span original, size_t frame_bytes)
{
    while (original.size > 0) {
        struct span piece = span_take(original, frame_bytes);
        uint8_t header[FRAME_HEADER_BYTES];
        frame_header_encode(&(struct frame_header){.original_size = piece.size,
                                                   .payload_size = piece.size,
                                                   .crc32c = crc32c_update(0, piece)},
                            header);
        buffer_append(body, span_of(header, sizeof header));
        buffer_append(body, piece);
        original = span_skip(original, piece.size);
    }
}
