/* codec/seal/seal_record.c -- records as bytes, masks, wraps. */
#include "codec/seal/seal_record.h"

#include "runtime/base/assert.h"
#include "runtime/base/byteorder.h"

enum {
    VERSION = 1,
    HAS_MD5 = SEAL_HAS_MD5,
    HAS_CRC32C = 1 << 1,
    FLAGS_KNOWN = HAS_MD5 | HAS_CRC32C,

    AT_VERSION = 0,
    AT_MODE = 1,
    AT_FLAGS = SEAL_AT_FLAGS,
    AT_CHECKSUM_ALGORITHM = SEAL_AT_CHECKSUM_ALGORITHM,
    AT_CHECKSUM_TYPE = SEAL_AT_CHECKSUM_TYPE,
    AT_CHECKSUM_SIZE = SEAL_AT_CHECKSUM_SIZE,
    AT_PARTS_COUNT = SEAL_AT_PARTS_COUNT,
    AT_KEY_ID = SEAL_AT_KEY_ID,
    AT_NAME = AT_KEY_ID + SEAL_KEY_ID_BYTES,
    AT_NONCE = AT_NAME + SEAL_NAME_BYTES,
    AT_MAP = AT_NONCE + SEAL_MASK_NONCE_BYTES,
    AT_MD5 = AT_MAP + SEAL_MAP_BYTES,
    AT_CRC32C = AT_MD5 + SEAL_MD5_BYTES,
    AT_ZERO = AT_CRC32C + 4,
    AT_CHECKSUM = AT_ZERO + 4,

    ASSOCIATED_BYTES_MAX =
        1 + SEAL_FIXED_BYTES + SEAL_CHECKSUM_BYTES_MAX + 8 + CUSTOMER_WRAP_BYTES + SEAL_KMS_BYTES_MAX,
};
_Static_assert((int)AT_CHECKSUM == (int)SEAL_FIXED_BYTES, "the fixed part ends before the checksum");
_Static_assert((int)SEAL_MASK_NONCE_BYTES == (int)AES_BLOCK_BYTES && (int)SEAL_MD5_BYTES == (int)AES_BLOCK_BYTES,
               "a nonce is a block, and masks an MD5");

void seal_keys_derive(struct aes *aes, const uint8_t id[SEAL_KEY_ID_BYTES], const uint8_t key[AES_KEY_BYTES],
                      struct seal_keys *ret_keys)
{
    static const uint8_t wrap[XAES_SALT_BYTES + 1] = "bale wrap   ";
    static const uint8_t mask[XAES_SALT_BYTES + 1] = "bale mask   ";
    static const uint8_t upload[XAES_SALT_BYTES + 1] = "bale upload ";
    static const uint8_t kms[XAES_SALT_BYTES + 1] = "bale kms    ";
    memcpy(ret_keys->id, id, SEAL_KEY_ID_BYTES);
    xaes_derive(aes, key, wrap, ret_keys->wrap);
    xaes_derive(aes, key, mask, ret_keys->mask);
    xaes_derive(aes, key, upload, ret_keys->upload);
    xaes_derive(aes, key, kms, ret_keys->kms);
}

/* ---- as bytes ---- */

static const uint8_t mode_letters[] = {
    [SEAL_PLAIN] = 'p', [SEAL_KEYRING] = 's', [SEAL_CUSTOMER] = 'c', [SEAL_KMS] = 'k'};

uint8_t seal_mode_letter(enum seal_mode mode)
{
    return mode_letters[mode];
}

static inline bool mode_of(uint8_t letter, enum seal_mode *ret_mode)
{
    switch (letter) {
    case 'p':
        *ret_mode = SEAL_PLAIN;
        return true;
    case 's':
        *ret_mode = SEAL_KEYRING;
        return true;
    case 'c':
        *ret_mode = SEAL_CUSTOMER;
        return true;
    case 'k':
        *ret_mode = SEAL_KMS;
        return true;
    default:
        return false;
    }
}

bool seal_mode_of(uint8_t letter, enum seal_mode *ret_mode)
{
    return mode_of(letter, ret_mode);
}

static inline bool has_attribute_key(enum seal_mode mode)
{
    return mode == SEAL_CUSTOMER || mode == SEAL_KMS;
}

bool seal_mode_has_attribute_key(enum seal_mode mode)
{
    return has_attribute_key(mode);
}

