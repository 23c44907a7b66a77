/* server/keys/customer_key.h -- a key from outside of the keyring, which wraps an object's data key: a client brings it
 * along with each request (SSE-C), or a key service gives it out again (SSE-KMS).
 *
 * It lives as long as its request and is wiped then; what is kept of it are wraps (codec/seal/customer_wrap.h), and of
 * a key service's what that needs to give it out (kms_grant.h). */
#pragma once

#include "codec/seal/seal_record.h"

enum { CUSTOMER_KEY_MD5_TEXT_BYTES = 24 };

struct customer_key {
    uint8_t bytes[AES_KEY_BYTES];
    char
        md5[CUSTOMER_KEY_MD5_TEXT_BYTES + 1]; /* base64, as the client sent it; answers repeat it. Of a service's: "" */
    struct span kms; /* what objects keep of a key service's key, which lives as long; empty: the client brought it */
};

/* What is written with it: SEAL_KEYRING without one (NULL). */
static inline enum seal_mode customer_key_mode(const struct customer_key *key)
{
    if (key == NULL)
        return SEAL_KEYRING;
    return key->kms.size > 0 ? SEAL_KMS : SEAL_CUSTOMER;
}
