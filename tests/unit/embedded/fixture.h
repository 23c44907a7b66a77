/* tests/unit/embedded/fixture.h -- a store in a folder of its own, and fibers on its shards. */
#pragma once

#include "runtime/base/random.h"
#include "runtime/fiber/loop.h"
#include "store/embedded/embedded.h"
#include "tests/unit/run_suite.h"

#include <check.h>
#include <stddef.h>

/* Makes an empty folder below /tmp; folder_remove takes it away with what is in it. */
void folder_make(char ret_path[64]);
void folder_remove(const char *path);

struct bucket_store *open_store(const char *path, const struct embedded_options *options);

/* Runs `body` on a fiber of each shard (one thread each), attached to the store; returns when all have ended. */
typedef void shard_body(struct bucket_store *store, unsigned shard, void *argument);
void run_shards(struct bucket_store *store, unsigned shards, shard_body *body, void *argument);

/* Shard 0 alone, on this thread, with I/O of the simulator. */
struct io_sim;
void run_simulated(struct bucket_store *store, struct io_sim *sim, shard_body *body, void *argument);

/* open_store, run_shards with one shard, embedded_close. */
void with_store(const char *path, shard_body *body, void *argument);
/* The same in a folder that lives as long as the call. */
void with_new_store(shard_body *body, void *argument);

/* Fails the test unless `bale check` finds nothing. */
void expect_sound_store(const char *path);

/* So many rounds of a test that kills a process, unless BALE_CRASH_ROUNDS says how many. */
unsigned crash_rounds(unsigned ordinary);

/* Runs `count` fibers of this shard and waits for all. */
void run_fibers(unsigned count, void (*body)(unsigned index, void *argument), void *argument);

/* ---- objects in one call ---- */

struct span text(const char *string);
void create_bucket(struct bucket_store *store, struct span name); /* alice's */
struct object_name name_of(struct span bucket, struct span key);
/* False with *error; `condition` may be NULL. Attributes are those of a raw body with an etag made of its CRC. */
bool try_put(struct bucket_store *store, struct span bucket, struct span key, struct span body,
             const struct write_condition *condition, struct error *error);
void put(struct bucket_store *store, struct span bucket, struct span key, struct span body);
bool try_delete(struct bucket_store *store, struct span bucket, struct span key, struct error *error);
/* Fails the test unless the object is there with these bytes. */
void expect_body(struct bucket_store *store, struct span bucket, struct span key, struct span body);
void expect_missing(struct bucket_store *store, struct span bucket, struct span key);
void etag_of_body(struct span body, char ret_etag[ETAG_TEXT_BYTES]);

/* Bytes that depend on the seed alone. */
void fill_bytes(uint64_t seed, uint8_t *ret_bytes, size_t size);
