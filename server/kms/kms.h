/* server/kms/kms.h -- keys of key services for requests: the keyring's at once, those of services elsewhere from what
 * is kept of them, and only then from the service.
 *
 * A service elsewhere is not asked for each object. A key that it gave is used for all that one bucket and context
 * writes under one name, for KEPT_KEYS_MS or KEPT_KEYS_USES_MAX times, and one that it has opened is kept as long: that
 * is how late it is noticed that a right was taken away. So objects are written and read for a while when it is gone.
 * Each service has a desk of its own (key_desk.h): a thread, and what is kept.
 *
 * One for the process, used by any shard. */
#pragma once

#include "runtime/fiber/fiber.h"
#include "server/keys/keyring.h"
#include "server/kms/key_desk.h"

struct kms;

/* NULL: no memory. Before other threads are started that use libcurl. The keyring must live as long. */
struct kms *kms_create(struct keyring *keyring, struct error *error);
/* The process is being stopped: from KMS_LAST_MS on no service is asked any more, and what is being asked comes back,
 * so that a stop does not wait for one that is silent. What is kept is given out as before. Any thread. */
enum { KMS_LAST_MS = 1000 };
void kms_stop(struct kms *kms);
/* What is being asked ends at once; nobody may wait any more. */
void kms_destroy(struct kms *kms);

/* To be called every few seconds: what is kept is overwritten when its time is over, also where nobody asks for keys
 * any more. Any thread. */
void kms_forget_ended(struct kms *kms);

const struct kms_counters *kms_counters(const struct kms *kms);

/* Is there a service of this name or with such a key, or a key of the keyring that may be written under? As
 * kms_keyring_find. */
bool kms_knows(struct kms *kms, struct span name, struct error *error);
/* Is that one of the names that a client may have for the key of a grant: the service's here, what the service calls
 * the key, or the one that the service's section has? */
bool kms_is_named(struct kms *kms, const struct kms_grant *grant, struct span name);
/* A key for what is to be written in one context under a name; empty: the active key of the keyring. ret_grant points
 * into ret_key and the context, and its name into ret_name. Refused: as kms_keyring_find and key_desk_ask. */
SUSPENDS bool kms_make_key(struct kms *kms, struct span name, const struct kms_context *context,
                           struct kms_key *ret_key, char ret_name[KMS_NAME_BYTES_MAX + 1], struct kms_grant *ret_grant,
                           struct error *error);
/* The key of a grant that is not by the keyring, of an object in this bucket. Refused: as key_desk_ask; InternalError:
 * no service of its name is in the keyring's file any more. */
SUSPENDS bool kms_open_key(struct kms *kms, const struct kms_grant *grant, struct span bucket,
                           uint8_t ret_key[AES_KEY_BYTES], struct error *error);
