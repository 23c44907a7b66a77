/* codec/seal/upload_seal.c -- seals of uploads and of their parts, made and opened. */
#include "codec/seal/upload_seal.h"

#include "runtime/base/assert.h"
#include "runtime/base/byteorder.h"

enum {
    VERSION = 1,
    AT_VERSION = 0,
    AT_MODE = 1, /* then six zeros */
    AT_KEY_ID = 8,
    AT_NAME = AT_KEY_ID + SEAL_KEY_ID_BYTES,
    AT_WRAPPED = AT_NAME + SEAL_NAME_BYTES,
    AT_CUSTOMER = AT_WRAPPED + SEAL_WRAPPED_BYTES,
    ASSOCIATED_BYTES_MAX = 1 + UPLOAD_SEAL_HEAD_BYTES + CUSTOMER_WRAP_BYTES + SEAL_KMS_BYTES_MAX,

    KIND_PART = 'P', /* in a nonce, where a frame has another */
    AT_KIND = XAES_SALT_BYTES,
    AT_PART = AT_KIND + 2,
    AT_SIZE = AT_PART + 2,

    AT_MD5 = 0, /* of what is known of a part */
    AT_CRC32C = 16,
    AT_ALGORITHM = 20,
    AT_TYPE = 21, /* then two zeros */
};
_Static_assert((int)AT_WRAPPED == (int)UPLOAD_SEAL_HEAD_BYTES, "a name ends the head");
_Static_assert((int)AT_SIZE + 8 == (int)XAES_NONCE_BYTES, "a size fills the nonce");

/* Without what a key service needs. */
static size_t size_of(enum seal_mode mode)
{
    return seal_mode_has_attribute_key(mode) ? AT_CUSTOMER + CUSTOMER_WRAP_BYTES : AT_CUSTOMER;
}

static bool is_size_of(enum seal_mode mode, size_t size)
{
    size_t kms_max = mode == SEAL_KMS ? SEAL_KMS_BYTES_MAX : 0;
    return size >= size_of(mode) + (mode == SEAL_KMS) && size <= size_of(mode) + kms_max;
}

/* All of it but what is wrapped. */
static struct span encode_associated(struct span seal, uint8_t bytes[ASSOCIATED_BYTES_MAX])
{
    size_t outside = seal.size - AT_CUSTOMER;
    bytes[0] = 'U';
    memcpy(bytes + 1, seal.data, UPLOAD_SEAL_HEAD_BYTES);
    memcpy(bytes + 1 + UPLOAD_SEAL_HEAD_BYTES, seal.data + AT_CUSTOMER, outside);
    return span_of(bytes, 1 + UPLOAD_SEAL_HEAD_BYTES + outside);
}

size_t upload_seal_make(struct aes *aes, const struct seal_keys *keys, const uint8_t name[SEAL_NAME_BYTES],
                        const struct upload_seal *seal, const uint8_t nonce[XAES_NONCE_BYTES],
                        uint8_t ret_seal[UPLOAD_SEAL_BYTES_MAX])
{
    uint8_t bytes[ASSOCIATED_BYTES_MAX];
    uint8_t *wrapped = ret_seal + AT_WRAPPED;
    uint8_t *sealed = wrapped + XAES_NONCE_BYTES;
    memset(ret_seal, 0, UPLOAD_SEAL_HEAD_BYTES);
    ret_seal[AT_VERSION] = VERSION;
    ret_seal[AT_MODE] = seal_mode_letter(seal->mode);
    memcpy(ret_seal + AT_KEY_ID, keys->id, SEAL_KEY_ID_BYTES);
    memcpy(ret_seal + AT_NAME, name, SEAL_NAME_BYTES);
    memcpy(ret_seal + AT_CUSTOMER, seal->customer, size_of(seal->mode) - AT_CUSTOMER);
    if (seal->kms.size > 0)
        memcpy(ret_seal + size_of(seal->mode), seal->kms.data, seal->kms.size);
    size_t size = size_of(seal->mode) + seal->kms.size;
    ASSERT(is_size_of(seal->mode, size));
    memcpy(wrapped, nonce, XAES_NONCE_BYTES);
    xaes_seal(aes, keys->upload, nonce, encode_associated(span_of(ret_seal, size), bytes),
              span_of(seal->key, AES_KEY_BYTES), sealed, sealed + AES_KEY_BYTES);
    return size;
}

bool upload_seal_key_id(struct span seal, uint8_t ret_id[SEAL_KEY_ID_BYTES], struct error *error)
{
    enum seal_mode mode;
    if (seal.size < AT_CUSTOMER)
        return error_set(error, ERROR_DAMAGED, NULL, "What is kept of the upload's encryption is damaged.");
    if (seal.data[AT_VERSION] != VERSION || !seal_mode_of(seal.data[AT_MODE], &mode))
        return error_set(error, ERROR_UNSUPPORTED, NULL,
                         "The upload is encrypted in a way that a newer version of Bale knows.");
    if (!is_size_of(mode, seal.size))
        return error_set(error, ERROR_DAMAGED, NULL, "What is kept of the upload's encryption is damaged.");
    memcpy(ret_id, seal.data + AT_KEY_ID, SEAL_KEY_ID_BYTES);
    return true;
}