static inline size_t customer_size(enum seal_mode mode)
{
    return has_attribute_key(mode) ? CUSTOMER_WRAP_BYTES : 0;
}

static inline bool is_kms_size(enum seal_mode mode, size_t size)
{
    return mode == SEAL_KMS ? size > 0 && size <= SEAL_KMS_BYTES_MAX : size == 0;
}

/* What a key outside of the keyring has wrapped, and where that key is from. Returns how many bytes it takes. */
static size_t encode_outside(const struct seal_record *record, uint8_t *bytes)
{
    size_t size = customer_size(record->mode);
    ASSERT(is_kms_size(record->mode, record->kms.size));
    memcpy(bytes, record->customer, size);
    if (record->kms.size > 0)
        memcpy(bytes + size, record->kms.data, record->kms.size);
    return size + record->kms.size;
}

static size_t encode_head(const struct seal_record *record, uint8_t *bytes)
{
    const struct seal_hashes *hashes = &record->hashes;
    ASSERT(record->mode != SEAL_PLAIN && hashes->checksum_size <= SEAL_CHECKSUM_BYTES_MAX);
    bytes[AT_VERSION] = VERSION;
    bytes[AT_MODE] = seal_mode_letter(record->mode);
    bytes[AT_FLAGS] = (uint8_t)((hashes->has_md5 ? HAS_MD5 : 0) | (hashes->has_crc32c ? HAS_CRC32C : 0));
    bytes[AT_CHECKSUM_ALGORITHM] = hashes->checksum_algorithm;
    bytes[AT_CHECKSUM_TYPE] = hashes->checksum_type;
    bytes[AT_CHECKSUM_SIZE] = hashes->checksum_size;
    store_u16_le(bytes + AT_PARTS_COUNT, record->parts_count);
    memcpy(bytes + AT_KEY_ID, record->key_id, SEAL_KEY_ID_BYTES);
    memcpy(bytes + AT_NAME, record->name, SEAL_NAME_BYTES);
    memcpy(bytes + AT_NONCE, record->nonce, SEAL_MASK_NONCE_BYTES);
    memcpy(bytes + AT_MAP, record->map, SEAL_MAP_BYTES);
    memcpy(bytes + AT_MD5, hashes->md5, SEAL_MD5_BYTES);
    store_u32_le(bytes + AT_CRC32C, hashes->crc32c);
    store_u32_le(bytes + AT_ZERO, 0);
    memcpy(bytes + AT_CHECKSUM, hashes->checksum, hashes->checksum_size);
    return (size_t)AT_CHECKSUM + hashes->checksum_size;
}

size_t seal_record_encode(const struct seal_record *record, uint8_t ret_bytes[SEAL_RECORD_BYTES_MAX])
{
    size_t size = encode_head(record, ret_bytes);
    memcpy(ret_bytes + size, record->wrapped, SEAL_WRAPPED_BYTES);
    size += SEAL_WRAPPED_BYTES;
    return size + encode_outside(record, ret_bytes + size);
}

static bool refuse_newer(struct error *error)
{
    return error_set(error, ERROR_UNSUPPORTED, NULL,
                     "The object is encrypted in a way that a newer version of Bale knows.");
}

static bool refuse_damaged(struct error *error)
{
    return error_set(error, ERROR_DAMAGED, NULL, "What is kept of the object's encryption is damaged.");
}

static bool look_into(struct span bytes, enum seal_mode *ret_mode, struct span *ret_kms, struct error *error)
{
    if (bytes.size < SEAL_FIXED_BYTES)
        return refuse_damaged(error);
    const uint8_t *from = bytes.data;
    if (from[AT_VERSION] != VERSION || !mode_of(from[AT_MODE], ret_mode) || *ret_mode == SEAL_PLAIN ||
        (from[AT_FLAGS] & ~FLAGS_KNOWN) != 0 || load_u32_le(from + AT_ZERO) != 0)
        return refuse_newer(error);
    size_t checksum_size = from[AT_CHECKSUM_SIZE];
    size_t size = SEAL_FIXED_BYTES + checksum_size + SEAL_WRAPPED_BYTES + customer_size(*ret_mode);
    if (bytes.size > SEAL_RECORD_BYTES_MAX)
        return refuse_newer(error);
    if (checksum_size > SEAL_CHECKSUM_BYTES_MAX || bytes.size < size || !is_kms_size(*ret_mode, bytes.size - size))
        return refuse_damaged(error);
    *ret_kms = span_skip(bytes, size);
    return true;
}

