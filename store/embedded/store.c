/* store/embedded/store.c -- opening and closing the store, and shards coming and going. */
#include "runtime/base/assert.h"
#include "runtime/log/log.h"
#include "store/bucket_operations.h"
#include "store/embedded/catalogue/stop_mark.h"
#include "store/embedded/commit/start.h"
#include "store/embedded/ledger/ledger_spool.h"
#include "store/embedded/objects/objects.h"
#include "store/embedded/queue/committer.h"
#include "store/embedded/rewrite/rewrite.h"
#include "store/embedded/shard/shard.h"
#include "store/embedded/snapshot.h"
#include "store/embedded/state.h"
#include "store/embedded/uploads/uploads.h"

#include <stdlib.h>

static const struct bucket_store_operations operations = {
    .create_bucket = store_create_bucket,
    .find_bucket = store_find_bucket,
    .delete_bucket = store_delete_bucket,
    .list_buckets = store_list_buckets,
    .open = store_open_object,
    .head = store_head,
    .read = store_read,
    .read_sidecar = store_read_sidecar,
    .close = store_close_object,
    .begin = store_begin,
    .write = store_write,
    .commit = store_commit,
    .abort = store_abort,
    .copy = store_copy,
    .delete_objects = store_delete_objects,
    .list = store_list,
    .create_upload = store_create_upload,
    .find_upload = store_find_upload,
    .begin_part = store_begin_part,
    .commit_part = store_commit_part,
    .list_parts = store_list_parts,
    .complete_upload = store_complete_upload,
    .abort_upload = store_abort_upload,
    .list_uploads = store_list_uploads,
    .find_completed = store_find_completed,
    .read_parts = store_read_parts,
    .read_tags = store_read_tags,
    .write_tags = store_write_tags,
    .set_versioning = store_set_versioning,
    .list_versions = store_list_versions,
    .write_acl = store_write_acl,
    .set_lock = store_set_lock,
    .write_retention = store_write_retention,
    .write_legal_hold = store_write_legal_hold,
    .commit_rewrite = store_commit_rewrite,
    .change_class = store_change_class,
    .change_seal = store_change_seal,
};

enum { RECLAIM_DELAY_MS = 10000 };

/* ---- life ---- */

static void set_defaults(struct embedded_options *options)
{
    ASSERT(options->shards >= 1 && options->shards <= EMBEDDED_SHARDS_MAX);
    if (options->catalogue_max_bytes == 0)
        options->catalogue_max_bytes = CATALOGUE_BYTES_DEFAULT;
    if (options->volume_max_bytes == 0)
        options->volume_max_bytes = VOLUME_BYTES_MAX;
    if (options->reclaim_delay_ms == 0)
        options->reclaim_delay_ms = RECLAIM_DELAY_MS;
    if (options->clock == NULL)
        options->clock = clock_system();
    if (options->random == NULL)
        options->random = random_system();
}

/* Before anything is written: keys that are out of order would lead it astray. */
static void correct_keys(struct catalogue *catalogue)
{
    unsigned count;
    struct error error;
    if (catalogue->inspection.damaged_rows == 0)
        return;
    if (!catalogue_correct(catalogue, false, &count, &error))
        log_message(LOG_ERROR, "Damaged keys of %s stay where they are: %s", catalogue->path, error.message);
    else if (count > 0)
        log_message(LOG_ERROR,
                    "%u rows of %s had one wrong bit in their keys and were put right: find out what the disk does.",
                    count, catalogue->path);
}

static void tell_lost_maps(const struct embedded_store *store)
{
    if (store->volumes.lost_maps > 0)
        log_message(
            LOG_ERROR,
            "What is free in %llu volumes of %s is damaged in part: nothing is written there, and nothing given "
            "back, until `bale check --repair`.",
            (unsigned long long)store->volumes.lost_maps, store->folder.path);
}

static bool open_catalogue(struct embedded_store *store, struct error *error)
{
    const struct folder *folder = &store->folder;
    uint64_t max_bytes = store->options.catalogue_max_bytes;
    return folder->is_new ? catalogue_open(folder->path, max_bytes, folder->uuid, true, &store->catalogue, error)
                          : catalogue_open_as_left(folder->path, max_bytes, folder->uuid, &store->catalogue, error);
}

