/* tests/unit/codec/seal_judge.c -- seals a file for a reader that was written by the format's description alone.
 *
 * `seal_judge KEY ID NAME PART FRAME [CUSTOMER] < ORIGINAL`: the key, its id and the name's hash as hex, the number of
 * the part, how many original bytes a frame holds, and a customer's key, if all is to be under one. Writes the sizes of
 * the seals of upload and part and of the record as one line, these three, then the body, whose frames hold their bytes
 * as they are. What came in one piece has the first two as well, as those of part 1. */
#include "codec/format/crc.h"
#include "codec/seal/seal_record.h"
#include "codec/seal/sealed_frame.h"
#include "codec/seal/upload_seal.h"
#include "runtime/base/assert.h"
#include "runtime/base/hex.h"
#include "runtime/base/random.h"

#include <stdio.h>
#include <stdlib.h>

enum { ORIGINAL_BYTES_MAX = 1 << 20, CHECKSUM_BYTES = 20 };

static void draw(void *ret_bytes, size_t size)
{
    random_fill(random_system(), ret_bytes, size);
}

/* What everything is sealed with. */
struct judged {
    struct aes *aes;
    struct seal_keys keys;
    uint8_t name[SEAL_NAME_BYTES];
    unsigned part;
    enum seal_mode mode;
    uint8_t customer_key[AES_KEY_BYTES]; /* of SEAL_CUSTOMER; so is the next */
    uint8_t attribute_key[AES_KEY_BYTES];
    uint8_t data_key[AES_KEY_BYTES];
    uint8_t salt[XAES_SALT_BYTES];
};

/* What the keyring's key wraps. */
static const uint8_t *key_within(const struct judged *judged)
{
    return judged->mode == SEAL_CUSTOMER ? judged->attribute_key : judged->data_key;
}

static void wrap_for_customer(const struct judged *judged, uint64_t size, uint8_t ret_wrap[CUSTOMER_WRAP_BYTES])
{
    uint8_t nonce[XAES_NONCE_BYTES];
    draw(nonce, sizeof nonce);
    if (judged->mode == SEAL_CUSTOMER)
        customer_wrap_make(judged->aes, judged->customer_key, judged->name, size, nonce, judged->data_key, ret_wrap);
}

static void write_seals(const struct judged *judged, struct span original)
{
    const struct seal_hashes hashes = {.md5 = "sixteen bytes...",
                                       .crc32c = crc32c_update(0, original),
                                       .checksum_algorithm = 3,
                                       .checksum_size = CHECKSUM_BYTES,
                                       .checksum = "twenty bytes of sum."};
    struct upload_seal seal = {.mode = judged->part > 0 ? judged->mode : SEAL_PLAIN};
    uint8_t upload[UPLOAD_SEAL_BYTES_MAX];
    uint8_t bytes[PART_SEAL_BYTES_MAX];
    uint8_t nonce[XAES_NONCE_BYTES];
    draw(nonce, sizeof nonce);
    memcpy(seal.key, key_within(judged), sizeof seal.key);
    wrap_for_customer(judged, CUSTOMER_SIZE_UNKNOWN, seal.customer);
    size_t upload_size = upload_seal_make(judged->aes, &judged->keys, judged->name, &seal, nonce, upload);
    size_t size = part_seal_make(judged->aes, key_within(judged), judged->salt, judged->part > 0 ? judged->part : 1,
                                 original.size, &hashes, bytes);
    printf("%zu %zu %d\n", upload_size, size,
           SEAL_FIXED_BYTES + CHECKSUM_BYTES + SEAL_WRAPPED_BYTES +
               (judged->mode == SEAL_CUSTOMER ? CUSTOMER_WRAP_BYTES : 0));
    fwrite(upload, upload_size, 1, stdout);
    fwrite(bytes, size, 1, stdout);
}

static void write_record(const struct judged *judged, struct span original)
{
    struct seal_record record = {
        .mode = judged->mode,
        .hashes = {.has_crc32c = true,
                   .crc32c = crc32c_update(0, original),
                   .checksum_algorithm = 3,
                   .checksum_size = CHECKSUM_BYTES,
                   .checksum = "twenty bytes of sum."},
    };
    uint8_t bytes[SEAL_RECORD_BYTES_MAX];
    uint8_t nonce[XAES_NONCE_BYTES];
    memcpy(record.name, judged->name, sizeof record.name);
    memcpy(record.key_id, judged->keys.id, sizeof record.key_id);
    draw(record.nonce, sizeof record.nonce);
    draw(nonce, sizeof nonce);
    wrap_for_customer(judged, original.size, record.customer);
    seal_mask(judged->aes, &judged->keys, record.nonce, &record.hashes);
    seal_wrap(&record, judged->aes, &judged->keys, nonce, original.size, key_within(judged));
    fwrite(bytes, seal_record_encode(&record, bytes), 1, stdout);
}

static void write_body(const struct judged *judged, size_t frame_size, struct span original)
{
    struct sealing sealing;
    uint8_t *room = malloc(SEALED_HEAD_BYTES + frame_size + SEALED_TAIL_BYTES);
    ASSERT(room != NULL);
    sealing_begin(&sealing, judged->aes, judged->data_key, judged->salt, judged->part);
    while (original.size > 0) {
        struct span frame = span_take(original, frame_size);
        const struct frame_header inner = {
            .kind = FRAME_DATA,
            .codec = CODEC_PASSTHROUGH,
            .original_size = frame.size,
            .payload_size = frame.size,
            .crc32c = crc32c_update(0, frame),
        };
        original = span_skip(original, frame.size);
        memcpy(room + SEALED_HEAD_BYTES, frame.data, frame.size);
        struct span sealed = sealing_next(&sealing, judged->aes, &inner, original.size == 0, room + SEALED_HEAD_BYTES);
        fwrite(sealed.data, sealed.size, 1, stdout);
    }
    sealing_end(&sealing);
    free(room);
}

int main(int argc, char **argv)
{
    static uint8_t original[ORIGINAL_BYTES_MAX];
    uint8_t key[AES_KEY_BYTES];
    uint8_t id[SEAL_KEY_ID_BYTES];
    struct judged judged = {.aes = aes_create(), .mode = argc == 7 ? SEAL_CUSTOMER : SEAL_KEYRING};
    ASSERT((argc == 6 || argc == 7) && judged.aes != NULL);
    judged.part = (unsigned)strtoul(argv[4], NULL, 10);
    ASSERT(hex_decode(span_from_string(argv[1]), key, sizeof key) &&
           hex_decode(span_from_string(argv[2]), id, sizeof id) &&
           hex_decode(span_from_string(argv[3]), judged.name, sizeof judged.name) &&
           (argc == 6 || hex_decode(span_from_string(argv[6]), judged.customer_key, sizeof judged.customer_key)));
    struct span whole = span_of(original, fread(original, 1, sizeof original, stdin));
    draw(judged.data_key, sizeof judged.data_key);
    draw(judged.attribute_key, sizeof judged.attribute_key);
    draw(judged.salt, sizeof judged.salt);
    seal_keys_derive(judged.aes, id, key, &judged.keys);
    write_seals(&judged, whole);
    write_record(&judged, whole);
    write_body(&judged, strtoul(argv[5], NULL, 10), whole);
    aes_destroy(judged.aes);
    return 0;
}
