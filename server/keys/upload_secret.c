/* server/keys/upload_secret.c -- seals of uploads and parts, between a keyring and what stores keep. */
#include "server/keys/upload_secret.h"

#include "runtime/base/byteorder.h"
#include "s3client/wire/s3_error.h"
#include "server/keys/kms_keyring.h"
#include "server/keys/object_seal.h"

_Static_assert((int)PART_SEAL_BYTES_MAX <= (int)PART_SEAL_BYTES, "a store keeps any seal of a part");
_Static_assert((int)UPLOAD_SEAL_BYTES_MAX <= (int)OBJECT_SEAL_BYTES_MAX, "a store keeps any seal of an upload");

size_t upload_secret_make(struct keyring *keyring, const struct object_name *name, enum seal_mode mode,
                          const struct customer_key *customer, uint8_t ret_seal[UPLOAD_SEAL_BYTES_MAX])
{
    uint8_t hash[SEAL_NAME_BYTES];
    uint8_t nonce[XAES_NONCE_BYTES];
    uint8_t data_key[AES_KEY_BYTES];
    struct upload_seal seal = {.mode = mode};
    object_seal_hash_name(name, hash);
    random_fill(random_system(), nonce, sizeof nonce);
    random_fill(random_system(), seal.key, sizeof seal.key);
    if (seal_mode_has_attribute_key(mode)) {
        seal.kms = customer->kms;
        random_fill(random_system(), data_key, sizeof data_key);
        object_seal_wrap_for_customer(keyring, name, CUSTOMER_SIZE_UNKNOWN, customer, data_key, seal.customer);
        explicit_bzero(data_key, sizeof data_key);
    }
    struct aes *aes = keyring_take_aes(keyring);
    size_t size = upload_seal_make(aes, kms_keyring_sealing_keys(keyring, seal.kms), hash, &seal, nonce, ret_seal);
    keyring_give_aes(keyring, aes);
    explicit_bzero(&seal, sizeof seal);
    return size;
}

static bool open_wrap(struct keyring *keyring, const struct upload_seal *seal, const uint8_t *name_hash,
                      const uint8_t *outside, uint8_t *ret_data_key, struct error *error)
{
    struct aes *aes = keyring_take_aes(keyring);
    bool is_theirs = seal->mode != SEAL_CUSTOMER || customer_wrap_is_of(aes, outside, name_hash, seal->customer) ||
                     error_set(error, ERROR_INVALID, S3_InvalidRequest,
                               "The provided encryption parameters did not match the ones used originally.");
    bool opened = is_theirs && customer_wrap_open(aes, outside, name_hash, CUSTOMER_SIZE_UNKNOWN, seal->customer,
                                                  ret_data_key, error);
    keyring_give_aes(keyring, aes);
    if (is_theirs && !opened)
        error->code = S3_InternalError;
    return opened;
}

/* What opens the bodies of parts, as far as it is there. */
static bool open_data_key(struct keyring *keyring, const uint8_t *name_hash, const struct customer_key *customer,
                          struct upload_secret *secret, struct error *error)
{
    const struct upload_seal *seal = &secret->seal;
    if (customer != NULL && customer_key_mode(customer) != seal->mode)
        return error_set(error, ERROR_INVALID, S3_InvalidRequest,
                         "The multipart upload was not begun with a customer's key, which the request has.");
    if (!seal_mode_has_attribute_key(seal->mode)) {
        secret->has_data_key = seal->mode == SEAL_KEYRING;
        memcpy(secret->data_key, seal->key, sizeof secret->data_key);
        return true;
    }
    uint8_t outside[AES_KEY_BYTES];
    bool is_there = customer != NULL;
    if (is_there)
        memcpy(outside, customer->bytes, sizeof outside);
    else if (seal->mode == SEAL_KMS && !kms_keyring_open(keyring, seal->kms, outside, &is_there, error))
        return false;
    bool opened = !is_there || open_wrap(keyring, seal, name_hash, outside, secret->data_key, error);
    secret->has_data_key = is_there && opened;
    explicit_bzero(outside, sizeof outside);
    return opened;
}

