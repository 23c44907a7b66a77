/* server/keys/kms_keyring.c -- keys given out under a key of the keyring. */
#include "server/keys/kms_keyring.h"

#include "runtime/base/hex.h"
#include "s3client/wire/s3_error.h"
#include "server/keys/object_seal.h"

enum {
    AT_NONCE = SEAL_KEY_ID_BYTES,
    AT_SEALED = AT_NONCE + XAES_NONCE_BYTES,
    AT_TAG = AT_SEALED + AES_KEY_BYTES,
    ASSOCIATED_BYTES = 1 + SEAL_KEY_ID_BYTES + KMS_CONTEXT_BYTES,
};

static bool refuse_disabled(struct error *error)
{
    return error_set(error, ERROR_INVALID, S3_KmsDisabledException, "The key is not for writing any more.");
}

const struct seal_keys *kms_keyring_find(struct keyring *keyring, struct span name, struct error *error)
{
    uint8_t id[SEAL_KEY_ID_BYTES];
    if (name.size == 0)
        return keyring_active(keyring);
    bool is_id = hex_decode(name, id, sizeof id);
    const struct seal_keys *keys = is_id ? keyring_find(keyring, id) : NULL;
    if (keys != NULL && !keyring_is_retired(keyring, id))
        return keys;
    if (keys != NULL || (is_id && keyring_destroyed(keyring, id) != NULL))
        (void)refuse_disabled(error);
    else
        (void)error_set(error, ERROR_INVALID, S3_KmsNotFoundException, "The specified KMS key does not exist.");
    return NULL;
}

static struct span encode_associated(const uint8_t *id, const uint8_t *context, uint8_t bytes[ASSOCIATED_BYTES])
{
    bytes[0] = 'K';
    memcpy(bytes + 1, id, SEAL_KEY_ID_BYTES);
    memcpy(bytes + 1 + SEAL_KEY_ID_BYTES, context, KMS_CONTEXT_BYTES);
    return span_of(bytes, ASSOCIATED_BYTES);
}

void kms_keyring_make(struct keyring *keyring, const struct seal_keys *keys, const uint8_t context[KMS_CONTEXT_BYTES],
                      uint8_t ret_key[AES_KEY_BYTES], uint8_t ret_blob[KMS_KEYRING_BLOB_BYTES])
{
    uint8_t bytes[ASSOCIATED_BYTES];
    struct aes *aes = keyring_take_aes(keyring);
    random_fill(random_system(), ret_key, AES_KEY_BYTES);
    memcpy(ret_blob, keys->id, SEAL_KEY_ID_BYTES);
    random_fill(random_system(), ret_blob + AT_NONCE, XAES_NONCE_BYTES);
    xaes_seal(aes, keys->kms, ret_blob + AT_NONCE, encode_associated(keys->id, context, bytes),
              span_of(ret_key, AES_KEY_BYTES), ret_blob + AT_SEALED, ret_blob + AT_TAG);
    keyring_give_aes(keyring, aes);
}

static bool open_blob(struct keyring *keyring, const struct kms_grant *grant, uint8_t ret_key[AES_KEY_BYTES],
                      struct error *error)
{
    uint8_t bytes[ASSOCIATED_BYTES];
    const uint8_t *blob = grant->blob.data;
    if (grant->blob.size != KMS_KEYRING_BLOB_BYTES)
        return error_set(error, ERROR_DAMAGED, NULL, "What is kept of the key service's key is of another size.");
    const struct seal_keys *keys = keyring_find(keyring, blob);
    if (keys == NULL)
        return object_seal_refuse_missing(keyring, blob, "The key service's key", error);
    struct aes *aes = keyring_take_aes(keyring);
    bool opened = xaes_open(aes, keys->kms, blob + AT_NONCE, encode_associated(keys->id, grant->context, bytes),
                            span_of(blob + AT_SEALED, AES_KEY_BYTES), blob + AT_TAG, ret_key);
    keyring_give_aes(keyring, aes);
    return opened || error_set(error, ERROR_DAMAGED, NULL,
                               "The key service's key does not open: what is kept of it was changed.");
}

bool kms_keyring_open(struct keyring *keyring, struct span kms, uint8_t ret_key[AES_KEY_BYTES], bool *ret_is_given,
                      struct error *error)
{
    struct kms_grant grant;
    *ret_is_given = false;
    bool opened = kms_grant_decode(kms, &grant, error);
    if (opened && grant.is_by_keyring)
        opened = *ret_is_given = open_blob(keyring, &grant, ret_key, error);
    return opened || object_seal_refuse_unreadable(error);
}

/* Does the keyring give the key, and under which of its own? NULL: that one is not there. */
static bool find_giving(const struct keyring *keyring, struct span kms, const struct seal_keys **ret_keys)
{
    struct kms_grant grant;
    struct error ignored;
    if (kms.size == 0 || !kms_grant_decode(kms, &grant, &ignored) || !grant.is_by_keyring ||
        grant.blob.size != KMS_KEYRING_BLOB_BYTES)
        return false;
    *ret_keys = keyring_find(keyring, grant.blob.data);
    return true;
}

bool kms_keyring_may_seal(const struct keyring *keyring, struct span kms, struct error *error)
{
    const struct seal_keys *keys;
    return !find_giving(keyring, kms, &keys) || keys != NULL || refuse_disabled(error);
}

const struct seal_keys *kms_keyring_sealing_keys(const struct keyring *keyring, struct span kms)
{
    const struct seal_keys *keys;
    return find_giving(keyring, kms, &keys) && keys != NULL ? keys : keyring_active(keyring);
}
