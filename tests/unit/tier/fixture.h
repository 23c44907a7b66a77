/* tests/unit/tier/fixture.h -- blocks of a tier in a folder of its own, and a fiber that uses them. */
#pragma once

#include "store/tier/tier.h"
#include "tests/unit/run_suite.h"

#include <check.h>

enum { FIXTURE_DISK_BYTES = TIER_DISK_BYTES_LEAST };

/* Makes an empty folder; folder_remove takes it away with what is in it. */
void folder_make(char ret_path[64]);
void folder_remove(const char *path);
/* Files in it whose names end so. */
unsigned folder_count(const char *path, const char *suffix);

/* Of one shard, with a disk of FIXTURE_DISK_BYTES that may be as slow as it likes, and hardly any memory: what is read
 * comes from the disk. */
struct tier_options options_of(const char *folder);

/* Runs `body` on a fiber of the first shard, attached; then detaches and closes. */
typedef void tier_body(struct tier *tier, void *argument);
void with_tier(const struct tier_options *options, tier_body *body, void *argument);

/* A revision whose bytes follow from the seed. */
struct block_revision revision_of(struct tier *tier, uint64_t seed, uint64_t stored_size);
struct block_name block_of(const struct block_revision *revision, uint64_t number);
/* The bytes [offset, offset + size) of it. */
void fill_stored(uint64_t seed, uint64_t offset, uint8_t *ret_bytes, size_t size);

/* Every block of it is kept; when this returns, all that the disk took is there. */
void keep_all(struct tier *tier, uint64_t seed, uint64_t stored_size);
/* How many bytes of it are there; fails the test if one of them is wrong. */
uint64_t read_all(struct tier *tier, uint64_t seed, uint64_t stored_size);
/* Waits until the shard's writer has dealt with all blocks that it was given. */
void wait_for_writer(struct tier *tier);
/* Waits until what an earlier process left has been read. */
void wait_for_loading(struct tier *tier);
