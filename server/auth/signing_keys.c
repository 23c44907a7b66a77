/* server/auth/signing_keys.c -- a table of sets of four: a key is looked for in one set, the oldest makes room. */
#include "server/auth/signing_keys.h"

#include "runtime/base/assert.h"
#include "runtime/base/byteorder.h"
#include "s3client/wire/sigv4.h"

#include <assert.h>
#include <stdlib.h>

enum { SETS = 32, WAYS = 4 };

struct signing_keys {
    const char *region;
    struct {
        struct signing_key keys[WAYS];
        unsigned oldest;
    } sets[SETS];
};

struct signing_keys *signing_keys_create(const char *region)
{
    struct signing_keys *keys = calloc(1, sizeof *keys);
    ASSERT(keys != NULL);
    keys->region = region;
    return keys;
}

void signing_keys_destroy(struct signing_keys *keys)
{
    if (keys == NULL)
        return;
    explicit_bzero(keys, sizeof *keys);
    free(keys);
}

static unsigned set_of(const struct account *account, struct span day)
{
    uint64_t mixed = ((uint64_t)(uintptr_t)account ^ load_u64_le(day.data)) * 0x9e3779b97f4a7c15U;
    return (unsigned)(mixed >> 59);
}
static_assert(SETS == 1 << 5, "set_of takes the upper five bits");

const struct signing_key *signing_keys_get(struct signing_keys *keys, const struct account *account, struct span day)
{
    ASSERT(day.size == 8);
    unsigned set = set_of(account, day);
    for (unsigned i = 0; i < WAYS; i++) {
        const struct signing_key *key = &keys->sets[set].keys[i];
        if (key->account == account && memcmp(key->day, day.data, sizeof key->day) == 0)
            return key;
    }
    struct signing_key *key = &keys->sets[set].keys[keys->sets[set].oldest];
    keys->sets[set].oldest = (keys->sets[set].oldest + 1) % WAYS;
    key->account = account;
    memcpy(key->day, day.data, sizeof key->day);
    sigv4_signing_key(span_from_string(account->secret_key), day, span_from_string(keys->region), SPAN("s3"), key->key);
    hmac_sha256_prepare(&key->prepared, span_of(key->key, sizeof key->key));
    return key;
}
