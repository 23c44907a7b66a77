/* server/keys/customer_key.h -- a key that a client brings along with each request, and that nobody keeps (SSE-C).
 *
 * It lives as long as its request and is wiped then; what is kept of it are wraps (codec/seal/customer_wrap.h). */
#pragma once

#include "codec/seal/aes.h"

enum { CUSTOMER_KEY_MD5_TEXT_BYTES = 24 };

struct customer_key {
    uint8_t bytes[AES_KEY_BYTES];
    char md5[CUSTOMER_KEY_MD5_TEXT_BYTES + 1]; /* base64, as the client sent it; answers repeat it */
};
