/* server/admin/tier.c -- /tier: JSON of what lies in the tier, and what came from there. */
#include "server/admin/tier.h"

#include "server/admin/document.h"
#include "server/backend/tier.h"

#include <stdio.h>

static const char none_text[] = "there is no tier here: --tier and --tier-memory of baled make one before a bucket";

/* Over all shards. */
struct sums {
    uint64_t blocks, from_memory, from_disk, missed, opens, kept, unsound;
    uint64_t written_bytes, moved, dropped_busy, dropped_limit, dropped_full, failures, slabs_gone;
    uint64_t disk_reads, disk_late, disk_bypassed, disk_failed;
    uint64_t bypassed_shards;
    const char *pause; /* of one of them */
};

static void add_shard(const struct tier_counters *of, struct sums *sums)
{
    sums->blocks += metric_read(&of->blocks);
    sums->from_memory += metric_read(&of->from_memory);
    sums->from_disk += metric_read(&of->from_disk);
    sums->missed += metric_read(&of->missed);
    sums->opens += metric_read(&of->opens);
    sums->kept += metric_read(&of->kept);
    sums->unsound += metric_read(&of->unsound);
    sums->written_bytes += metric_read(&of->writer.bytes);
    sums->moved += metric_read(&of->writer.moved);
    sums->dropped_busy += metric_read(&of->writer.dropped_busy);
    sums->dropped_limit += metric_read(&of->writer.dropped_limit);
    sums->dropped_full += metric_read(&of->writer.dropped_full);
    sums->failures += metric_read(&of->writer.failures);
    sums->slabs_gone += metric_read(&of->writer.slabs_gone);
    sums->disk_reads += metric_read(&of->disk.reads);
    sums->disk_late += metric_read(&of->disk.late);
    sums->disk_bypassed += metric_read(&of->disk.bypassed);
    sums->disk_failed += metric_read(&of->disk.failed);
    sums->bypassed_shards += atomic_load(&of->disk.is_bypassed);
    const char *pause = atomic_load(&of->writer.pause);
    sums->pause = pause != NULL ? pause : sums->pause;
}

static struct sums sum_up(const struct tier *tier)
{
    struct sums sums = {0};
    for (unsigned shard = 0; shard < TIER_SHARDS_MAX; shard++) {
        const struct tier_counters *counters = tier_counters(tier, shard);
        if (counters != NULL)
            add_shard(counters, &sums);
    }
    return sums;
}

static struct json_object *describe_disk(const struct tier_usage *usage, const struct sums *sums)
{
    struct json_object *disk = json_object_new_object();
    admin_add_text(disk, "folder", span_from_string(usage->folder));
    admin_add_number(disk, "bytes", usage->slabs.bytes);
    admin_add_number(disk, "bytes_max", usage->slabs.bytes_max);
    admin_add_number(disk, "slabs", usage->slabs.count);
    admin_add_number(disk, "slab_bytes", usage->slab_bytes);
    admin_add_number(disk, "blocks", usage->index_count);
    admin_add_number(disk, "blocks_max", usage->index_words);
    if (usage->slabs.oldest_s != 0)
        admin_add_number(disk, "oldest_ms", (uint64_t)usage->slabs.oldest_s * 1000);
    admin_add_flag(disk, "loaded", usage->slabs.is_loaded);
    admin_add_flag(disk, "direct", !usage->slabs.is_buffered);
    admin_add_number(disk, "written_bytes", sums->written_bytes);
    admin_add_number(disk, "blocks_moved", sums->moved);
    admin_add_number(disk, "slabs_gone", sums->slabs_gone);
    admin_add_number(disk, "dropped_busy", sums->dropped_busy);
    admin_add_number(disk, "dropped_limit", sums->dropped_limit);
    admin_add_number(disk, "dropped_full", sums->dropped_full);
    admin_add_number(disk, "write_failures", sums->failures);
    admin_add_number(disk, "reads", sums->disk_reads);
    admin_add_number(disk, "reads_late", sums->disk_late);
    admin_add_number(disk, "reads_bypassed", sums->disk_bypassed);
    admin_add_number(disk, "reads_failed", sums->disk_failed);
    admin_add_number(disk, "blocks_unsound", sums->unsound);
    admin_add_number(disk, "bypassed_shards", sums->bypassed_shards);
    if (sums->pause != NULL)
        admin_add_text(disk, "paused", span_from_string(sums->pause));
    return disk;
}

static void add_fraction(struct json_object *to, const char *name, double value)
{
    char text[32];
    (void)snprintf(text, sizeof text, "%.6f", value);
    json_object_object_add(to, name, json_object_new_double_s(value, text));
}

