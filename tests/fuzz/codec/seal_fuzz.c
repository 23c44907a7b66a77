/* tests/fuzz/codec/seal_fuzz.c -- any bytes as a record, as the seal of an upload or of a part, as a body of sealed
 * frames, as an envelope of S4.
 *
 * The first byte says which. What is decoded must encode to the same bytes; what claims to be large must lie inside. */
#include "codec/seal/s4_envelope.h"
#include "codec/seal/seal_record.h"
#include "codec/seal/sealed_frame.h"
#include "codec/seal/upload_seal.h"
#include "runtime/base/assert.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const uint8_t key[AES_KEY_BYTES] = {1};

/* What a list is shown of it is what it says. */
static void compare_excerpt(struct aes *aes, const struct seal_keys *keys, const struct seal_record *record,
                            struct seal_excerpt excerpt)
{
    const struct seal_hashes *hashes = &record->hashes;
    uint8_t md5[1][SEAL_MD5_BYTES];
    ASSERT(memcmp(seal_excerpt_key_id(excerpt), record->key_id, SEAL_KEY_ID_BYTES) == 0);
    ASSERT(seal_excerpt_has_md5(excerpt) == hashes->has_md5 &&
           seal_excerpt_parts_count(excerpt) == record->parts_count);
    ASSERT(seal_excerpt_checksum_algorithm(excerpt) == hashes->checksum_algorithm &&
           seal_excerpt_checksum_type(excerpt) == hashes->checksum_type &&
           seal_excerpt_checksum_size(excerpt) == hashes->checksum_size);
    seal_unmask_md5s(aes, keys, &excerpt, 1, md5);
    ASSERT(!hashes->has_md5 || memcmp(md5[0], hashes->md5, SEAL_MD5_BYTES) == 0);
}

static void try_record(struct aes *aes, struct span input)
{
    struct seal_record record;
    struct seal_excerpt excerpt;
    struct seal_keys keys;
    struct error error;
    uint8_t bytes[SEAL_RECORD_BYTES_MAX];
    uint8_t data_key[AES_KEY_BYTES];
    bool is_record = seal_record_decode(input, &record, &error);
    ASSERT(seal_record_excerpt(input, &excerpt, &error) == is_record);
    if (!is_record)
        return;
    ASSERT(seal_record_encode(&record, bytes) == input.size && memcmp(bytes, input.data, input.size) == 0);
    seal_keys_derive(aes, record.key_id, key, &keys);
    ASSERT(!seal_unwrap(&record, aes, &keys, 5, data_key, &error));
    ASSERT(!seal_mode_has_attribute_key(record.mode) ||
           (!customer_wrap_is_of(aes, key, record.name, record.customer) &&
            !customer_wrap_open(aes, key, record.name, 5, record.customer, data_key, &error)));
    seal_mask(aes, &keys, record.nonce, &record.hashes);
    compare_excerpt(aes, &keys, &record, excerpt);
}

static void try_upload(struct aes *aes, struct span input)
{
    static const uint8_t name[SEAL_NAME_BYTES] = {0};
    struct seal_keys keys;
    struct error error;
    uint8_t id[SEAL_KEY_ID_BYTES];
    struct upload_seal seal;
    if (!upload_seal_key_id(input, id, &error))
        return;
    seal_keys_derive(aes, id, key, &keys);
    ASSERT(!upload_seal_open(aes, &keys, name, input, &seal, &error));
}

static void try_part(struct aes *aes, struct span input)
{
    struct seal_hashes hashes;
    struct error error;
    ASSERT(!part_seal_open(aes, key, input, 1, 5 << 20, &hashes, &error));
}

static void try_frames(struct aes *aes, struct span input)
{
    struct unsealing unsealing;
    struct frame_header header;
    struct frame_header inner;
    struct error error;
    struct span payload;
    uint8_t *bytes = malloc(input.size + 1);
    memcpy(bytes, input.data, input.size);
    struct span left = span_of(bytes, input.size);
    struct sealed_place place = {0};
    unsealing_begin(&unsealing, key);
    while (frame_header_decode(left, left.size, &header, &error)) {
        uint8_t *at = bytes + (input.size - left.size) + header.header_size;
        place.is_last = left.size == header.header_size + header.payload_size;
        if (header.kind == FRAME_DATA && unsealing_next(&unsealing, aes, &header, &place, at, &inner, &payload, &error))
            ASSERT(payload.size + SEALED_PAYLOAD_BYTES == header.payload_size);
        place.offset += header.kind == FRAME_DATA ? header.original_size : 0;
        left = span_skip(left, header.header_size + (size_t)header.payload_size);
    }
    unsealing_end(&unsealing);
    free(bytes);
}

/* A chunk at once, in pieces, and from anywhere: the same. */
static void try_chunk(struct aes *aes, const struct s4_envelope *envelope, uint32_t number, struct span stored,
                      uint8_t *plain)
{
    struct span sealed = span_skip(stored, GCM_TAG_BYTES);
    uint8_t *pieces = malloc(sealed.size + 1);
    bool opened = s4_envelope_open(envelope, aes, key, number, stored, plain);
    s4_envelope_open_begin(envelope, aes, key, number);
    for (size_t at = 0; at < sealed.size; at += 100)
        aes_gcm_open_piece(aes, span_take(span_skip(sealed, at), 100), pieces + at);
    ASSERT(aes_gcm_open_end(aes, stored.data) == opened && memcmp(pieces, plain, sealed.size) == 0);
    size_t from = sealed.size / 2 / AES_BLOCK_BYTES * AES_BLOCK_BYTES;
    s4_envelope_decrypt_at(envelope, aes, key, number, from, span_skip(sealed, from), pieces);
    ASSERT(memcmp(pieces, plain + from, sealed.size - from) == 0);
    free(pieces);
}

static void try_envelope(struct aes *aes, struct span input)
{
    struct s4_envelope envelope;
    struct error error;
    uint8_t data_key[AES_KEY_BYTES];
    if (!s4_envelope_parse(span_take(input, S4_ENVELOPE_HEAD_BYTES_MAX), input.size, &envelope, &error))
        return;
    ASSERT(envelope.plain_size < input.size && envelope.head_size + GCM_TAG_BYTES <= input.size);
    (void)s4_envelope_unwrap(&envelope, aes, key, data_key);
    uint8_t *plain = malloc(input.size);
    uint64_t opened = 0;
    for (uint32_t i = 0; i < envelope.chunks_count; i++) {
        struct s4_chunk chunk = s4_envelope_chunk(&envelope, i);
        ASSERT(chunk.number == i && chunk.plain_offset == opened);
        ASSERT(chunk.stored_offset + GCM_TAG_BYTES + chunk.plain_size <= input.size);
        try_chunk(aes, &envelope, i, span_of(input.data + chunk.stored_offset, GCM_TAG_BYTES + chunk.plain_size),
                  plain);
        opened += chunk.plain_size;
    }
    ASSERT(opened == envelope.plain_size);
    free(plain);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct aes *aes;
    if (aes == NULL)
        aes = aes_create();
    if (size == 0)
        return 0;
    struct span input = span_of(data + 1, size - 1);
    switch (data[0]) {
    case 'r':
        try_record(aes, input);
        break;
    case 'f':
        try_frames(aes, input);
        break;
    case 'u':
        try_upload(aes, input);
        break;
    case 'p':
        try_part(aes, input);
        break;
    default:
        try_envelope(aes, input);
        break;
    }
    return 0;
}
