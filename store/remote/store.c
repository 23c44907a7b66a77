/* store/remote/store.c -- the store in a bucket: made, attached to by shards, and its buckets. */
#include "store/remote/store.h"

#include "runtime/base/assert.h"
#include "runtime/base/clock.h"
#include "runtime/fiber/loop.h"
#include "runtime/log/log.h"
#include "store/bucket_operations.h"
#include "store/folder_lock.h"
#include "store/remote/acl/acl_object.h"
#include "store/remote/ledger/ledger.h"
#include "store/remote/uploads/followed.h"
#include "store/remote/words/words.h"
#include "store/remote/write/body.h"
#include "store/remote/write/place.h"
#include "store/remote/write/rewrite.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { MEMORY_LEAST = 16 << 20 };
#define MEMORY_DEFAULT (UINT64_C(256) << 20)
#define CACHE_DEFAULT (UINT64_C(256) << 20)

static const struct bucket_store_operations operations = {
    .create_bucket = remote_create_bucket,
    .find_bucket = remote_find_bucket,
    .delete_bucket = remote_delete_bucket,
    .list_buckets = remote_list_buckets,
    .open = remote_open,
    .head = remote_head,
    .read_window = remote_read_window,
    .read = remote_read,
    .borrow = remote_borrow,
    .give_back = remote_give_back,
    .read_sidecar = remote_read_sidecar,
    .close = remote_close,
    .is_made_of = remote_is_made_of,
    .begin = remote_begin_write,
    .write = remote_write,
    .commit = remote_commit,
    .abort = remote_abort,
    .commit_rewrite = remote_commit_rewrite,
    .change_class = remote_change_class,
    .change_seal = remote_change_seal,
    .copy = remote_copy,
    .delete_objects = remote_delete_objects,
    .list = remote_list,
    .create_upload = remote_create_upload,
    .find_upload = remote_find_upload,
    .begin_part = remote_begin_part,
    .commit_part = remote_commit_part,
    .list_parts = remote_list_parts,
    .complete_upload = remote_complete_upload,
    .abort_upload = remote_abort_upload,
    .list_uploads = remote_list_uploads,
    .find_completed = remote_find_completed,
    .read_parts = remote_read_parts,
    .read_acl = remote_read_acl,
    .write_acl = remote_write_acl,
    .read_tags = remote_read_tags,
    .write_tags = remote_write_tags,
    .set_versioning = remote_set_versioning,
    .list_versions = remote_list_versions,
    .set_lock = remote_set_lock,
    .write_retention = remote_write_retention,
    .write_legal_hold = remote_write_legal_hold,
};

/* ---- making ---- */

static void fill_defaults(struct remote_settings *settings)
{
    if (settings->part_bytes == 0)
        settings->part_bytes = REMOTE_PART_BYTES_DEFAULT;
    if (settings->memory_bytes == 0)
        settings->memory_bytes = MEMORY_DEFAULT;
    if (settings->memory_bytes < MEMORY_LEAST)
        settings->memory_bytes = MEMORY_LEAST;
    if (settings->cache_bytes == 0)
        settings->cache_bytes = CACHE_DEFAULT;
    if (settings->random == NULL)
        settings->random = random_system();
    if (settings->clock == NULL)
        settings->clock = clock_system();
    if (settings->prefix == NULL)
        settings->prefix = "";
}

/* Two processes would throw away each other's rows, and give up each other's uploads. -1: it is taken. */
static int lock_state(const char *path, struct error *error)
{
    int lock_fd = -1;
    int folder_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder_fd < 0) {
        (void)error_set_errno(error, errno, "%s cannot be opened", path);
        return -1;
    }
    (void)folder_lock_take(folder_fd, path, &lock_fd, error);
    (void)close(folder_fd);
    return lock_fd;
}

static void unlock_state(const struct remote *remote)
{
    if (remote->lock_fd >= 0)
        (void)close(remote->lock_fd);
}

/* What is replaced or deleted counts, or does not, by whose ledger its stamp names: also where nothing is counted here.
 */
