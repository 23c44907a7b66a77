/* store/joiner/joiner.h -- uploads for a store whose parts have a smallest size, as S3's have: parts that clients
 * send become parts that are stored, without padding.
 *
 * It is a store in front of another one (`inner`, capabilities.part_bytes_min > 0), and has no smallest part itself.
 * What it needs of the inner store is what S3 offers: objects, and uploads whose stored parts but the last are at least
 * part_bytes_min. Everything that is no upload goes straight through.
 *
 *     a part arrives      -> a staged piece: the object .bale/mpu/<upload>/<number>, durable before it is acknowledged
 *     neighbours are there -> a run: consecutive pieces, together at least part_bytes_min, become one stored part,
 * whose number is that of the first (so order always holds); a large piece is a run of its own Complete            ->
 * runs that still hold are taken as they are, the rest is joined now, and the inner store's Complete makes the object:
 * it decides who wins, once
 *
 * Pieces stay until the upload is completed or aborted. A part that is sent again therefore only makes the run that it
 * was in worthless, which shows: a stored part carries a digest of its pieces (as its md5, which the inner store hands
 * back). No other record is needed, so a restart loses nothing. Pieces that a crash left behind after a Complete or an
 * Abort are swept away when later uploads begin.
 *
 * The stored bytes of the object are those of the pieces, nothing else. Memory: JOIN_BYTES for each join and its lists
 * (half a MiB; of a Complete 120 bytes for each part), and JOINS_MAX run at once: a part that finds none free is joined
 * later, a Complete gets SlowDown. */
#pragma once

#include "store/bucket.h"

enum { JOIN_BYTES = 256 << 10, JOINS_MAX = 32 };

/* The inner store must outlive it. Used by every shard that uses the inner store. */
struct bucket_store *joiner_create(struct bucket_store *inner);
/* Nothing of it is in use. */
void joiner_destroy(struct bucket_store *store);
