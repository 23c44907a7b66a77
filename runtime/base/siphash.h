/* runtime/base/siphash.h -- SipHash-1-3 (Aumasson and Bernstein, 2012), for tables whose keys clients choose: who does
 * not know the table's secret cannot choose keys that meet in one chain. A seed before a faster hash would not do, as
 * there are texts that collide whatever the seed is. Not for signatures: a MAC is HMAC's.
 *
 *     struct siphash hash = siphash_begin(&key);
 *     siphash_add(&hash, name);
 *     uint64_t found = siphash_end(hash); // more may be added to `hash` afterwards, as to any copy of it
 *
 * Of one text it is SipHash-1-3 as everyone computes it. Each further text has an end of its own, so that "ab" and "c"
 * are another pair than "a" and "bc". */
#pragma once

#include "runtime/base/random.h"
#include "runtime/base/span.h"

struct siphash_key {
    uint64_t words[2];
};

struct siphash {
    uint64_t state[4];
};

struct siphash_key siphash_draw_key(const struct random_source *source);
struct siphash siphash_begin(const struct siphash_key *key);
void siphash_add(struct siphash *hash, struct span text);
uint64_t siphash_end(struct siphash hash);
