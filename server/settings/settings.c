/* server/settings/settings.c -- a shard's door: pins from the cache, fills the cache, passes changes on. */
#include "server/settings/settings.h"

#include "journal/home.h"
#include "journal/settings/documents.h"
#include "runtime/base/assert.h"
#include "runtime/log/log.h"
#include "s3client/wire/s3_error.h"
#include "server/settings/cache.h"
#include "server/settings/keeper.h"

#include <stdlib.h>

enum {
    REQUEST_MS = 10000, /* one of the store */
    CHANGE_MS = 60000,  /* less than the time between two sweeps */
    READY_PAUSE_MS = 20,
    READ_ATTEMPTS = 4, /* of documents that were replaced meanwhile */
    DAMAGED_MS = 2000, /* so long it is believed that documents are damaged, or missing */
};

struct settings {
    struct settings_keeper *keeper;
    const struct setting_kind *kinds;
    struct journal_bucket *documents; /* NULL without a keeper */
    struct settings_cache cache;
    struct settings_counters counters;
    struct wait_queue loaded; /* some entry's loading has ended */
};

/* ---- life ---- */

struct settings *settings_open(const struct settings_options *options)
{
    struct settings *settings = calloc(1, sizeof *settings);
    ASSERT(settings != NULL);
    settings->keeper = options->keeper;
    settings->kinds = options->kinds;
    if (options->keeper != NULL)
        settings->documents = journal_room_open(options->home, ROOM_SETTINGS);
    cache_init(&settings->cache, options->cache_bytes);
    wait_queue_init(&settings->loaded);
    return settings;
}

void settings_close(struct settings *settings)
{
    if (settings->documents != NULL)
        journal_bucket_close(settings->documents);
    cache_free(&settings->cache);
}

void settings_free(struct settings *settings)
{
    free(settings);
}

const struct settings_counters *settings_counters(const struct settings *settings)
{
    return &settings->counters;
}

/* ---- from records to a snapshot ---- */

static bool refuse(struct error *error, const char *why)
{
    return error_set(error, ERROR_BUSY, S3_ServiceUnavailable,
                     "Settings of the bucket are not known at the moment: %s.", why);
}

/* Of numbers that were drawn at random: equal for equal records, and only for these. */
static uint64_t digest_of(const struct keeper_records *records)
{
    uint64_t digest = records->set;
    for (unsigned setting = 0; setting < SETTINGS_COUNT; setting++) {
        if (records->set >> setting & 1)
            digest = (digest ^ records->records[setting].document) * UINT64_C(0x9e3779b97f4a7c15);
    }
    return digest;
}

static void add_damaged(struct settings *settings, const struct bucket_info *bucket, struct bucket_settings *snapshot,
                        unsigned setting, const char *why)
{
    log_message(LOG_ERROR, "the setting %s of bucket %s %s: its requests are refused", settings->kinds[setting].name,
                bucket->name, why);
    metric_add(&settings->counters.damaged, 1);
    snapshot_add_damaged(snapshot, setting);
}

enum reading { READING_DONE, READING_MISSING, READING_FAILED };

SUSPENDS static enum reading read_setting(struct settings *settings, const struct bucket_info *bucket, unsigned setting,
                                          const struct setting_record *record, bool is_last_attempt,
                                          struct bucket_settings *snapshot)
{
    struct buffer document;
    buffer_init(&document, SETTING_DOCUMENT_BYTES_MAX);
    enum store_answer answer = record->document == 0
                                   ? STORE_DAMAGED
                                   : document_read(journal_bucket_store(settings->documents), bucket->creation_id,
                                                   (uint8_t)setting, record, &document, deadline_after_ms(REQUEST_MS));
    bool is_missing = answer == STORE_NOT_FOUND && !is_last_attempt;
    if (answer == STORE_DONE) {
        snapshot_add(snapshot, bucket, &settings->kinds[setting], setting, buffer_span(&document));
        if (snapshot->damaged >> setting & 1)
            add_damaged(settings, bucket, snapshot, setting, "does not compile");
    } else if (answer != STORE_UNKNOWN && !is_missing) {
        add_damaged(settings, bucket, snapshot, setting, answer == STORE_DAMAGED ? "is damaged" : "is missing");
    }
    buffer_free(&document);
    return answer == STORE_UNKNOWN ? READING_FAILED : is_missing ? READING_MISSING : READING_DONE;
}

/* NULL: not all could be had. */
SUSPENDS static const struct bucket_settings *read_all(struct settings *settings, const struct bucket_info *bucket,
                                                       const struct keeper_records *records, bool is_last_attempt,
                                                       enum reading *ret_reading)
{
    *ret_reading = READING_DONE;
    if (records->set == 0)
        return settings_none();
    struct bucket_settings *snapshot = snapshot_create();
    for (unsigned setting = 0; setting < SETTINGS_COUNT && *ret_reading == READING_DONE; setting++) {
        if (records->set >> setting & 1)
            *ret_reading =
                read_setting(settings, bucket, setting, &records->records[setting], is_last_attempt, snapshot);
    }
    if (*ret_reading == READING_DONE)
        return snapshot;
    snapshot_drop(snapshot);
    return NULL;
}

