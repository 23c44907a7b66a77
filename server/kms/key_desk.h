/* server/kms/key_desk.h -- one key service as this process knows it: a thread that asks it, one call after the other,
 * and what it gave (kept_keys.h). So a service that is silent holds up those who need it, and nobody else.
 *
 * After a call that failed for the service's sake, or for that of one of its keys, none is made for a while, or none
 * for that key (rests.h): who comes then is told why. Where the file of the keyring says something else of the service
 * than before, all that was kept is forgotten; what was under way is not kept. Used by any shard. */
#pragma once

#include "runtime/base/clock.h"
#include "runtime/fiber/fiber.h"
#include "server/kms/key_request.h"

#include <stdatomic.h>

enum { KEY_DESK_QUEUED_MAX = 64 };

/* Of the process; readable from any thread. */
struct kms_counters {
    _Atomic(uint64_t) calls; /* of services, with all their attempts */
    _Atomic(uint64_t) calls_failed;
};

struct key_desk;

/* NULL: no memory, or no thread. `counters` and `ends` (from then on calls come back, those under way, too) must live
 * as long. */
struct key_desk *key_desk_create(struct kms_counters *counters, const _Atomic(deadline_t) *ends, struct error *error);
/* Nobody may wait any more. NULL: nothing is done. */
void key_desk_destroy(struct key_desk *desk);

/* A key from what is kept, or from the service. Refused: as vault_ask and aws_kms_ask; SlowDown, too many wait. */
SUSPENDS bool key_desk_ask(struct key_desk *desk, const struct key_request *request, struct kms_key *ret_key,
                           struct error *error);

/* Overwrites the keys whose time is over. Any thread. */
void key_desk_forget_ended(struct key_desk *desk);
