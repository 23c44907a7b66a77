/* store/tier/model.h -- a tier without bytes: which blocks one of a given size would have had.
 *
 * Index, sights and rules are those of the tier (index.h, sights.h, policy.h); a slab is the list of its blocks. It is
 * told of each block that is read, in order. Other than a tier it has one shard, writes at once, has no memory beside
 * its disk, and knows no time: no limit of what is written in a day, and no age at which a slab goes.
 *
 * It takes 16 bytes for a block, beside index and sights. One thread at a time. */
#pragma once

#include "runtime/base/error.h"
#include "store/tier/block.h"

struct tier_model;

struct tier_model_figures {
    uint64_t blocks_read;
    uint64_t blocks_had;
    uint64_t bytes_written; /* whole units; with those of blocks that were moved */
    uint64_t blocks_written;
    uint64_t blocks_moved;
    uint64_t slabs_gone;
    uint64_t bytes_on_disk; /* of slabs, as files have it */
    bool was_full;          /* it had to choose */
};

/* `disk_bytes` as tier_options has it, for one shard. NULL: there is no memory for it. */
struct tier_model *tier_model_create(uint64_t disk_bytes, struct error *error);
/* One that is told of one block in 2^halvings only, always the same ones, and has as much less of everything: its hits
 * are as often as with all (Waldspurger et al., 2015, for LRU). It has at least 2 MiB then. */
struct tier_model *tier_model_create_sample(uint64_t disk_bytes, unsigned halvings, struct error *error);
void tier_model_destroy(struct tier_model *model);

/* The block is asked for. `may_be_kept`: the request names the revision. True: the tier has it. */
bool tier_model_read(struct tier_model *model, const struct block_name *name, bool may_be_kept);
const struct tier_model_figures *tier_model_figures(const struct tier_model *model);