/* Nobody has attached: nothing is written meanwhile. */
static bool look_later(struct embedded_store *store, struct error *error)
{
    if (store->catalogue.is_as_left)
        store->look = later_look_start(&store->catalogue, error);
    return !store->catalogue.is_as_left || store->look != NULL;
}

static bool open_parts(struct embedded_store *store, struct error *error)
{
    bool is_new = store->folder.is_new;
    if (!open_catalogue(store, error))
        return false;
    correct_keys(&store->catalogue);
    if (volume_table_open(store, error) && (!is_new || folder_finish(&store->folder, error)) &&
        folder_upgrade(&store->folder, error) && (store->committer = committer_start(store, error)) != NULL) {
        inspection_tell(&store->catalogue.inspection, store->catalogue.path);
        tell_lost_maps(store);
        if (look_later(store, error))
            return true;
        committer_end(store->committer);
    }
    volume_table_close(store);
    catalogue_close(&store->catalogue);
    return false;
}

/* A folder of one kind is never taken for the other: a raw one hides nothing, and its ledger would lack everything. */
static bool settle_kind(struct embedded_store *store, struct error *error)
{
    struct folder *folder = &store->folder;
    enum embedded_kind wanted = store->options.kind;
    if (folder->is_new)
        folder->is_raw = wanted == EMBEDDED_RAW;
    if (wanted == EMBEDDED_ANY || folder->is_raw == (wanted == EMBEDDED_RAW))
        return true;
    return folder->is_raw
               ? error_set(error, ERROR_INVALID, NULL,
                           "%s was made by `baled --raw` and holds objects as they came: only --raw opens it",
                           folder->path)
               : error_set(error, ERROR_INVALID, NULL,
                           "%s was made without --raw and holds packed objects: --raw cannot open it", folder->path);
}

struct bucket_store *embedded_open(const char *path, const struct embedded_options *options, struct error *error)
{
    struct embedded_store *store = calloc(1, sizeof *store);
    ASSERT(store != NULL);
    store->base.operations = &operations;
    store->base.capabilities = (struct bucket_capabilities){.part_bytes_min = options->part_bytes_min,
                                                            .conditions = DECIDES_ALL,
                                                            .has_tags = true,
                                                            .counts_tags = true,
                                                            .has_acls = true,
                                                            .has_versions = true,
                                                            .has_lock = true,
                                                            .judges_deletions = true,
                                                            .lists_tags = true,
                                                            .rewrites = true,
                                                            .lists_all = true,
                                                            .keeps_sidecar = true,
                                                            .keeps_attributes = true,
                                                            .keeps_seals = true,
                                                            .seals_parts = true};
    store->options = *options;
    set_defaults(&store->options);
    store->spool.operations = &spool_operations;
    random_fill(random_system(), store->spool_id, sizeof store->spool_id); /* no seed may make the same one twice */
    if (folder_open(path, true, store->options.random, &store->folder, error)) {
        if (settle_kind(store, error) && open_parts(store, error))
            return &store->base;
        folder_close(&store->folder);
    }
    free(store);
    return NULL;
}

/* May the next process believe the pages? A look that is not at its end yet has found nothing so far: then they are
 * what they were to this process. */
static bool is_known_sound(struct embedded_store *store)
{
    struct error ignored;
    const struct inspection *found = &store->catalogue.inspection;
    bool was_looked_at = found->pages > 0 && !found->is_cut_off && found->damaged_rows == 0;
    return later_look_end(store->look) && (was_looked_at || store->catalogue.is_as_left) &&
           !committer_is_broken(store->committer, &ignored);
}

void embedded_close(struct bucket_store *base)
{
    struct embedded_store *store = embedded_of(base);
    if (store->snapshot != NULL) {
        snapshot_close(store);
        return;
    }
    bool is_sound = is_known_sound(store);
    committer_end(store->committer);
    volume_table_close(store);
    catalogue_close(&store->catalogue);
    if (is_sound)
        stop_mark_leave(store->folder.path);
    folder_close(&store->folder);
    free(store);
}

