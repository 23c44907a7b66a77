/* store/embedded/volumes/pin.h -- a freed body's blocks are used again only when no reader streams from them.
 *
 * A shard pins the token of every body that it reads from a volume; pins never leave their shard. When a commit has
 * freed a body and is durable, the committer asks every shard (a release); each answers at once, or when the last of
 * its own readers of that body closes. With all answers the blocks go back to the shard that owns the volume. So a
 * download of a day holds its own body's blocks and nothing else.
 *
 * Why no reader can be missed: a shard looks up a row and pins its body without suspending. A release is delivered to
 * it before or after that; if after, the pin is there; if before, the freeing commit is older than the lookup, which
 * then does not find the row. */
#pragma once

#include "runtime/base/list.h"
#include "runtime/fiber/loop.h"
#include "store/embedded/queue/release_item.h"

#include <stdatomic.h>

struct embedded_store;
struct shard;

/* The question to all shards about the items of one commit. */
struct release;
/* On the committer's thread; takes the items over. `shards` are those that are attached. */
void release_ask(struct release_item *items, struct shard *const *shards, unsigned count);

enum { PIN_CHAINS = 1024 };

struct pin; /* readers of one body on this shard */
struct pin_table {
    struct pin *chains[PIN_CHAINS];
    uint64_t count;
};

/* Readers of the same body share a pin. */
struct pin *pin_take(struct pin_table *table, const uint8_t token[ROW_TOKEN_BYTES]);
void pin_drop(struct shard *shard, struct pin *pin);
