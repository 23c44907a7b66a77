/* server/kms/key_desk.h -- one key service as this process knows it: a thread that asks it, one call after the other,
 * and what it gave (kept_keys.h). So a service that is silent holds up those who need it, and nobody else.
 *
 * After a call that failed for the service's sake none is made for KEY_DESK_REST_MS: who comes then is told why. Where
 * the file of the keyring says something else of the service than before, all that was kept is forgotten; what was
 * under way is not kept. Used by any shard. */
#pragma once

#include "runtime/fiber/fiber.h"
#include "server/kms/key_request.h"

#include <stdatomic.h>

enum { KEY_DESK_REST_MS = 1000, KEY_DESK_QUEUED_MAX = 64 };

/* Of the process; readable from any thread. */
struct kms_counters {
    _Atomic(uint64_t) calls; /* of services, with all their attempts */
    _Atomic(uint64_t) calls_failed;
};

struct key_desk;

/* NULL: no memory, or no thread. `counters` and `is_ending` (calls under way come back) must live as long. */
struct key_desk *key_desk_create(struct kms_counters *counters, const _Atomic(bool) *is_ending, struct error *error);
/* Nobody may wait any more. NULL: nothing is done. */
void key_desk_destroy(struct key_desk *desk);

/* A key from what is kept, or from the service. Refused: as vault_ask and aws_kms_ask; SlowDown, too many wait. */
SUSPENDS bool key_desk_ask(struct key_desk *desk, const struct key_request *request, struct kms_key *ret_key,
                           struct error *error);
