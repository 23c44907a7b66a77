/* store/remote/words/shared_head.h -- one HEAD of a key for several opens of a shard.
 *
 * An open may go by a HEAD that was sent after the open began, whoever sent it: the backend answered it in between. So
 * whoever comes while none of the key is under way sends one at once; whoever comes later never joins one that was
 * sent, but the next, which goes when none is under way any more, or a quarter of a round trip behind the last, up to
 * SHARED_HEADS_UNDER_WAY of a key at a time.
 *
 * The fiber that sends a HEAD is that of the first who waits for it. When it is cancelled, the others ask anew.
 *
 * All of it belongs to one shard, and to its thread. */
#pragma once

#include "runtime/base/error.h"
#include "runtime/base/list.h"
#include "runtime/fiber/fiber.h"

#include <stdint.h>

enum { SHARED_HEAD_CHAINS = 64, SHARED_HEADS_UNDER_WAY = 4 };

struct shared_heads {
    struct list_link chains[SHARED_HEAD_CHAINS]; /* those to be sent, and those under way, by their key */
    uint64_t round_trip_ns;                      /* of late; 0: not known */
};

struct remote_key;
struct s3_answer;

void shared_heads_init(struct shared_heads *heads);
/* Is the HEAD of this key the same for all who ask for it now? A request for one version that was not named by the
 * caller (remote_key_pin) is nobody else's. */
bool shared_head_is_for_all(const struct remote_key *key);
/* As remote_call with the HEAD of a key that is for all. */
SUSPENDS bool shared_head_ask(struct remote_key *key, struct s3_answer *ret_answer, struct error *error);
