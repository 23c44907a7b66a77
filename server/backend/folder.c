/* server/backend/folder.c -- the embedded store as what stands behind the server. */
#include "runtime/base/assert.h"
#include "server/backend/backend.h"
#include "store/embedded/embedded.h"
#include "store/joiner/joiner.h"

#include <assert.h>
#include <stdlib.h>

static_assert((int)BACKEND_SHARDS_MAX <= (int)EMBEDDED_SHARDS_MAX, "every shard has its place");

static bool attach(struct backend *backend, unsigned shard, struct error *error)
{
    return embedded_attach_shard(backend->store, shard, error);
}

SUSPENDS static void detach(struct backend *backend)
{
    embedded_detach_shard(backend->store);
}

static bool is_ready(const struct backend *backend, struct error *reason)
{
    return embedded_is_ready(backend->store, reason);
}

static void figures(const struct backend *backend, struct buffer *ret_figures)
{
    struct embedded_usage usage;
    embedded_usage(backend->store, &usage);
    const struct backend_figure rows[] = {
        {"bale_catalogue_bytes", "gauge", "Bytes used of the catalogue.", "", usage.catalogue_bytes},
        {"bale_volume_bytes", "gauge", "Bytes of all volumes.", "", usage.volume_bytes},
        {"bale_body_bytes", "gauge", "Bytes of the volumes that bodies take.", "", usage.body_bytes},
        {"bale_commits_total", "counter", "Commits of the catalogue, each for all changes that waited.", "",
         usage.commits},
        {"bale_changes_total", "counter", "Changes that were committed.", "", usage.changes},
    };
    buffer_append(ret_figures, span_of(rows, sizeof rows));
}

static void close_folder(struct backend *backend)
{
    if (backend->requests != backend->store)
        joiner_destroy(backend->requests);
    embedded_close(backend->store);
    free(backend);
}

static const struct backend_operations operations = {
    .attach = attach, .detach = detach, .is_ready = is_ready, .figures = figures, .close = close_folder};

struct backend *backend_folder_open(const struct backend_means *means, uint64_t part_bytes_min, struct error *error)
{
    const struct config *config = means->config;
    const struct embedded_options options = {
        .kind = config->raw ? EMBEDDED_RAW : EMBEDDED_PACKED,
        .shards = means->shards,
        .catalogue_max_bytes = config->catalogue_max_size,
        .offload = means->threads,
        .veil = means->veil,
        .files_max = means->files_max,
        .part_bytes_min = part_bytes_min,
    };
    struct bucket_store *store = embedded_open(config_folder(config), &options, error);
    if (store == NULL)
        return NULL;
    struct backend *backend = malloc(sizeof *backend);
    ASSERT(backend != NULL);
    struct embedded_usage usage;
    embedded_usage(store, &usage);
    *backend = (struct backend){
        .operations = &operations,
        .store = store,
        .clock = clock_system(),
        .requests = part_bytes_min > 0 ? joiner_create(store) : store,
        .spool = config->raw ? NULL : embedded_spool(store),
        .home = journal_home_of_store(store),
        .no_journal = config->raw ? "with --raw there is neither a journal nor a ledger" : NULL,
        .files = usage.files,
    };
    embedded_id(store, backend->home.place.bytes);
    return backend;
}
