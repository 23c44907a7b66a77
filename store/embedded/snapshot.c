/* store/embedded/snapshot.c -- a folder at one moment: a store that reads in one transaction and writes nothing. */
#include "store/embedded/snapshot.h"

#include "runtime/base/assert.h"
#include "store/bucket_operations.h"
#include "store/embedded/ledger/ledger_spool.h"
#include "store/embedded/objects/objects.h"
#include "store/embedded/state.h"
#include "store/embedded/uploads/uploads.h"
#include "store/embedded/volumes/snapshot_volume.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct bucket_store_operations operations = {
    .find_bucket = store_find_bucket,
    .list_buckets = store_list_buckets,
    .open = store_open_object,
    .head = store_head,
    .read = store_read,
    .read_parts = store_read_parts,
    .read_sidecar = store_read_sidecar,
    .close = store_close_object,
    .list = store_list,
    .list_versions = store_list_versions,
    .find_upload = store_find_upload,
    .list_uploads = store_list_uploads,
    .read_tags = store_read_tags,
};

/* ---- life ---- */

static struct embedded_store *create(void)
{
    struct embedded_store *store = calloc(1, sizeof *store);
    ASSERT(store != NULL);
    store->base.operations = &operations;
    store->base.capabilities = (struct bucket_capabilities){
        .has_tags = true, .counts_tags = true, .has_versions = true, .keeps_sidecar = true};
    store->options.shards = 1;
    store->options.clock = clock_system();
    store->shards[0].store = store;
    store->spool.operations = &spool_operations;
    return store;
}

static bool begin(struct embedded_store *store, struct error *error)
{
    int result = mdb_txn_begin(store->catalogue.env, NULL, MDB_RDONLY, &store->snapshot);
    if (result != 0)
        return catalogue_failed(result, error, "begin a snapshot");
    store->volumes.volumes = calloc(VOLUMES_MAX, sizeof *store->volumes.volumes);
    ASSERT(store->volumes.volumes != NULL);
    return true;
}

struct bucket_store *embedded_open_snapshot(const char *path, struct error *error)
{
    struct embedded_store *store = create();
    if (folder_open_readonly(path, &store->folder, error)) {
        if (catalogue_open_readonly(path, CATALOGUE_BYTES_DEFAULT, store->folder.uuid, &store->catalogue, error)) {
            if (begin(store, error))
                return &store->base;
            catalogue_close(&store->catalogue);
        }
        folder_close(&store->folder);
    }
    free(store);
    return NULL;
}

struct bucket_store *embedded_snapshot(struct bucket_store *base, struct error *error)
{
    struct embedded_store *origin = embedded_of(base);
    struct embedded_store *store = create();
    store->origin = origin;
    store->catalogue = origin->catalogue;
    store->folder = origin->folder;
    if (begin(store, error))
        return &store->base;
    free(store);
    return NULL;
}

void snapshot_close(struct embedded_store *store)
{
    ASSERT(store->shards[0].pins.count == 0);
    mdb_txn_abort(store->snapshot);
    snapshot_close_volumes(store);
    if (store->origin == NULL) {
        catalogue_close(&store->catalogue);
        folder_close(&store->folder);
    }
    free(store);
}
