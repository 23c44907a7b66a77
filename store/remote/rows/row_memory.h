/* store/remote/rows/row_memory.h -- rows in the memory of one shard: sets of eight, in each of which the row that was
 * used longest ago makes room. Private to rows.c. */
#pragma once

#include "store/remote/rows/rows.h"

struct row_memory;

struct remembered_row {
    uint8_t key[ROW_KEY_BYTES];
    bool is_dropped;       /* there is none any more: the file may not know yet */
    uint64_t file_version; /* in which the file has nothing newer; 0: nobody has looked */
    struct row row;
};

struct row_memory *row_memory_create(void); /* empty; ROWS_IN_MEMORY */
void row_memory_destroy(struct row_memory *memory);

/* Used now. Stays until the next row_memory_place. NULL: it is not remembered. */
struct remembered_row *row_memory_find(struct row_memory *memory, const uint8_t key[ROW_KEY_BYTES]);
/* Its own place or one that it takes over, with the key in it; all else is the caller's to set. */
struct remembered_row *row_memory_place(struct row_memory *memory, const uint8_t key[ROW_KEY_BYTES]);