bool seal_record_mode(struct span bytes, enum seal_mode *ret_mode, struct span *ret_kms, struct error *error)
{
    return look_into(bytes, ret_mode, ret_kms, error);
}

bool seal_record_decode(struct span bytes, struct seal_record *ret_record, struct error *error)
{
    enum seal_mode mode;
    struct span kms;
    if (!seal_record_mode(bytes, &mode, &kms, error))
        return false;
    const uint8_t *from = bytes.data;
    size_t checksum_size = from[AT_CHECKSUM_SIZE];
    *ret_record = (struct seal_record){
        .mode = mode,
        .parts_count = load_u16_le(from + AT_PARTS_COUNT),
        .hashes = {.has_md5 = (from[AT_FLAGS] & HAS_MD5) != 0,
                   .has_crc32c = (from[AT_FLAGS] & HAS_CRC32C) != 0,
                   .crc32c = load_u32_le(from + AT_CRC32C),
                   .checksum_algorithm = from[AT_CHECKSUM_ALGORITHM],
                   .checksum_type = from[AT_CHECKSUM_TYPE],
                   .checksum_size = (uint8_t)checksum_size},
        .kms = kms,
    };
    memcpy(ret_record->key_id, from + AT_KEY_ID, SEAL_KEY_ID_BYTES);
    memcpy(ret_record->name, from + AT_NAME, SEAL_NAME_BYTES);
    memcpy(ret_record->nonce, from + AT_NONCE, SEAL_MASK_NONCE_BYTES);
    memcpy(ret_record->map, from + AT_MAP, SEAL_MAP_BYTES);
    memcpy(ret_record->hashes.md5, from + AT_MD5, SEAL_MD5_BYTES);
    memcpy(ret_record->hashes.checksum, from + AT_CHECKSUM, checksum_size);
    from += AT_CHECKSUM + checksum_size;
    memcpy(ret_record->wrapped, from, SEAL_WRAPPED_BYTES);
    memcpy(ret_record->customer, from + SEAL_WRAPPED_BYTES, customer_size(mode));
    return true;
}

/* Such a record as nearly all of a list are, seen by one glance. */
static inline bool is_usual(struct span bytes)
{
    const uint8_t *from = bytes.data;
    return bytes.size >= SEAL_FIXED_BYTES && load_u16_le(from) == (VERSION | 's' << 8) &&
           (from[AT_FLAGS] & ~FLAGS_KNOWN) == 0 && load_u32_le(from + AT_ZERO) == 0 &&
           from[AT_CHECKSUM_SIZE] <= SEAL_CHECKSUM_BYTES_MAX &&
           bytes.size == (size_t)SEAL_FIXED_BYTES + from[AT_CHECKSUM_SIZE] + SEAL_WRAPPED_BYTES;
}

bool seal_record_excerpt(struct span bytes, struct seal_excerpt *ret_excerpt, struct error *error)
{
    enum seal_mode mode;
    struct span kms;
    if (!is_usual(bytes) && !look_into(bytes, &mode, &kms, error))
        return false;
    ret_excerpt->record = bytes.data;
    return true;
}

/* ---- masks ---- */

/* So many blocks of the pad: the ciphers of the nonce, whose last four bytes count up. */
static void draw_pad(struct aes *aes, const uint8_t nonce[SEAL_MASK_NONCE_BYTES], uint32_t count, uint8_t *ret_pad)
{
    for (uint32_t i = 0; i < count; i++) {
        uint8_t *block = ret_pad + (size_t)i * AES_BLOCK_BYTES;
        memcpy(block, nonce, AES_BLOCK_BYTES);
        store_u32_be(block + AES_BLOCK_BYTES - 4, load_u32_be(block + AES_BLOCK_BYTES - 4) + i);
    }
    aes_blocks_encrypt(aes, ret_pad, count, ret_pad);
}

static inline void mask_bytes(uint8_t *restrict bytes, size_t size, const uint8_t *restrict pad)
{
    for (size_t i = 0; i < size; i++)
        bytes[i] ^= pad[i];
}

/* A whole block. */
static inline void mask_block(uint8_t *bytes, const uint8_t *pad)
{
    store_u64_le(bytes, load_u64_le(bytes) ^ load_u64_le(pad));
    store_u64_le(bytes + 8, load_u64_le(bytes + 8) ^ load_u64_le(pad + 8));
}

