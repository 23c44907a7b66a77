/* tools/bale/maintain/migrate.c -- looks, tries the first frame, reads, packs, writes on a condition. */
#include "tools/bale/maintain/migrate.h"

#include "codec/trial.h"
#include "runtime/base/hex.h"
#include "server/object/unchanged.h"

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

/* What was read is what the ETag says: else it is no MD5, and the packed object would get another one. */
static bool keeps_etag(const struct object_attributes *attributes, const struct object_digest *digest)
{
    char etag[2 * MD5_BYTES];
    hex_encode(span_of(digest->md5, sizeof digest->md5), etag);
    return memcmp(etag, attributes->etag, sizeof etag) == 0;
}

/* Heads have whole seconds; lists may know more, of the same second. */
static int64_t time_of(const struct work *work)
{
    int64_t head_ms = work->object->attributes.modified_ms;
    return work->entry->modified_ms / 1000 == head_ms / 1000 ? work->entry->modified_ms : head_ms;
}

/* They are asked for whatever the object's answer counts: servers leave the count out for who may not read them. */
SUSPENDS static bool read_tags(const struct work *work, struct buffer *ret_tags, struct error *error)
{
    struct bucket_store *store = work->migration->store;
    if (!store->capabilities.has_tags)
        return error_set(error, ERROR_DENIED, NULL, "nobody knows whether it has tags, and which");
    return bucket_read_tags(store, work->name, ret_tags, NULL, error);
}

SUSPENDS static bool pump_and_commit(const struct work *work, struct object_writer *writer, struct span tags,
                                     struct error *error)
{
    const struct object_attributes *attributes = &work->object->attributes;
    struct object_digest digest;
    struct object_attributes stored;
    bool done = object_pump(work->migration->codecs, work->object, work->name, 0, attributes->original_size, writer,
                            &digest, error);
    bool is_same = done && keeps_etag(attributes, &digest);
    if (!is_same || !object_expect_unchanged(work->migration->store, work->name, attributes, tags, error)) {
        object_writer_abort(writer);
        work->migrated->outcome = MIGRATE_OTHER_ETAG;
        return done && !is_same;
    }
    done = object_writer_commit(writer, &stored, error);
    work->migrated->outcome = MIGRATE_PACKED;
    work->migrated->after = done ? stored.stored_size : 0;
    return done;
}

SUSPENDS static bool write_packed(const struct work *work, struct span tags, struct error *error)
{
    const struct object_attributes *attributes = &work->object->attributes;
    const struct write_condition unchanged = {.if_match = span_from_string(attributes->stored_etag),
                                              .is_stored_etag = true};
    const struct object_write_intent intent = {
        .name = *work->name,
        .is_size_known = true,
        .size = attributes->original_size,
        .checksum = attributes->checksum.algorithm,
        .metadata = attributes->metadata,
        .tags = tags,
        .tags_count = metadata_count(tags),
        .condition = &unchanged,
        .kept_ms = time_of(work),
        .owner = attributes->owner,
        .acl = attributes->acl,
    };
    struct object_writer *writer;
    return object_writer_begin(work->migration->codecs, work->migration->store, &intent, &writer, error) &&
           pump_and_commit(work, writer, tags, error);
}

SUSPENDS static bool pack(const struct work *work, struct error *error)
{
    struct buffer tags;
    buffer_init(&tags, 0);
    bool done = read_tags(work, &tags, error) && write_packed(work, buffer_span(&tags), error);
    buffer_free(&tags);
    return done;
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