bool upload_seal_open(struct aes *aes, const struct seal_keys *keys, const uint8_t name[SEAL_NAME_BYTES],
                      struct span seal, struct upload_seal *ret_seal, struct error *error)
{
    uint8_t bytes[ASSOCIATED_BYTES_MAX];
    *ret_seal = (struct upload_seal){.mode = SEAL_PLAIN};
    bool is_known = seal_mode_of(seal.data[AT_MODE], &ret_seal->mode);
    ASSERT(is_known && is_size_of(ret_seal->mode, seal.size)); /* upload_seal_key_id has looked */
    const uint8_t *wrapped = seal.data + AT_WRAPPED;
    const uint8_t *sealed = wrapped + XAES_NONCE_BYTES;
    memcpy(ret_seal->customer, seal.data + AT_CUSTOMER, size_of(ret_seal->mode) - AT_CUSTOMER);
    ret_seal->kms = span_skip(seal, size_of(ret_seal->mode));
    if (memcmp(seal.data + AT_NAME, name, SEAL_NAME_BYTES) == 0 &&
        xaes_open(aes, keys->upload, wrapped, encode_associated(seal, bytes), span_of(sealed, AES_KEY_BYTES),
                  sealed + AES_KEY_BYTES, ret_seal->key))
        return true;
    return error_set(error, ERROR_DAMAGED, NULL,
                     "The upload's data key does not open: what is kept of it was changed, or is another's.");
}

/* ---- parts ---- */

static void encode_nonce(const uint8_t salt[XAES_SALT_BYTES], unsigned part, uint64_t original_size,
                         uint8_t ret_nonce[XAES_NONCE_BYTES])
{
    memcpy(ret_nonce, salt, XAES_SALT_BYTES);
    ret_nonce[AT_KIND] = KIND_PART;
    ret_nonce[AT_KIND + 1] = 0;
    ret_nonce[AT_PART] = (uint8_t)(part >> 8);
    ret_nonce[AT_PART + 1] = (uint8_t)part;
    store_u64_be(ret_nonce + AT_SIZE, original_size);
}

size_t part_seal_make(struct aes *aes, const uint8_t data_key[AES_KEY_BYTES], const uint8_t salt[XAES_SALT_BYTES],
                      unsigned part, uint64_t original_size, const struct seal_hashes *hashes,
                      uint8_t ret_seal[PART_SEAL_BYTES_MAX])
{
    ASSERT(part >= 1 && part <= UINT16_MAX && hashes->checksum_size <= SEAL_CHECKSUM_BYTES_MAX);
    uint8_t nonce[XAES_NONCE_BYTES];
    uint8_t *facts = ret_seal + XAES_SALT_BYTES;
    size_t size = (size_t)PART_SEAL_FACTS_BYTES + hashes->checksum_size;
    memcpy(ret_seal, salt, XAES_SALT_BYTES);
    memset(facts, 0, PART_SEAL_FACTS_BYTES);
    memcpy(facts + AT_MD5, hashes->md5, SEAL_MD5_BYTES);
    store_u32_le(facts + AT_CRC32C, hashes->crc32c);
    facts[AT_ALGORITHM] = hashes->checksum_algorithm;
    facts[AT_TYPE] = hashes->checksum_type;
    memcpy(facts + PART_SEAL_FACTS_BYTES, hashes->checksum, hashes->checksum_size);
    encode_nonce(salt, part, original_size, nonce);
    xaes_seal(aes, data_key, nonce, SPAN_EMPTY, span_of(facts, size), facts, facts + size);
    return XAES_SALT_BYTES + size + GCM_TAG_BYTES;
}

bool part_seal_open(struct aes *aes, const uint8_t data_key[AES_KEY_BYTES], struct span seal, unsigned part,
                    uint64_t original_size, struct seal_hashes *ret_hashes, struct error *error)
{
    uint8_t nonce[XAES_NONCE_BYTES];
    uint8_t facts[PART_SEAL_FACTS_BYTES + SEAL_CHECKSUM_BYTES_MAX];
    size_t least = XAES_SALT_BYTES + PART_SEAL_FACTS_BYTES + GCM_TAG_BYTES;
    if (seal.size < least || seal.size > PART_SEAL_BYTES_MAX)
        return error_set(error, ERROR_DAMAGED, NULL, "What is kept of an encrypted part is damaged.");
    size_t size = seal.size - XAES_SALT_BYTES - GCM_TAG_BYTES;
    struct span sealed = span_of(seal.data + XAES_SALT_BYTES, size);
    encode_nonce(seal.data, part, original_size, nonce);
    if (!xaes_open(aes, data_key, nonce, SPAN_EMPTY, sealed, sealed.data + size, facts))
        return error_set(error, ERROR_DAMAGED, NULL,
                         "What is kept of an encrypted part does not open: it was changed, or is another's.");
    *ret_hashes = (struct seal_hashes){
        .has_md5 = true,
        .has_crc32c = true,
        .crc32c = load_u32_le(facts + AT_CRC32C),
        .checksum_algorithm = facts[AT_ALGORITHM],
        .checksum_type = facts[AT_TYPE],
        .checksum_size = (uint8_t)(size - PART_SEAL_FACTS_BYTES),
    };
    memcpy(ret_hashes->md5, facts + AT_MD5, SEAL_MD5_BYTES);
    memcpy(ret_hashes->checksum, facts + PART_SEAL_FACTS_BYTES, ret_hashes->checksum_size);
    return true;
}
