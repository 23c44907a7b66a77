/* store/embedded/shard/shard.h -- what a shard has of the store while it runs: its reading transaction, its tokens. */
#pragma once

#include "store/embedded/state.h"

/* The calling thread's shard of this store. */
struct shard *shard_current(struct embedded_store *store);

/* The shard's read transaction, begun; between the two nothing may suspend. NULL on failure. */
MDB_txn *shard_begin_read(struct shard *shard, struct error *error);
void shard_end_read(struct shard *shard);
/* The same for a thread that is no shard's. */
bool store_begin_read(struct embedded_store *store, MDB_txn **ret_txn, struct error *error);
void store_end_read(struct embedded_store *store, MDB_txn *txn);
/* A cold walk reads the disk: runs it on the offload pool, where there is one. False: it did not run. */
SUSPENDS bool store_offload(struct embedded_store *store, void (*work)(void *), void *job, struct error *error);
/* Of a write: unique, so that it pins the stored bytes. */
void shard_next_token(struct shard *shard, uint8_t ret_token[ROW_TOKEN_BYTES]);

/* The calling thread is this shard from now on, until it is given NULL. */
void shard_enter(struct shard *shard);