/* Block 0 is the MD5's, 1 the CRC-32C's, all others the checksum's. */
void seal_mask(struct aes *aes, const struct seal_keys *keys, const uint8_t nonce[SEAL_MASK_NONCE_BYTES],
               struct seal_hashes *hashes)
{
    uint8_t pad[2 * AES_BLOCK_BYTES + sizeof hashes->checksum] = {0};
    uint32_t count = 2 + (hashes->checksum_size + AES_BLOCK_BYTES - 1) / AES_BLOCK_BYTES;
    ASSERT(hashes->checksum_size <= sizeof hashes->checksum);
    aes_block_set_key(aes, keys->mask);
    draw_pad(aes, nonce, count, pad);
    mask_block(hashes->md5, pad);
    hashes->crc32c ^= load_u32_le(pad + AES_BLOCK_BYTES);
    mask_bytes(hashes->checksum, hashes->checksum_size, pad + 2 * AES_BLOCK_BYTES);
    explicit_bzero(pad, sizeof pad);
}

/* The MD5's block of a pad is the cipher of the nonce as it is. */
void seal_unmask_md5s(struct aes *aes, const struct seal_keys *keys, const struct seal_excerpt *excerpts, size_t count,
                      uint8_t (*ret_md5s)[SEAL_MD5_BYTES])
{
    for (size_t i = 0; i < count; i++)
        memcpy(ret_md5s[i], excerpts[i].record + AT_NONCE, SEAL_MASK_NONCE_BYTES);
    aes_block_set_key(aes, keys->mask);
    aes_blocks_encrypt(aes, ret_md5s[0], count, ret_md5s[0]);
    for (size_t i = 0; i < count; i++)
        mask_block(ret_md5s[i], excerpts[i].record + AT_MD5);
}

void seal_hide_md5(struct aes *aes, const uint8_t attribute_key[AES_KEY_BYTES], uint8_t md5[SEAL_MD5_BYTES])
{
    static const uint8_t label[XAES_SALT_BYTES + 1] = "bale etag   ";
    uint8_t derived[AES_KEY_BYTES];
    xaes_derive(aes, attribute_key, label, derived);
    aes_block_set_key(aes, derived);
    aes_block_encrypt(aes, md5, md5);
    explicit_bzero(derived, sizeof derived);
}

/* ---- wraps ---- */

static struct span encode_associated(const struct seal_record *record, uint64_t original_size, uint8_t *bytes)
{
    bytes[0] = 'W';
    size_t size = 1 + encode_head(record, bytes + 1);
    store_u64_le(bytes + size, original_size);
    size += 8;
    return span_of(bytes, size + encode_outside(record, bytes + size));
}

void seal_wrap(struct seal_record *record, struct aes *aes, const struct seal_keys *keys,
               const uint8_t nonce[XAES_NONCE_BYTES], uint64_t original_size, const uint8_t key[AES_KEY_BYTES])
{
    uint8_t bytes[ASSOCIATED_BYTES_MAX];
    ASSERT(memcmp(record->key_id, keys->id, SEAL_KEY_ID_BYTES) == 0);
    struct span associated = encode_associated(record, original_size, bytes);
    uint8_t *sealed = record->wrapped + XAES_NONCE_BYTES;
    memcpy(record->wrapped, nonce, XAES_NONCE_BYTES);
    xaes_seal(aes, keys->wrap, nonce, associated, span_of(key, AES_KEY_BYTES), sealed, sealed + AES_KEY_BYTES);
}

bool seal_unwrap(const struct seal_record *record, struct aes *aes, const struct seal_keys *keys,
                 uint64_t original_size, uint8_t ret_key[AES_KEY_BYTES], struct error *error)
{
    uint8_t bytes[ASSOCIATED_BYTES_MAX];
    ASSERT(memcmp(record->key_id, keys->id, SEAL_KEY_ID_BYTES) == 0);
    struct span associated = encode_associated(record, original_size, bytes);
    const uint8_t *sealed = record->wrapped + XAES_NONCE_BYTES;
    if (xaes_open(aes, keys->wrap, record->wrapped, associated, span_of(sealed, AES_KEY_BYTES), sealed + AES_KEY_BYTES,
                  ret_key))
        return true;
    return error_set(
        error, ERROR_DAMAGED, NULL,
        "The object's data key does not open: what is kept beside the object was changed, or is another's.");
}
