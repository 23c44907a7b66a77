/* server/kms/rests.c -- an array that is looked through. */
#include "server/kms/rests.h"

enum { MS_NS = 1000000 };

const struct error *rests_find(const struct rests *rests, struct span key, uint64_t now_ns)
{
    uint8_t digest[SHA256_BYTES];
    if (rests->service.until_ns > now_ns)
        return &rests->service.trouble;
    sha256_of(key, digest);
    for (unsigned i = 0; i < RESTING_KEYS_MAX; i++) {
        const struct rest *rest = &rests->keys[i];
        if (rest->until_ns > now_ns && memcmp(rest->key, digest, sizeof digest) == 0)
            return &rest->trouble;
    }
    return NULL;
}

void rests_add_service(struct rests *rests, uint64_t now_ns, const struct error *trouble)
{
    rests->service.until_ns = now_ns + (uint64_t)RESTS_MS * MS_NS;
    rests->service.trouble = *trouble;
}

void rests_add_key(struct rests *rests, struct span key, uint64_t now_ns, const struct error *trouble)
{
    struct rest *place = &rests->keys[0];
    for (unsigned i = 1; i < RESTING_KEYS_MAX; i++)
        if (rests->keys[i].until_ns < place->until_ns)
            place = &rests->keys[i];
    *place = (struct rest){.until_ns = now_ns + (uint64_t)RESTS_MS * MS_NS, .trouble = *trouble};
    sha256_of(key, place->key);
}
