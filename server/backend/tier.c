/* server/backend/tier.c -- opens the tier before a bucket, and shows what it does. */
#include "server/backend/tier.h"

#include "runtime/base/assert.h"
#include "store/remote/remote.h"

#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MEMORY_DEFAULT (UINT64_C(256) << 20)

/* ---- opening ---- */

/* Everything that tells one backend's objects from another's of the same names. */
static char *name_backend(const struct config *config)
{
    char *name;
    const char *endpoint = config->endpoint[0] != '\0' ? config->endpoint : "aws";
    int size = asprintf(&name, "%s %s %s%s", endpoint, config->backend_region, config->backend,
                        config->all_buckets ? " all" : "");
    ASSERT(size > 0);
    return name;
}

static bool has_room(const struct config *config, unsigned shards, struct error *error)
{
    uint64_t least = tier_disk_bytes_least(shards);
    return config->tier_size >= least ||
           error_set(error, ERROR_INVALID, NULL, "--tier-size is too small: %u shards need at least %lluM", shards,
                     (unsigned long long)((least + (1 << 20) - 1) >> 20));
}

/* Of the class that objects have which name none. */
static bool load_price(const struct config *config, struct backend_price *ret_price, struct error *error)
{
    struct prices prices;
    bool is_list = config->tier_prices[0] == '\0';
    if (!prices_load(is_list ? NULL : config->tier_prices, &prices, error))
        return error_prepend(error, "--tier-prices");
    const struct class_price *price = prices_find(&prices, config->storage_class);
    ret_price->request = price->get / 1000;
    ret_price->gib = price->retrieval + prices.egress;
    memcpy(ret_price->currency, prices.currency, sizeof prices.currency);
    return true;
}

bool backend_tier_open(const struct backend_means *means, struct backend *backend, struct error *error)
{
    const struct config *config = means->config;
    bool has_disk = config->tier != NULL && config->tier[0] != '\0';
    if (!has_disk && config->tier_memory == 0)
        return true;
    if (!load_price(config, &backend->tier_price, error) || (has_disk && !has_room(config, means->shards, error)))
        return false;
    char *name = name_backend(config);
    const struct tier_options options = {
        .folder = has_disk ? config->tier : NULL,
        .backend = name,
        .disk_bytes = has_disk ? config->tier_size : 0,
        .memory_bytes = config->tier_memory != 0 ? config->tier_memory : MEMORY_DEFAULT,
        .bytes_a_day = config->tier_write_limit,
        .patience_ms = config->tier_patience_ms,
        .age_max_s = TIER_AGE_MAX_S,
        .keep_free = TIER_KEEP_FREE_PERCENT,
        .shards = means->shards,
        .offload = means->threads,
        .random = random_system(),
    };
    backend->tier = tier_open(&options, error);
    free(name);
    return backend->tier != NULL || error_prepend(error, "--tier");
}

SUSPENDS bool backend_tier_forget(const struct backend *backend, const struct object_name *name, uint64_t *ret_blocks,
                                  struct error *error)
{
    ASSERT(backend->tier != NULL);
    return remote_forget_near(backend->store, name, ret_blocks, error);
}

/* ---- what it saves ---- */

void backend_tier_saved(const struct backend *backend, struct backend_tier_saved *ret_saved)
{
    struct backend_tier_saved saved = {0};
    for (unsigned shard = 0; shard < TIER_SHARDS_MAX; shard++) {
        const struct tier_counters *of_tier = tier_counters(backend->tier, shard);
        const struct remote_counters *of_store = of_tier == NULL ? NULL : remote_counters(backend->store, shard);
        if (of_store == NULL)
            continue;
        saved.bytes += metric_read(&of_tier->from_memory) + metric_read(&of_tier->from_disk);
        saved.requests += metric_read(&of_store->heads_shared) + metric_read(&of_store->heads_spared);
        saved.further += metric_read(&of_tier->further);
    }
    const struct backend_price *price = &backend->tier_price;
    double requests = (double)saved.requests - (double)saved.further;
    saved.money = fmax(0, requests * price->request + (double)saved.bytes / (1 << 30) * price->gib);
    *ret_saved = saved;
}

/* ---- figures ---- */

struct counted {
    struct backend_figure figure;
    size_t offset; /* of its counter in struct tier_counters */
};

#define COUNTED(member) offsetof(struct tier_counters, member)

