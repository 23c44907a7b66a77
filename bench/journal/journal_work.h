/* bench/journal/journal_work.h -- the batches that the benchmarks of the journal submit: mostly counters, some maps and
 * sets.
 */
#pragma once

#include "journal/format/op.h"
#include "runtime/base/random.h"

/* `keys`: how many different entries the ops touch. */
struct journal_work {
    const struct random_source *random;
    uint64_t keys;
};

/* Appends `count` ops. 6 of 10 add to a counter, 3 put a value of 40 bytes into a map, 1 adds to a set. */
void journal_work_put_ops(const struct journal_work *work, struct buffer *ops, unsigned count);
/* The op that puts entry number `index` of the map. */
void journal_work_put_entry(struct buffer *ops, uint64_t index);
