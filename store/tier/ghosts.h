/* store/tier/ghosts.h -- tiers that are not there, beside the one that is: of half its size, of its own, of twice and
 * four times as much, and what they would have had of the same reads.
 *
 * Each is a model (store/tier/model.h) that sees a sample of the blocks: one in so many that the one of the tier's own
 * size has room for 4,096 whole blocks. Together they take 6 MiB, up to 16 where all objects are tiny. They begin
 * empty, and know nothing of memory beside the disk, of a day's limit, and of age. The one of the tier's own size is
 * there to compare the others with.
 *
 * The sample may hold more of what is read often than its share, or less. How much, the number of its readings tells,
 * and it is taken for hits (Waldspurger et al., 2015, "SHARDS-adj"): so the estimate is within a point of a model that
 * sees all blocks (tests/unit/tier/trace_test.c), and without it within four.
 *
 * A reading that finds another one at the models is left out of the sample: nobody waits. Any thread. */
#pragma once

#include "store/tier/model.h"

enum { GHOSTS = 4 };

struct ghosts;

struct ghost_figures {
    uint64_t disk_bytes;
    double share_had; /* of the blocks that were read; 0 before there is a sample of them */
    bool was_full;    /* it had to choose */
};

/* Of a tier of so many bytes. NULL: there is no memory for them. */
struct ghosts *ghosts_create(uint64_t disk_bytes, struct error *error);
void ghosts_destroy(struct ghosts *ghosts);

/* The block is read. `may_be_kept`: as tier_model_read has it. */
void ghosts_read(struct ghosts *ghosts, const struct block_name *name, bool may_be_kept);
/* Of the smallest first. `blocks_read`: how often ghosts_read was called. */
void ghosts_figures(struct ghosts *ghosts, uint64_t blocks_read, struct ghost_figures ret_figures[GHOSTS]);