/* ---- waiting for the journal ---- */

/* False: the fiber is cancelled. */
SUSPENDS static bool pause_for_journal(struct error *error)
{
    struct wait_queue nobody;
    wait_queue_init(&nobody);
    return wait_for(&nobody, deadline_after_ms(READY_PAUSE_MS), error) || error->kind != ERROR_CANCELLED;
}

/* After a start the journal is not open at once. What it says then is another matter. */
SUSPENDS static void wait_for_journal(struct settings *settings)
{
    struct keeper_records records;
    struct error error;
    deadline_t deadline = deadline_after_ms(SETTINGS_READY_MS);
    while (keeper_find(settings->keeper, 0, &records, &error) && records.verdict == KEEPER_NOT_READY &&
           loop_now_ns() < deadline && pause_for_journal(&error))
        ;
}

/* ---- filling the cache ---- */

/* The journal does not say; but a bucket without any document has no setting. Unless it had some when the journal was
 * read last: then somebody has taken away more than documents. */
SUSPENDS static bool has_surely_none(struct settings *settings, uint64_t creation_id,
                                     const struct keeper_records *last_known)
{
    struct error error;
    bool has_some;
    return last_known->set == 0 &&
           documents_look(journal_bucket_store(settings->documents), creation_id, &has_some,
                          deadline_after_ms(REQUEST_MS), &error) &&
           !has_some;
}

static const char *why_unknown(enum keeper_verdict verdict)
{
    switch (verdict) {
    case KEEPER_LAPSED:
        return "the journal that keeps them cannot be reached";
    case KEEPER_HALTED:
        return "the journal that keeps them stands still";
    default:
        return "the journal that keeps them has not been read yet";
    }
}

/* What is set, by the journal; or, when that cannot be had, by the absence of documents. After a start the journal is
 * waited for first, unless it says itself that this is in vain: a document that has gone is no sign that nothing was
 * forbidden. */
SUSPENDS static bool find_records(struct settings *settings, uint64_t creation_id, struct keeper_records *ret,
                                  struct error *error)
{
    deadline_t deadline = deadline_after_ms(SETTINGS_READY_MS);
    for (;;) {
        if (!keeper_find(settings->keeper, creation_id, ret, error))
            return refuse(error, "the process is ending");
        if (ret->verdict == KEEPER_KNOWS)
            return true;
        if (ret->verdict != KEEPER_NOT_READY || loop_now_ns() >= deadline)
            return has_surely_none(settings, creation_id, ret) || refuse(error, why_unknown(ret->verdict));
        if (!pause_for_journal(error))
            return refuse(error, "the process is ending");
    }
}

static bool is_damage_old(const struct cache_entry *entry)
{
    return entry->snapshot->damaged != 0 && loop_now_ns() >= entry->damaged_until;
}

SUSPENDS static bool load(struct settings *settings, const struct bucket_info *bucket, struct cache_entry *entry,
                          struct error *error)
{
    for (unsigned attempt = 1;; attempt++) {
        struct keeper_records records;
        enum reading reading;
        if (!find_records(settings, bucket->creation_id, &records, error))
            return false;
        uint64_t digest = digest_of(&records);
        if (entry->snapshot != NULL && entry->digest == digest && !is_damage_old(entry)) {
            entry->epoch = records.epoch;
            return true;
        }
        const struct bucket_settings *snapshot =
            read_all(settings, bucket, &records, attempt == READ_ATTEMPTS, &reading);
        if (reading == READING_FAILED)
            return refuse(error, "the store that keeps them does not answer");
        if (snapshot != NULL) {
            cache_set(&settings->cache, entry, snapshot, digest, records.epoch);
            entry->damaged_until = deadline_after_ms(DAMAGED_MS);
            return true;
        }
    }
}

static void count_cache(struct settings *settings)
{
    atomic_store_explicit(&settings->counters.cache_buckets, settings->cache.count, memory_order_relaxed);
    atomic_store_explicit(&settings->counters.cache_bytes, settings->cache.bytes, memory_order_relaxed);
}

static bool is_right(const struct settings *settings, const struct cache_entry *entry)
{
    return entry->snapshot != NULL && entry->epoch == keeper_epoch(settings->keeper) && !is_damage_old(entry);
}