static bool open_ledger(struct remote *remote, struct error *error)
{
    const struct remote_settings *settings = &remote->settings;
    if (settings->ledger != NULL)
        memcpy(remote->ledger, settings->ledger, sizeof remote->ledger);
    if (settings->ledger == NULL || !settings->is_counted || settings->state == NULL)
        return true;
    char *folder;
    int size = asprintf(&folder, "%s/ledger", settings->state);
    ASSERT(size > 0);
    const struct ledger_options options = {
        .folder = folder,
        .shards = settings->shards,
        .clock = settings->clock,
        .random = settings->random,
        .offload = settings->offload,
        .home = settings->name != NULL ? settings->name : settings->bucket,
    };
    remote->ledger_state = ledger_open(&options, error);
    free(folder);
    return remote->ledger_state != NULL;
}

struct bucket_store *remote_create(const struct remote_settings *settings, struct error *error)
{
    ASSERT(settings->shards >= 1 && settings->shards <= REMOTE_SHARDS_MAX && settings->bucket != NULL);
    ASSERT(settings->part_bytes == 0 || settings->part_bytes >= REMOTE_PART_BYTES_LEAST);
    struct remote *remote = calloc(1, sizeof *remote);
    ASSERT(remote != NULL);
    remote->settings = *settings;
    fill_defaults(&remote->settings);
    remote->memory.bytes_max = (size_t)remote->settings.memory_bytes;
    remote->prefix = span_from_string(remote->settings.prefix);
    remote->lock_fd = settings->state == NULL ? -1 : lock_state(settings->state, error);
    bool is_ours = settings->state == NULL || remote->lock_fd >= 0;
    remote->rows = is_ours ? rows_open(settings->state, remote->settings.cache_bytes, settings->veil, error) : NULL;
    if (remote->rows == NULL || !open_ledger(remote, error)) {
        if (remote->rows != NULL)
            rows_close(remote->rows);
        unlock_state(remote);
        free(remote);
        return NULL;
    }
    remote->word_changes = word_changes_create(&remote->settings);
    remote->base.operations = &operations;
    remote->owner = "";
    remote->started_ms = clock_wall_ms(remote->settings.clock);
    verdicts_apply(&remote->verdicts, remote->settings.part_bytes, &remote->base.capabilities);
    return &remote->base;
}

void remote_destroy(struct bucket_store *store)
{
    struct remote *remote = remote_of(store);
    for (unsigned i = 0; i < REMOTE_SHARDS_MAX; i++) {
        if (remote->shards[i] != NULL)
            (void)pthread_mutex_destroy(&remote->shards[i]->room_call.lock);
        free(remote->shards[i]);
    }
    if (remote->ledger_state != NULL)
        ledger_close(remote->ledger_state);
    amounts_table_free(&remote->settled.uncertain);
    word_changes_destroy(remote->word_changes);
    rows_close(remote->rows);
    unlock_state(remote);
    free(remote);
}

void remote_set_owner(struct bucket_store *store, const char *owner)
{
    ASSERT(strlen(owner) <= ACCOUNT_ID_BYTES_MAX);
    remote_of(store)->owner = owner;
}

void remote_allow_leads(struct bucket_store *store, bool is_allowed)
{
    atomic_store_explicit(&remote_of(store)->has_no_leads, !is_allowed, memory_order_relaxed);
}

struct verdicts remote_verdicts(const struct bucket_store *store)
{
    const struct remote *remote = (const struct remote *)store;
    struct verdicts verdicts = remote->verdicts;
    if (!remote_labels_hold(remote))
        verdicts.held &= ~(UINT64_C(1) << VERDICT_LABELS_HOLD);
    return verdicts;
}

bool remote_warns(const struct bucket_store *store, struct error *ret_reason)
{
    const struct remote *remote = (const struct remote *)store;
    if (atomic_load_explicit(&remote->has_slipped, memory_order_relaxed))
        return !error_set(ret_reason, ERROR_UNSUPPORTED, NULL,
                          "the backend puts the ETag of one revision on another (bale backend): what was seen of an "
                          "object is believed only when it was said twice");
    return place_is_lacking(remote, ret_reason);
}

void remote_note_slip(struct remote *remote)
{
    remote->base.capabilities.labels_slip = true;
    if (!atomic_exchange(&remote->has_slipped, true))
        log_message(LOG_WARNING,
                    "backend: an answer bore the ETag of another revision. From now on, what was seen of an object "
                    "is believed only when it was said twice.");
}

