/* bench/tier/rivals.h -- two caches that take in whatever is read, as measures: LRU, and S3-FIFO (Yang et al., "FIFO
 * queues are all you need for cache eviction", SOSP 2023). Blocks are numbers below `blocks`; `most` of them are kept,
 * at least one.
 *
 * One thread. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct lru;
struct lru *lru_begin(uint32_t blocks, uint32_t most);
bool lru_read(struct lru *lru, uint32_t block); /* true: it was there */
void lru_end(struct lru *lru);

struct s3_fifo;
struct s3_fifo *s3_fifo_begin(uint32_t blocks, uint32_t most);
bool s3_fifo_read(struct s3_fifo *fifo, uint32_t block);
void s3_fifo_end(struct s3_fifo *fifo);