/* One fiber loads an entry, whoever else wants it waits. */
SUSPENDS static bool fetch(struct settings *settings, const struct bucket_info *bucket,
                           const struct bucket_settings **ret, struct error *error)
{
    metric_add(&settings->counters.misses, 1);
    struct cache_entry *entry = cache_take(&settings->cache, bucket->creation_id);
    while (entry->is_loading) {
        if (!wait_for(&settings->loaded, DEADLINE_NONE, error))
            return refuse(error, "the process is ending");
        entry = cache_take(&settings->cache, bucket->creation_id);
    }
    bool is_good = is_right(settings, entry);
    if (!is_good) {
        entry->is_loading = true;
        is_good = load(settings, bucket, entry, error);
        entry->is_loading = false;
        wait_wake_all(&settings->loaded);
    }
    if (is_good) {
        *ret = entry->snapshot;
        snapshot_hold(entry->snapshot);
    } else if (entry->snapshot == NULL) {
        cache_remove(&settings->cache, entry);
    }
    count_cache(settings);
    metric_add(&settings->counters.refused, !is_good);
    return is_good;
}

bool settings_pin(struct settings *settings, const struct bucket_info *bucket, const struct bucket_settings **ret,
                  struct error *error)
{
    *ret = settings_none();
    if (settings->keeper == NULL)
        return true;
    struct cache_entry *entry = cache_find(&settings->cache, bucket->creation_id);
    if (entry == NULL || !is_right(settings, entry))
        return fetch(settings, bucket, ret, error);
    cache_touch(&settings->cache, entry);
    *ret = entry->snapshot;
    snapshot_hold(entry->snapshot);
    return true;
}

void settings_unpin(struct settings *settings, const struct bucket_settings *pinned)
{
    (void)settings;
    snapshot_drop(pinned);
}

/* ---- changes ---- */

static bool refuse_unkept(struct error *error)
{
    return error_set(error, ERROR_UNSUPPORTED, S3_NotImplemented,
                     "Settings of buckets are not kept by this kind of backend.");
}

/* What does not compile would be damaged as soon as it is read. */
static bool check(const struct settings *settings, const struct bucket_info *bucket,
                  const struct setting_document *change, struct error *error)
{
    const struct setting_kind *kind = &settings->kinds[change->setting];
    struct arena arena;
    const void *compiled;
    ASSERT(change->document.size > 0);
    if (kind->document_bytes_max == 0)
        return error_set(error, ERROR_UNSUPPORTED, S3_NotImplemented, "The setting %s is not implemented.", kind->name);
    if (change->document.size > kind->document_bytes_max)
        return error_set(error, ERROR_TOO_LARGE, S3_EntityTooLarge, "The setting %s may have %zu bytes at most.",
                         kind->name, kind->document_bytes_max);
    if (kind->compile == NULL)
        return true;
    arena_init(&arena, SETTING_COMPILED_BYTES_MAX);
    bool is_sound = kind->compile(bucket, change->document, &arena, &compiled, error);
    arena_free(&arena);
    return is_sound;
}

/* Of one bucket, in one step; documents first. */
SUSPENDS static bool put_all(struct settings *settings, const struct bucket_info *bucket,
                             const struct setting_document *documents, unsigned count, struct error *error)
{
    struct setting_change changes[SETTINGS_COUNT];
    ASSERT(count <= SETTINGS_COUNT);
    if (settings->keeper == NULL)
        return refuse_unkept(error);
    for (unsigned i = 0; i < count; i++) {
        if (!check(settings, bucket, &documents[i], error))
            return false;
    }
    wait_for_journal(settings);
    deadline_t deadline = deadline_after_ms(CHANGE_MS);
    for (unsigned i = 0; i < count; i++) {
        changes[i] = (struct setting_change){.setting = (uint8_t)documents[i].setting, .is_set = true};
        if (!document_write(journal_bucket_store(settings->documents), random_system(), bucket->creation_id,
                            changes[i].setting, documents[i].document, &changes[i].record,
                            deadline_after_ms(REQUEST_MS), error))
            return error_prepend(error, "The setting was not changed");
    }
    return keeper_change(settings->keeper, bucket->creation_id, changes, count, deadline, error);
}

static bool explain(bool is_done, struct error *error)
{
    if (!is_done && error->code == NULL)
        error->code = S3_ServiceUnavailable;
    return is_done;
}

bool settings_put(struct settings *settings, const struct bucket_info *bucket, enum bucket_setting setting,
                  struct span document, struct error *error)
{
    const struct setting_document one = {setting, document};
    return explain(put_all(settings, bucket, &one, 1, error), error);
}

bool settings_delete(struct settings *settings, const struct bucket_info *bucket, enum bucket_setting setting,
                     struct error *error)
{
    const struct setting_change change = {.setting = (uint8_t)setting};
    if (settings->keeper == NULL)
        return true;
    wait_for_journal(settings);
    return explain(
        keeper_change(settings->keeper, bucket->creation_id, &change, 1, deadline_after_ms(CHANGE_MS), error), error);
}

bool settings_put_first(struct settings *settings, const struct bucket_info *bucket,
                        const struct setting_document *documents, unsigned count, struct error *error)
{
    return count == 0 || explain(put_all(settings, bucket, documents, count, error), error);
}

void settings_forget(struct settings *settings, uint64_t creation_id)
{
    if (settings->keeper != NULL)
        keeper_forget(settings->keeper, creation_id);
}