bool upload_secret_open(struct keyring *keyring, const struct object_name *name, struct span seal,
                        const struct customer_key *customer, struct upload_secret *ret_secret, struct error *error)
{
    uint8_t key_id[SEAL_KEY_ID_BYTES];
    uint8_t hash[SEAL_NAME_BYTES];
    *ret_secret = (struct upload_secret){.seal.mode = SEAL_PLAIN};
    if (!upload_seal_key_id(seal, key_id, error))
        return object_seal_refuse_unreadable(error);
    const struct seal_keys *keys = keyring != NULL ? keyring_find(keyring, key_id) : NULL;
    if (keys == NULL)
        return object_seal_refuse_missing(keyring, key_id, "The upload", error);
    struct aes *aes = keyring_take_aes(keyring);
    object_seal_hash_name(name, hash);
    bool opened = upload_seal_open(aes, keys, hash, seal, &ret_secret->seal, error);
    if (!opened)
        error->code = S3_InternalError;
    keyring_give_aes(keyring, aes);
    opened = opened && open_data_key(keyring, hash, customer, ret_secret, error);
    if (!opened)
        upload_secret_end(ret_secret);
    return opened;
}

void upload_secret_end(struct upload_secret *secret)
{
    explicit_bzero(secret, sizeof *secret);
}

/* ---- parts ---- */

void part_secret_token(const uint8_t salt[XAES_SALT_BYTES], uint8_t ret_token[MD5_BYTES])
{
    memset(ret_token, 0, MD5_BYTES);
    memcpy(ret_token, salt, XAES_SALT_BYTES);
}

void part_secret_hide(struct keyring *keyring, const uint8_t parts_key[AES_KEY_BYTES],
                      const uint8_t salt[XAES_SALT_BYTES], struct part_attributes *part,
                      uint8_t ret_seal[PART_SEAL_BYTES_MAX])
{
    struct seal_hashes hashes = {.has_md5 = true, .has_crc32c = true, .crc32c = part->crc32c};
    struct aes *aes = keyring_take_aes(keyring);
    memcpy(hashes.md5, part->md5, MD5_BYTES);
    object_seal_take_checksum(&part->checksum, &hashes);
    size_t size = part_seal_make(aes, parts_key, salt, part->number, part->original_size, &hashes, ret_seal);
    keyring_give_aes(keyring, aes);
    part_secret_token(salt, part->md5);
    part->crc32c = 0;
    part->checksum = (struct checksum_value){.algorithm = CHECKSUM_NONE};
    part->seal = span_of(ret_seal, size);
}

static bool open_part(struct keyring *keyring, const uint8_t parts_key[AES_KEY_BYTES], struct span seal,
                      unsigned number, uint64_t original_size, struct seal_hashes *ret_hashes, struct error *error)
{
    struct aes *aes = keyring_take_aes(keyring);
    bool opened = part_seal_open(aes, parts_key, seal, number, original_size, ret_hashes, error);
    keyring_give_aes(keyring, aes);
    if (!opened)
        error->code = S3_InternalError;
    return opened;
}

bool part_secret_show(struct keyring *keyring, const uint8_t parts_key[AES_KEY_BYTES], struct part_attributes *part,
                      struct error *error)
{
    struct seal_hashes hashes;
    if (!open_part(keyring, parts_key, part->seal, part->number, part->original_size, &hashes, error))
        return false;
    memcpy(part->md5, hashes.md5, MD5_BYTES);
    part->crc32c = hashes.crc32c;
    object_seal_show_checksum(&hashes, 0, &part->checksum);
    return true;
}

bool part_secret_show_kept(struct keyring *keyring, const uint8_t parts_key[AES_KEY_BYTES], struct object_part *part,
                           struct error *error)
{
    struct seal_hashes hashes;
    if (!open_part(keyring, parts_key, part->seal, part->number, part->original_size, &hashes, error))
        return false;
    object_seal_show_checksum(&hashes, 0, &part->checksum);
    return true;
}

void part_map_hash(struct sha256_sum *sum, const struct object_part *part)
{
    uint8_t bytes[2 + XAES_SALT_BYTES + 8] = {0};
    store_u16_le(bytes, (uint16_t)part->number);
    if (part->seal.size >= XAES_SALT_BYTES)
        memcpy(bytes + 2, part->seal.data, XAES_SALT_BYTES);
    store_u64_le(bytes + 2 + XAES_SALT_BYTES, part->original_size);
    sha256_update(sum, span_of(bytes, sizeof bytes));
}