static struct json_object *describe_saved(const struct backend *backend)
{
    struct backend_tier_saved saved;
    struct json_object *document = json_object_new_object();
    backend_tier_saved(backend, &saved);
    admin_add_number(document, "bytes", saved.bytes);
    admin_add_number(document, "requests", saved.requests);
    admin_add_number(document, "further_requests", saved.further);
    add_fraction(document, "money", saved.money);
    admin_add_text(document, "currency", span_from_string(backend->tier_price.currency));
    return document;
}

static struct json_object *describe_sizes(const struct ghost_figures ghosts[GHOSTS])
{
    struct json_object *sizes = json_object_new_array();
    for (unsigned i = 0; i < GHOSTS; i++) {
        struct json_object *size = json_object_new_object();
        admin_add_number(size, "bytes_max", ghosts[i].disk_bytes);
        add_fraction(size, "near", ghosts[i].share_had);
        admin_add_flag(size, "was_full", ghosts[i].was_full);
        json_object_array_add(sizes, size);
    }
    return sizes;
}

SUSPENDS void admin_answer_tier(struct http_exchange *exchange, const struct admin_view *view)
{
    struct tier *tier = view->backend->tier;
    struct tier_usage usage;
    struct ghost_figures ghosts[GHOSTS];
    if (tier == NULL) {
        admin_refuse(exchange, 404, none_text);
        return;
    }
    tier_usage(tier, &usage);
    struct sums sums = sum_up(tier);
    struct json_object *document = json_object_new_object();
    admin_add_number(document, "blocks_read", sums.blocks);
    admin_add_number(document, "bytes_from_memory", sums.from_memory);
    admin_add_number(document, "bytes_from_disk", sums.from_disk);
    admin_add_number(document, "bytes_missed", sums.missed);
    admin_add_number(document, "opens_near", sums.opens);
    admin_add_number(document, "blocks_kept", sums.kept);
    json_object_object_add(document, "saved", describe_saved(view->backend));
    admin_add_number(document, "memory_bytes", usage.memory_bytes);
    admin_add_number(document, "memory_bytes_max", usage.memory_max);
    if (usage.folder != NULL)
        json_object_object_add(document, "disk", describe_disk(&usage, &sums));
    if (tier_ghosts(tier, ghosts))
        json_object_object_add(document, "sizes", describe_sizes(ghosts));
    admin_answer_document(exchange, 200, document);
}

static bool is_name(const struct object_name *name)
{
    return name->bucket.size > 0 && name->bucket.size <= BUCKET_NAME_BYTES_MAX && name->bucket.data[0] != '.' &&
           name->key.size > 0 && name->key.size <= OBJECT_KEY_BYTES_MAX;
}

SUSPENDS static void drop_key(struct http_exchange *exchange, const struct backend *backend,
                              const struct object_name *name)
{
    struct error error;
    uint64_t blocks;
    if (!is_name(name)) {
        admin_refuse(exchange, 400, "a bucket and a key: bucket=NAME&key=KEY");
        return;
    }
    if (!backend_tier_forget(backend, name, &blocks, &error)) {
        admin_refuse_error(exchange, &error);
        return;
    }
    struct json_object *document = json_object_new_object();
    admin_add_number(document, "blocks", blocks);
    admin_answer_document(exchange, 200, document);
}

SUSPENDS static void drop(struct http_exchange *exchange, const struct backend *backend)
{
    struct object_name name = {0};
    bool has_bucket = admin_find_parameter(exchange, "bucket", &name.bucket);
    bool has_key = admin_find_parameter(exchange, "key", &name.key);
    if (has_bucket || has_key)
        drop_key(exchange, backend, &name);
    else if (exchange->head->query.size > 0)
        admin_refuse(exchange, 400, "a bucket and a key, or nothing: bucket=NAME&key=KEY");
    else if (!tier_drop_all(backend->tier))
        admin_refuse(exchange, 503, "a shard is busy: what it has just written to the tier goes in a moment");
    else
        admin_answer_document(exchange, 200, json_object_new_object());
}

SUSPENDS bool admin_change_tier(struct http_exchange *exchange, const struct admin_view *view)
{
    if (!span_equal(exchange->head->path, SPAN("/tier/drop")))
        return false;
    if (!span_equal(exchange->head->method, SPAN("POST")))
        admin_refuse(exchange, 405, "this changes something: POST");
    else if (view->backend->tier == NULL)
        admin_refuse(exchange, 404, none_text);
    else if (!admin_may_change(exchange, view))
        admin_refuse_stranger(exchange);
    else
        drop(exchange, view->backend);
    return true;
}
