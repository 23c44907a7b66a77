/* tests/unit/tier/fixture.c -- folders, tier, and bytes that follow from a seed. */
#include "tests/unit/tier/fixture.h"

#include "runtime/base/byteorder.h"
#include "runtime/fiber/loop.h"
#include "runtime/io/io.h"

#include <dirent.h>
#include <ftw.h>
#include <stdio.h>
#include <unistd.h>

/* ---- folders ---- */

void folder_make(char ret_path[64])
{
    strcpy(ret_path, "/tmp/bale-tier-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(ret_path));
}

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *walk)
{
    (void)status, (void)kind, (void)walk;
    return remove(path);
}

void folder_remove(const char *path)
{
    (void)nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

unsigned folder_count(const char *path, const char *suffix)
{
    unsigned count = 0;
    DIR *entries = opendir(path);
    const struct dirent *entry;
    ck_assert_ptr_nonnull(entries);
    while ((entry = readdir(entries)) != NULL)
        count += span_ends_with(span_from_string(entry->d_name), span_from_string(suffix));
    (void)closedir(entries);
    return count;
}

/* ---- a shard ---- */

struct tier_options options_of(const char *folder)
{
    return (struct tier_options){
        .folder = folder,
        .backend = "a backend",
        .disk_bytes = FIXTURE_DISK_BYTES,
        .bytes_a_day = UINT64_C(1) << 40,
        .patience_ms = 60000,
        .shards = 1,
        .random = random_system(),
    };
}

struct shard_run {
    struct tier *tier;
    tier_body *body;
    void *argument;
    struct loop *loop;
};

static void run_body(void *argument)
{
    struct shard_run *run = argument;
    run->body(run->tier, run->argument);
    tier_detach(run->tier);
    loop_stop(run->loop, deadline_after_ms(5000));
}

void with_tier(const struct tier_options *options, tier_body *body, void *argument)
{
    struct error error;
    struct tier_options chosen = *options;
    chosen.offload = offload_create("test", 1, 64, &error);
    ck_assert_ptr_nonnull(chosen.offload);
    struct shard_run run = {.body = body, .argument = argument};
    run.tier = tier_open(&chosen, &error);
    ck_assert_msg(run.tier != NULL, "%s", run.tier == NULL ? error.message : "");
    run.loop = loop_create(&(struct loop_options){0}, &error);
    ck_assert_msg(run.loop != NULL, "%s", run.loop == NULL ? error.message : "");
    ck_assert(tier_attach(run.tier, 0, &error));
    ck_assert(fiber_spawn("test", run_body, &run, &error));
    loop_run(run.loop);
    loop_destroy(run.loop);
    tier_close(run.tier);
    offload_destroy(chosen.offload);
}

/* ---- bytes ---- */

struct block_revision revision_of(struct tier *tier, uint64_t seed, uint64_t stored_size)
{
    struct object_attributes attributes = {.stored_size = stored_size, .modified_ms = 1000};
    (void)snprintf(attributes.stored_etag, sizeof attributes.stored_etag, "%llu", (unsigned long long)seed);
    const struct object_name name = {.bucket = SPAN("bucket"), .key = SPAN("key")};
    return tier_revision(tier, &name, &attributes);
}

struct block_name block_of(const struct block_revision *revision, uint64_t number)
{
    return (struct block_name){.revision = *revision, .number = number};
}

void fill_stored(uint64_t seed, uint64_t offset, uint8_t *ret_bytes, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        uint64_t at = offset + i;
        ret_bytes[i] = (uint8_t)((at / 8 + seed * 131) * UINT64_C(0x9e3779b97f4a7c15) >> (at % 8 * 8));
    }
}

void keep_all(struct tier *tier, uint64_t seed, uint64_t stored_size)
{
    uint8_t *payload = malloc(BLOCK_PAYLOAD_BYTES);
    struct block_revision revision = revision_of(tier, seed, stored_size);
    for (uint64_t number = 0; block_offset(number) < stored_size; number++) {
        struct block_name name = block_of(&revision, number);
        fill_stored(seed, block_offset(number), payload, block_payload_bytes(&name));
        tier_keep(tier, &name, span_of(payload, block_payload_bytes(&name)));
        if (number % 16 == 15)
            wait_for_writer(tier);
    }
    wait_for_writer(tier);
    free(payload);
}

uint64_t read_all(struct tier *tier, uint64_t seed, uint64_t stored_size)
{
    enum { STEP = 200000 }; /* of several tier, and parts of them */
    uint8_t *bytes = malloc(STEP);
    uint8_t *expected = malloc(STEP);
    uint64_t found = 0;
    struct block_revision revision = revision_of(tier, seed, stored_size);
    for (uint64_t offset = 0; offset < stored_size;) {
        size_t size = stored_size - offset < STEP ? (size_t)(stored_size - offset) : STEP;
        size_t got = tier_read(tier, &revision, offset, bytes, size);
        fill_stored(seed, offset, expected, got);
        ck_assert_mem_eq(bytes, expected, got);
        found += got;
        offset = got > 0 ? offset + got : block_offset(block_number_at(offset) + 1);
    }
    free(bytes);
    free(expected);
    return found;
}

/* ---- waiting ---- */

static uint64_t dealt_with(const struct slab_writer_counters *writer)
{
    return metric_read(&writer->blocks) - metric_read(&writer->moved) + metric_read(&writer->dropped_limit) +
           metric_read(&writer->dropped_full);
}

void wait_for_writer(struct tier *tier)
{
    const struct tier_counters *counters = tier_counters(tier, 0);
    struct tier_usage usage;
    tier_usage(tier, &usage);
    while (usage.folder != NULL && dealt_with(&counters->writer) < metric_read(&counters->kept))
        (void)io_sleep_until(deadline_after_ms(1));
}

void wait_for_loading(struct tier *tier)
{
    struct tier_usage usage;
    for (tier_usage(tier, &usage); !usage.slabs.is_loaded; tier_usage(tier, &usage))
        (void)io_sleep_until(deadline_after_ms(1));
}
