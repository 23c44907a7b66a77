/* server/kms/rests.h -- what of a key service is left alone for a while, because it was in trouble: all of it, or one
 * of its keys.
 *
 * A key that its service has and cannot use is no reason to refuse what other keys are for. At most RESTING_KEYS_MAX
 * keys rest at once; a further one takes the place of that whose rest ends first. Not locked. Pure. */
#pragma once

#include "runtime/base/error.h"
#include "runtime/base/span.h"
#include "s3client/wire/checksum.h"

enum { RESTS_MS = 1000, RESTING_KEYS_MAX = 8 };

struct rest {
    uint8_t key[SHA256_BYTES]; /* of what the service calls it; not looked at, of the service */
    uint64_t until_ns;
    struct error trouble;
};

struct rests {
    struct rest service;
    struct rest keys[RESTING_KEYS_MAX];
};

/* Why the service is not to be asked for this key; NULL: it may be. */
const struct error *rests_find(const struct rests *rests, struct span key, uint64_t now_ns);
void rests_add_service(struct rests *rests, uint64_t now_ns, const struct error *trouble);
void rests_add_key(struct rests *rests, struct span key, uint64_t now_ns, const struct error *trouble);
