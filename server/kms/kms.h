/* server/kms/kms.h -- keys of key services for requests: the keyring's at once, those of services elsewhere from a
 * cache, and only then from the service.
 *
 * A service elsewhere is not asked for each object. A key that it gave is used for all that one bucket and context
 * writes under one name, for KMS_REUSE_MS or KMS_USES_MAX times, and one that it has opened is kept as long: that is
 * how late it is noticed that a right was taken away. So objects are written and read for a while when it is gone. Of
 * KMS_KEPT_MAX keys the oldest makes room for another one. After a call that failed for the service's sake none is made
 * for KMS_REST_MS.
 *
 * One for the process, used by any shard. A thread of its own asks the services, one call after the other, and fibers
 * wait for it. Keys lie in pages of runtime/base/secret.h. */
#pragma once

#include "runtime/fiber/fiber.h"
#include "server/keys/keyring.h"
#include "server/kms/vault.h"

enum { KMS_REUSE_MS = 5 * 60 * 1000, KMS_USES_MAX = 1 << 20, KMS_REST_MS = 1000, KMS_KEPT_MAX = 128 };

struct kms;

/* NULL: no memory, or no thread. Before other threads are started that use libcurl. The keyring must live as long. */
struct kms *kms_create(struct keyring *keyring, struct error *error);
/* What is being asked ends at once; nobody may wait any more. */
void kms_destroy(struct kms *kms);

/* Of the process; readable from any thread. */
struct kms_counters {
    _Atomic(uint64_t) calls; /* of services, with all their attempts */
    _Atomic(uint64_t) calls_failed;
};
const struct kms_counters *kms_counters(const struct kms *kms);

/* Is there a service of this name, or a key of the keyring that may be written under? As kms_keyring_find. */
bool kms_knows(struct kms *kms, struct span name, struct error *error);
/* A key for what is to be written in one context under a name; empty: the active key of the keyring. ret_grant points
 * into ret_key, and its name into `name` or ret_id. Refused: as kms_keyring_find and vault_make_key. */
SUSPENDS bool kms_make_key(struct kms *kms, struct span name, const uint8_t context[KMS_CONTEXT_BYTES],
                           struct kms_key *ret_key, char ret_id[KEYRING_ID_TEXT_BYTES], struct kms_grant *ret_grant,
                           struct error *error);
/* The key of a grant that is not by the keyring. Refused: as vault_open_key; InternalError: no service of its name is
 * in the keyring's file any more. */
SUSPENDS bool kms_open_key(struct kms *kms, const struct kms_grant *grant, uint8_t ret_key[AES_KEY_BYTES],
                           struct error *error);
