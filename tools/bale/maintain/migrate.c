/* tools/bale/maintain/migrate.c -- looks, tries the first frame, reads, packs, writes on a condition. */
#include "tools/bale/maintain/migrate.h"

#include "codec/trial.h"
#include "server/object/unchanged.h"
#include "tools/bale/maintain/rewrite.h"

#include <stdlib.h>

static const char *const NAMES[MIGRATE_OUTCOMES] = {
    [MIGRATE_PACKED] = "packed",       [MIGRATE_ALREADY] = "already", [MIGRATE_TOO_SMALL] = "too-small",
    [MIGRATE_TOO_YOUNG] = "too-young", [MIGRATE_NO_GAIN] = "no-gain", [MIGRATE_OTHER_ETAG] = "other-etag",
    [MIGRATE_VERSIONED] = "versioned", [MIGRATE_CHANGED] = "changed", [MIGRATE_UNREADABLE] = "unreadable",
};

const char *migrate_outcome_name(enum migrate_outcome outcome)
{
    return NAMES[outcome];
}

/* One object on its way. */
struct work {
    struct migration *migration;
    const struct policy_rule *rule;
    const struct object_name *name;
    const struct list_entry *entry;
    struct bucket_object *object; /* what is there now, open */
    struct migrated *migrated;
};

/* ---- worth it? ---- */

/* Original bytes [0, size) into memory. */
SUSPENDS static bool read_start(const struct work *work, uint8_t *bytes, size_t size, struct error *error)
{
    struct object_reader *reader;
    struct span piece = SPAN_EMPTY;
    size_t taken = 0;
    if (!object_reader_begin(work->migration->codecs, work->object, work->name, 0, size, &reader, error))
        return false;
    bool done;
    do {
        done = object_reader_next(reader, &piece, error);
        if (done)
            memcpy(bytes + taken, piece.data, piece.size);
        taken += done ? piece.size : 0;
    } while (done && piece.size > 0);
    object_reader_end(reader);
    return done && (taken == size || error_set(error, ERROR_CHANGED, NULL, "it has become shorter"));
}

/* To which part of itself the first frame is packed. */
SUSPENDS static bool try_start(const struct work *work, double *ret_part, struct error *error)
{
    struct trial *trial = work->migration->trial;
    uint64_t original = work->object->attributes.original_size;
    size_t size = original < FRAME_ORIGINAL_BYTES ? (size_t)original : FRAME_ORIGINAL_BYTES;
    uint8_t *bytes = malloc(size);
    if (bytes == NULL)
        return error_set(error, ERROR_BUSY, NULL, "there is no memory for a frame");
    trial_begin(trial);
    bool done = read_start(work, bytes, size, error) && trial_add(trial, span_of(bytes, size), true, error);
    free(bytes);
    if (done)
        *ret_part = (double)trial_end(trial).stored_bytes / (double)size;
    return done;
}

/* ---- packing ---- */

static bool has_md5(const struct object_attributes *attributes)
{
    return strlen(attributes->etag) == 2 * (size_t)MD5_BYTES;
}

SUSPENDS static bool pack(const struct work *work, struct error *error)
{
    const struct rewrite rewrite = {.store = work->migration->store,
                                    .codecs = work->migration->codecs,
                                    .object = work->object,
                                    .name = work->name,
                                    .kept_ms = rewrite_time(&work->object->attributes, work->entry)};
    enum rewrite_outcome outcome;
    if (!rewrite_object(&rewrite, &outcome, &work->migrated->after, error))
        return false;
    work->migrated->outcome = outcome == REWRITE_DONE ? MIGRATE_PACKED : MIGRATE_OTHER_ETAG;
    return true;
}

/* ---- one object ---- */

SUSPENDS static bool migrate_open(const struct work *work, struct error *error)
{
    const struct object_attributes *attributes = &work->object->attributes;
    struct migrated *migrated = work->migrated;
    double part = 1;
    migrated->before = attributes->stored_size;
    migrated->outcome = MIGRATE_ALREADY;
    if (attributes->is_s4 || attributes->is_encrypted || !attributes->is_size_known)
        return true;
    migrated->outcome = MIGRATE_OTHER_ETAG;
    if (!has_md5(attributes))
        return true;
    migrated->outcome = MIGRATE_NO_GAIN;
    if (attributes->original_size == 0)
        return true;
    if (!try_start(work, &part, error))
        return false;
    if (part > 1 - (double)work->rule->least_gain / 100)
        return true;
    migrated->outcome = MIGRATE_PACKED;
    migrated->after = (uint64_t)(part * (double)attributes->original_size);
    return !work->migration->executes || pack(work, error);
}

/* What says something of this object alone. */
static bool settle(struct migrated *migrated, const struct error *error)
{
    switch (error->kind) {
    case ERROR_NOT_FOUND:
    case ERROR_CHANGED:
    case ERROR_CONFLICT:
        migrated->outcome = MIGRATE_CHANGED;
        return true;
    case ERROR_DENIED:
    case ERROR_DAMAGED:
    case ERROR_INVALID:
    case ERROR_TOO_LARGE:
        migrated->outcome = MIGRATE_UNREADABLE;
        return true;
    default:
        return false;
    }
}

SUSPENDS bool migrate_object(struct migration *migration, const struct policy_rule *rule,
                             const struct object_name *name, const struct list_entry *entry,
                             struct migrated *ret_migrated, struct error *error)
{
    struct work work = {.migration = migration, .rule = rule, .name = name, .entry = entry, .migrated = ret_migrated};
    *ret_migrated = (struct migrated){.outcome = MIGRATE_TOO_SMALL, .before = entry->original_size};
    if (entry->original_size < rule->least_size)
        return true;
    ret_migrated->outcome = MIGRATE_TOO_YOUNG;
    if (rule->older_than_ms > 0 && migration->now_ms - entry->modified_ms < (int64_t)rule->older_than_ms)
        return true;
    if (!bucket_open(migration->store, name, NULL, &work.object, error))
        return settle(ret_migrated, error);
    bool done = migrate_open(&work, error);
    bucket_close(work.object);
    return done || settle(ret_migrated, error);
}