static const struct counted counted_rows[] = {
    {{"bale_tier_read_blocks_total", "counter", "Blocks that were read, wherever they came from."}, COUNTED(blocks)},
    {{"bale_tier_read_bytes_total", "counter", "Stored bytes that the tier gave.", "{from=\"memory\"}"},
     COUNTED(from_memory)},
    {{"bale_tier_read_bytes_total", "counter", "Stored bytes that the tier gave.", "{from=\"disk\"}"},
     COUNTED(from_disk)},
    {{"bale_tier_miss_bytes_total", "counter", "Stored bytes that the backend had to give instead."}, COUNTED(missed)},
    {{"bale_tier_opens_total", "counter", "Objects that were opened by a HEAD: the tier had them."}, COUNTED(opens)},
    {{"bale_tier_further_requests_total", "counter",
      "Requests for what was absent of an object, where the tier had given something already."},
     COUNTED(further)},
    {{"bale_tier_kept_blocks_total", "counter", "Blocks that were taken in."}, COUNTED(kept)},
    {{"bale_tier_unsound_blocks_total", "counter", "Blocks on the disk that were not what they should be."},
     COUNTED(unsound)},
    {{"bale_tier_written_blocks_total", "counter", "Blocks that were written to the disk."}, COUNTED(writer.blocks)},
    {{"bale_tier_written_bytes_total", "counter", "Bytes that were written to the disk."}, COUNTED(writer.bytes)},
    {{"bale_tier_moved_blocks_total", "counter", "Blocks in use that were written anew when their slab went."},
     COUNTED(writer.moved)},
    {{"bale_tier_dropped_blocks_total", "counter", "Blocks that were not written.", "{reason=\"busy\"}"},
     COUNTED(writer.dropped_busy)},
    {{"bale_tier_dropped_blocks_total", "counter", "Blocks that were not written.", "{reason=\"limit\"}"},
     COUNTED(writer.dropped_limit)},
    {{"bale_tier_dropped_blocks_total", "counter", "Blocks that were not written.", "{reason=\"full\"}"},
     COUNTED(writer.dropped_full)},
    {{"bale_tier_slabs_gone_total", "counter", "Slabs that were unlinked to make room, or for their age."},
     COUNTED(writer.slabs_gone)},
    {{"bale_tier_write_failures_total", "counter", "Writes that the disk refused."}, COUNTED(writer.failures)},
    {{"bale_tier_disk_reads_total", "counter", "Reads that the disk was asked for."}, COUNTED(disk.reads)},
    {{"bale_tier_disk_late_total", "counter", "Reads that the disk was late with: the backend was asked."},
     COUNTED(disk.late)},
    {{"bale_tier_disk_bypassed_total", "counter", "Reads that the disk was not asked for, as it was slow of late."},
     COUNTED(disk.bypassed)},
    {{"bale_tier_disk_failed_total", "counter", "Reads that the disk refused."}, COUNTED(disk.failed)},
};

static void put(struct buffer *to, const struct backend_figure *figure)
{
    buffer_append(to, span_of(figure, sizeof *figure));
}

static void put_gauge(struct buffer *to, const char *name, const char *help, uint64_t value)
{
    const struct backend_figure figure = {.name = name, .type = "gauge", .help = help, .value = value};
    put(to, &figure);
}

static void put_counted(const struct tier *tier, const struct counted *row, struct buffer *to)
{
    struct backend_figure figure = row->figure;
    for (unsigned shard = 0; shard < TIER_SHARDS_MAX; shard++) {
        const struct tier_counters *counters = tier_counters(tier, shard);
        if (counters != NULL)
            figure.value += metric_read((const metric_counter *)(const void *)((const char *)counters + row->offset));
    }
    put(to, &figure);
}

/* Is the writing of a shard paused, or the disk bypassed by its reads? */
static void put_states(const struct tier *tier, struct buffer *to)
{
    uint64_t paused = 0;
    uint64_t bypassed = 0;
    for (unsigned shard = 0; shard < TIER_SHARDS_MAX; shard++) {
        const struct tier_counters *counters = tier_counters(tier, shard);
        paused += counters != NULL && atomic_load(&counters->writer.pause) != NULL;
        bypassed += counters != NULL && atomic_load(&counters->disk.is_bypassed);
    }
    put_gauge(to, "bale_tier_paused_shards", "Shards whose writing to the tier is paused.", paused);
    put_gauge(to, "bale_tier_bypassed_shards", "Shards whose reads bypass the tier's disk.", bypassed);
}

static void put_saved(const struct backend *backend, struct buffer *to)
{
    enum { SHARES = 1000000 };
    struct backend_tier_saved saved;
    backend_tier_saved(backend, &saved);
    struct backend_figure figure = {"bale_tier_saved_money", "gauge",
                                    "What the backend would have cost for what the tier gave (--tier-prices).",
                                    .value = (uint64_t)llround(saved.money * SHARES), .scale = 1.0 / SHARES};
    (void)snprintf(figure.labels, sizeof figure.labels, "{currency=\"%s\"}", backend->tier_price.currency);
    put(to, &figure);
}

/* By how many times as large as it is. */
static void put_sizes(struct tier *tier, struct buffer *to)
{
    enum { SHARES = 1000000 };
    static const char *const times[GHOSTS] = {"0.5", "1", "2", "4"};
    struct ghost_figures ghosts[GHOSTS];
    if (!tier_ghosts(tier, ghosts))
        return;
    for (unsigned i = 0; i < GHOSTS; i++) {
        struct backend_figure figure = {
            "bale_tier_near_estimate", "gauge",
            "Share of all blocks that a tier so many times as large would have had, of a sample.",
            .value = (uint64_t)llround(ghosts[i].share_had * SHARES), .scale = 1.0 / SHARES};
        (void)snprintf(figure.labels, sizeof figure.labels, "{times=\"%s\"}", times[i]);
        put(to, &figure);
    }
}

void backend_tier_figures(const struct backend *backend, struct buffer *ret_figures)
{
    struct tier *tier = backend->tier;
    struct tier_usage usage;
    tier_usage(tier, &usage);
    put_gauge(ret_figures, "bale_tier_memory_bytes", "Memory that blocks take.", usage.memory_bytes);
    put_gauge(ret_figures, "bale_tier_disk_bytes", "What the tier takes on disk.", usage.slabs.bytes);
    put_gauge(ret_figures, "bale_tier_disk_bytes_max", "What it may take.", usage.slabs.bytes_max);
    put_gauge(ret_figures, "bale_tier_blocks", "Blocks that are thought to lie on the disk.", usage.index_count);
    put_states(tier, ret_figures);
    put_saved(backend, ret_figures);
    put_sizes(tier, ret_figures);
    for (size_t i = 0; i < sizeof counted_rows / sizeof counted_rows[0]; i++)
        put_counted(tier, &counted_rows[i], ret_figures);
}
