/* store/tier/contents.h -- the table at a slab's end that says which blocks lie in it.
 *
 *     28 bytes for each block: 16 revision | u64 number | u16 unit | u16 units
 *     zeroes
 *     the slab's last 32 bytes: "BTC1" | u32 count | u32 CRC-32C | u32 zero | u64 sequence | u64 second of writing
 *
 * It takes whole units. The CRC is that of the entries and of the last 32 bytes with this field 0. The last unit of a
 * slab never holds payload, so that nobody who chooses bytes of objects can write one. Pure; any thread. */
#pragma once

#include "store/tier/block.h"

struct contents_entry {
    uint8_t revision[REVISION_BYTES];
    uint64_t number;
    uint16_t unit;
    uint16_t units;
};

/* What the table of so many blocks takes. */
uint64_t contents_bytes(uint64_t count);
/* `ret_bytes` has contents_bytes(count). */
void contents_write(const struct contents_entry *entries, uint32_t count, uint64_t sequence, uint64_t second,
                    uint8_t *ret_bytes);

/* `tail`: the last bytes of a slab, at least a unit of them. How many entries does the table have? False: there is no
 * table of that slab; or it cannot be one, as it would not fit into `slab_bytes`. */
bool contents_find(struct span tail, uint64_t sequence, uint64_t slab_bytes, uint32_t *ret_count, uint64_t *ret_second);
/* `bytes` are the contents_bytes(count) at the slab's end. False: they are damaged. */
bool contents_check(struct span bytes, uint32_t count);
/* The one with this index; false: it does not lie inside the slab. */
bool contents_entry(struct span bytes, uint32_t index, uint64_t slab_bytes, struct contents_entry *ret_entry);
