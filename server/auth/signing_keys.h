/* server/auth/signing_keys.h -- a shard's signing keys: derived once per account and day, kept in a bounded table.
 *
 * Only days that passed the check of the clock get here, so that an account has a handful of them at most. */
#pragma once

#include "s3client/wire/checksum.h"
#include "server/auth/identity.h"

struct signing_key {
    const struct account *account; /* NULL: free */
    char day[8];
    uint8_t key[SHA256_BYTES];
    struct hmac_sha256_key prepared;
};

struct signing_keys;

struct signing_keys *signing_keys_create(const char *region);
void signing_keys_destroy(struct signing_keys *keys);
/* `day`: eight digits. Valid until the next call. */
const struct signing_key *signing_keys_get(struct signing_keys *keys, const struct account *account, struct span day);