struct spool *remote_spool(const struct bucket_store *store)
{
    const struct remote *remote = (const struct remote *)store;
    return remote->is_counted ? ledger_spool(remote->ledger_state) : NULL;
}

void remote_note_recounts(struct bucket_store *store, uint64_t recounts)
{
    if (remote_of(store)->ledger_state != NULL)
        ledger_note_recounts(remote_of(store)->ledger_state, recounts);
}

void remote_ledger_figures(const struct bucket_store *store, struct remote_ledger_figures *ret_figures)
{
    const struct remote *remote = (const struct remote *)store;
    *ret_figures = (struct remote_ledger_figures){0};
    if (remote->ledger_state == NULL)
        return;
    ret_figures->intents_open = ledger_intents_open(remote->ledger_state);
    ret_figures->entries_unwritten = ledger_entries_unwritten(remote->ledger_state);
}

void remote_rows_figures(const struct bucket_store *store, struct remote_rows_figures *ret_figures)
{
    struct rows_usage usage;
    rows_usage(((const struct remote *)store)->rows, &usage);
    *ret_figures = (struct remote_rows_figures){usage.file_bytes, usage.written, usage.lost};
}

/* ---- shards ---- */

static _Thread_local struct remote_shard *thread_shard;

struct remote_shard *remote_shard_here(const struct remote *remote)
{
    ASSERT(thread_shard != NULL && thread_shard->remote == remote);
    return thread_shard;
}

static struct remote_shard *create_shard(void)
{
    struct remote_shard *shard = calloc(1, sizeof *shard);
    ASSERT(shard != NULL);
    (void)pthread_mutex_init(&shard->room_call.lock, NULL);
    return shard;
}

void remote_attach_shard(struct bucket_store *store, unsigned index)
{
    struct remote *remote = remote_of(store);
    ASSERT(index < remote->settings.shards && thread_shard == NULL && loop_current() != NULL);
    struct remote_shard *shard = remote->shards[index];
    if (shard == NULL)
        shard = create_shard();
    ASSERT(shard->client == NULL);
    shard->remote = remote;
    shard->client = s3_client_create(remote->settings.endpoint, &remote->settings.client);
    memory_budget_init_shared(&shard->memory, &remote->memory);
    shard->memory.make_room = followed_make_room;
    list_init(&shard->pieces);
    followed_attach(shard);
    list_init(&shard->flights);
    shared_heads_init(&shard->heads);
    shard->words = words_create(remote);
    wait_queue_init(&shard->background_ended);
    shard->random = random_ahead(&shard->drawn, remote->settings.random);
    shard->rows = rows_attach(remote->rows);
    shard->log = remote->ledger_state == NULL ? NULL : ledger_log(remote->ledger_state, index);
    remote->shards[index] = shard; /* stays, for whoever reads its counters */
    thread_shard = shard;
}

SUSPENDS void remote_detach_shard(struct bucket_store *store)
{
    struct remote_shard *shard = remote_shard_here(remote_of(store));
    struct error ignored;
    while (shard->background > 0)
        if (!wait_for(&shard->background_ended, DEADLINE_NONE, &ignored) && shard->background > 0)
            fiber_yield();
    ASSERT(list_is_empty(&shard->flights));
    followed_detach(shard);
    upload_memory_free(shard->uploads);
    shard->uploads = NULL;
    words_destroy(shard->words);
    shard->words = NULL;
    s3_client_destroy(shard->client);
    shard->client = NULL;
    rows_detach(shard->rows);
    body_free_spare(shard);
    thread_shard = NULL;
}

const struct remote_counters *remote_counters(const struct bucket_store *store, unsigned index)
{
    const struct remote_shard *shard = ((const struct remote *)store)->shards[index];
    return shard == NULL ? NULL : &shard->counters;
}

const struct s3_client_counters *remote_client_counters(const struct bucket_store *store, unsigned index)
{
    const struct remote_shard *shard = ((const struct remote *)store)->shards[index];
    return shard == NULL || shard->client == NULL ? NULL : s3_client_counters(shard->client);
}
