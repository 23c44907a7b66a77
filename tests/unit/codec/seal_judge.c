/* tests/unit/codec/seal_judge.c -- seals a file for a reader that was written by the format's description alone.
 *
 * `seal_judge KEY ID NAME PART FRAME < ORIGINAL`: the key, its id and the name's hash as hex, the number of the part,
 * how many original bytes a frame holds. Writes the sizes of the seals of upload and part and of the record as one
 * line, these three, then the body, whose frames hold their bytes as they are. What came in one piece has the first two
 * as well, as those of part 1. */
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

static void write_seals(struct aes *aes, const struct seal_keys *keys, const uint8_t *data_key, const uint8_t *salt,
                        const char *name, unsigned part, struct span original)
{
    const struct seal_hashes hashes = {.md5 = "sixteen bytes...",
                                       .crc32c = crc32c_update(0, original),
                                       .checksum_algorithm = 3,
                                       .checksum_size = CHECKSUM_BYTES,
                                       .checksum = "twenty bytes of sum."};
    uint8_t upload[UPLOAD_SEAL_BYTES];
    uint8_t bytes[PART_SEAL_BYTES_MAX];
    uint8_t nonce[XAES_NONCE_BYTES];
    uint8_t name_hash[SEAL_NAME_BYTES];
    ASSERT(hex_decode(span_from_string(name), name_hash, sizeof name_hash));
    draw(nonce, sizeof nonce);
    upload_seal_make(aes, keys, name_hash, part > 0, nonce, data_key, upload);
    size_t size = part_seal_make(aes, data_key, salt, part > 0 ? part : 1, original.size, &hashes, bytes);
    printf("%zu %zu %d\n", sizeof upload, size, SEAL_FIXED_BYTES + CHECKSUM_BYTES + SEAL_WRAPPED_BYTES);
    fwrite(upload, sizeof upload, 1, stdout);
    fwrite(bytes, size, 1, stdout);
}

static void write_record(struct aes *aes, const struct seal_keys *keys, const uint8_t *data_key, const char *name,
                         struct span original)
{
    struct seal_record record = {
        .hashes = {.has_crc32c = true,
                   .crc32c = crc32c_update(0, original),
                   .checksum_algorithm = 3,
                   .checksum_size = CHECKSUM_BYTES,
                   .checksum = "twenty bytes of sum."},
    };
    uint8_t bytes[SEAL_RECORD_BYTES_MAX];
    uint8_t nonce[XAES_NONCE_BYTES];
    ASSERT(hex_decode(span_from_string(name), record.name, sizeof record.name));
    memcpy(record.key_id, keys->id, sizeof record.key_id);
    draw(record.nonce, sizeof record.nonce);
    draw(nonce, sizeof nonce);
    seal_mask(aes, keys, record.nonce, &record.hashes);
    seal_wrap(&record, aes, keys, nonce, original.size, data_key);
    fwrite(bytes, seal_record_encode(&record, bytes), 1, stdout);
}

static void write_body(struct aes *aes, const uint8_t *data_key, const uint8_t *salt, unsigned part, size_t frame_size,
                       struct span original)
{
    struct sealing sealing;
    uint8_t *room = malloc(SEALED_HEAD_BYTES + frame_size + SEALED_TAIL_BYTES);
    ASSERT(room != NULL);
    sealing_begin(&sealing, aes, data_key, salt, part);
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
        struct span sealed = sealing_next(&sealing, aes, &inner, original.size == 0, room + SEALED_HEAD_BYTES);
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
    uint8_t data_key[AES_KEY_BYTES];
    uint8_t salt[XAES_SALT_BYTES];
    struct seal_keys keys;
    ASSERT(argc == 6);
    unsigned part = (unsigned)strtoul(argv[4], NULL, 10);
    ASSERT(hex_decode(span_from_string(argv[1]), key, sizeof key) &&
           hex_decode(span_from_string(argv[2]), id, sizeof id));
    struct span whole = span_of(original, fread(original, 1, sizeof original, stdin));
    struct aes *aes = aes_create();
    ASSERT(aes != NULL);
    draw(data_key, sizeof data_key);
    seal_keys_derive(aes, id, key, &keys);
    draw(salt, sizeof salt);
    write_seals(aes, &keys, data_key, salt, argv[3], part, whole);
    write_record(aes, &keys, data_key, argv[3], whole);
    write_body(aes, data_key, salt, part, strtoul(argv[5], NULL, 10), whole);
    aes_destroy(aes);
    return 0;
}