void embedded_id(const struct bucket_store *store, uint8_t ret_id[16])
{
    memcpy(ret_id, ((const struct embedded_store *)store)->folder.uuid, STORE_UUID_BYTES);
}

bool embedded_is_ready(const struct bucket_store *store, struct error *error)
{
    const struct embedded_store *embedded = (const struct embedded_store *)store;
    return !committer_is_broken(embedded->committer, error) && !later_look_forbids_writes(embedded->look, error);
}

void embedded_usage(const struct bucket_store *base, struct embedded_usage *ret_usage)
{
    const struct embedded_store *store = (const struct embedded_store *)base;
    ret_usage->catalogue_bytes = catalogue_used_bytes(&store->catalogue);
    ret_usage->volume_bytes = atomic_load_explicit(&store->volumes.blocks, memory_order_relaxed) * EXTENT_BLOCK_BYTES;
    ret_usage->body_bytes =
        atomic_load_explicit(&store->volumes.taken_blocks, memory_order_relaxed) * EXTENT_BLOCK_BYTES;
    ret_usage->files = atomic_load_explicit(&store->volumes.files, memory_order_relaxed);
    committer_counts(store->committer, &ret_usage->commits, &ret_usage->changes);
}

/* ---- shards ---- */

static void *create_staging(void *context)
{
    (void)context;
    return aligned_alloc(EXTENT_BLOCK_BYTES, STAGING_BYTES);
}

static void destroy_staging(void *element, void *context)
{
    (void)context;
    free(element);
}

bool embedded_attach_shard(struct bucket_store *base, unsigned index, struct error *error)
{
    struct embedded_store *store = embedded_of(base);
    ASSERT(index < store->options.shards && loop_current() != NULL);
    struct shard *shard = &store->shards[index];
    ASSERT(shard->loop == NULL);
    memset(shard, 0, sizeof *shard);
    shard->store = store;
    shard->loop = loop_current();
    shard->index = index;
    random_fill(store->options.random, shard->token_prefix, sizeof shard->token_prefix);
    int result = mdb_txn_begin(store->catalogue.env, NULL, MDB_RDONLY, &shard->reader);
    if (result != 0) {
        shard->loop = NULL;
        return catalogue_failed(result, error, "begin a shard's reader");
    }
    mdb_txn_reset(shard->reader);
    volume_set_init(&shard->volumes);
    static const struct pool_kind staging = {
        .name = "staging", .create = create_staging, .destroy = destroy_staging, .elements_max = STAGING_MAX};
    shard->staging = pool_create(&staging);
    struct change change = {.kind = CHANGE_ATTACH};
    if (!committer_commit_blocking(shard, &change, error)) {
        pool_destroy(shard->staging);
        mdb_txn_abort(shard->reader);
        shard->loop = NULL;
        return false;
    }
    for (uint32_t number = index; number < VOLUMES_MAX; number += store->options.shards) {
        struct volume *volume = volume_find(store, number);
        if (volume != NULL)
            volume_set_add(shard, volume);
    }
    shard_enter(shard);
    if (shard->volumes.first != NULL)
        volume_tend(shard); /* what the last process left to do */
    return true;
}

SUSPENDS void embedded_detach_shard(struct bucket_store *base)
{
    struct shard *shard = shard_current(embedded_of(base));
    volume_set_end(shard);
    struct error error;
    struct change change = {.kind = CHANGE_DETACH};
    bool detached = committer_commit(shard, &change, &error); /* what was sent to this shard has arrived before */
    while (!atomic_load_explicit(&shard->is_released, memory_order_acquire))
        fiber_yield(); /* the committer is still inside the loop_post that woke us, and the loop may end after this */
    ASSERT(detached && shard->pins.count == 0);
    pool_destroy(shard->staging);
    mdb_txn_abort(shard->reader);
    shard->loop = NULL;
    shard_enter(NULL);
}
