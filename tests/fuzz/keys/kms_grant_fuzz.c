/* tests/fuzz/keys/kms_grant_fuzz.c -- any bytes as what an object keeps of a key service's key: refused, or the same
 * bytes again; and no key of the keyring opens from them. */
#include "runtime/base/assert.h"
#include "server/keys/kms_keyring.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char text[] = "[keyring]\nactive = befce54d08ad0852\n[key befce54d08ad0852]\nmaterial = "
                           "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct kms_grant grant;
    struct error error = {.message = ""};
    uint8_t bytes[SEAL_KMS_BYTES_MAX];
    uint8_t key[AES_KEY_BYTES];
    bool is_given;
    struct keyring *keyring = keyring_parse("keys", span_from_string(text), &error);
    ASSERT(keyring != NULL);
    bool decoded = kms_grant_decode(span_of(data, size), &grant, &error);
    ASSERT(!decoded || (kms_grant_encode(&grant, bytes) == size && memcmp(bytes, data, size) == 0));
    bool opened = kms_keyring_open(keyring, span_of(data, size), key, &is_given, &error);
    ASSERT(opened == (decoded && !grant.is_by_keyring) && !is_given);
    ASSERT(kms_keyring_sealing_keys(keyring, span_of(data, size)) == keyring_active(keyring));
    keyring_free(keyring);
    return 0;
}
