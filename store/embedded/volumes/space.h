/* store/embedded/volumes/space.h -- which blocks of the volumes are taken: the table `space`, changed with the commit.
 *
 * Key: volume (u32 big endian), part (u32 big endian). Value: a bitmap of SPACE_PART_BLOCKS blocks, set = taken; a
 * missing part is all free. Of a part whose row is damaged everything counts as taken, also what is freed later,
 * until a repair has found out anew what is: so nothing is written over. The damaged row stays, whatever is written
 * beside it; one with a damaged key is an error for whoever loads the volume. A space_change gathers what one
 * transaction takes and frees, and writes each part once. */
#pragma once

#include "store/embedded/catalogue/catalogue.h"
#include "store/embedded/catalogue/row.h"

enum { SPACE_PART_BLOCKS = 8192, SPACE_PART_BYTES = SPACE_PART_BLOCKS / 8, SPACE_CHAINS = 256 };

struct space_part;
struct space_change {
    MDB_txn *txn;
    const struct catalogue *catalogue;
    struct space_part *chains[SPACE_CHAINS];
    int64_t taken_blocks; /* more than before */
};

void space_change_begin(struct space_change *change, MDB_txn *txn, const struct catalogue *catalogue);
/* ERROR_DAMAGED: a block that is to be taken is taken already (or free that is to be freed). */
bool space_take(struct space_change *change, struct extent extent, struct error *error);
bool space_free(struct space_change *change, struct extent extent, struct error *error);
/* Writes the parts that changed. */
bool space_change_write(struct space_change *change, struct error *error);
void space_change_end(struct space_change *change);

/* A volume's whole bitmap; ret_taken has BITMAP_WORDS(blocks) words. Not *ret_is_whole: some of it is damaged. */
bool space_load(MDB_txn *txn, const struct catalogue *catalogue, uint32_t volume, uint32_t blocks, uint64_t *ret_taken,
                bool *ret_is_whole, struct error *error);
/* Removes the parts of a volume that goes. */
bool space_forget(MDB_txn *txn, const struct catalogue *catalogue, uint32_t volume, uint32_t blocks,
                  struct error *error);
/* Parts that are missing become all taken, until repair knows what is: before that nothing may be taken for free. */
bool space_claim_missing(MDB_txn *txn, const struct catalogue *catalogue, uint32_t volume, uint32_t blocks,
                         struct error *error);
/* Is a row of the table as it should be? */
bool space_row_is_sound(const MDB_val *key, const MDB_val *value);
/* Writes a whole bitmap: of a volume that comes, whose row is not there yet, or for repair. ERROR_DAMAGED: beside it
 * are damaged rows of which it is not clear whose they are. */
bool space_store(MDB_txn *txn, const struct catalogue *catalogue, uint32_t volume, uint32_t blocks,
                 const uint64_t *taken, struct error *error);
