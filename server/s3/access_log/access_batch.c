/* server/s3/access_log/access_batch.c -- gathered lines as an object of their target. */
#include "server/s3/access_log/access_batch.h"

#include "runtime/base/random.h"
#include "s3client/wire/s3_error.h"
#include "server/access/access.h"
#include "server/s3/settings/logging.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

enum { ARENA_BYTES = 1 << 20, TIME_TEXT_BYTES = 64, UNIQUE_BYTES = 8 };

/* What one batch is written by. */
struct delivery {
    const struct access_log_options *options;
    struct access_batch *batch;
    const struct logging *logging;
    struct bucket_info target;
    struct buffer acl; /* packed; empty: private */
    bool is_sealed;    /* as everything in the target is */
};

/* ---- the key ---- */

static void put_time(struct buffer *to, const char *format, int64_t time_ms)
{
    char text[TIME_TEXT_BYTES];
    struct tm parts;
    time_t seconds = (time_t)(time_ms / 1000);
    (void)gmtime_r(&seconds, &parts);
    buffer_append(to, span_of(text, strftime(text, sizeof text, format, &parts)));
}

/* Once: a repetition of a write whose answer was lost is the same object. */
static void make_key(struct delivery *delivery)
{
    static const char digits[] = "0123456789ABCDEF";
    struct access_batch *batch = delivery->batch;
    const struct logging *logging = delivery->logging;
    struct buffer *key = &batch->key;
    int64_t now_ms = clock_wall_ms(delivery->options->clock);
    uint8_t unique[UNIQUE_BYTES];
    if (key->size > 0)
        return;
    buffer_append(key, logging->target_prefix);
    if (logging->keys == LOGGING_KEYS_BY_EVENT || logging->keys == LOGGING_KEYS_BY_DELIVERY) {
        buffer_append_string(key, batch->source.owner);
        buffer_append_string(key, "/");
        buffer_append_string(key, delivery->options->region);
        buffer_append_string(key, "/");
        buffer_append_string(key, batch->source.name);
        put_time(key, "/%Y/%m/%d/", logging->keys == LOGGING_KEYS_BY_EVENT ? batch->first_ms : now_ms);
    }
    put_time(key, "%Y-%m-%d-%H-%M-%S-", now_ms);
    random_fill(random_system(), unique, sizeof unique);
    for (unsigned i = 0; i < UNIQUE_BYTES; i++) {
        buffer_append_byte(key, (uint8_t)digits[unique[i] >> 4]);
        buffer_append_byte(key, (uint8_t)digits[unique[i] & 15]);
    }
}

/* ---- the target ---- */

static enum batch_fate fate_of(const struct error *error)
{
    bool is_final = error->kind == ERROR_NOT_FOUND || error->kind == ERROR_INVALID || error->kind == ERROR_UNSUPPORTED;
    return is_final ? BATCH_HOPELESS : BATCH_NOT_YET;
}

/* Where they cannot be read nobody knows whether the lines are to be encrypted: they wait. */
SUSPENDS static bool read_settings(struct delivery *delivery, bool *ret_counts_acls, struct error *error)
{
    struct settings *settings = delivery->options->bucket_settings;
    const struct bucket_settings *pinned;
    if (!settings_pin(settings, &delivery->target, &pinned, error))
        return false;
    bool is_whole = settings_are_whole(pinned, error);
    const enum ownership *ownership = settings_compiled(pinned, SETTING_OWNERSHIP);
    *ret_counts_acls = ownership != NULL && *ownership != OWNERSHIP_ENFORCED;
    delivery->is_sealed =
        settings_compiled(pinned, SETTING_ENCRYPTION) != NULL || object_codecs_seals_all(delivery->options->codecs);
    settings_unpin(settings, pinned);
    return is_whole;
}

/* The owner of the target keeps all rights, beside those that the setting gives. Where ACLs do not count, none is
 * kept. */
static bool make_acl(struct delivery *delivery, struct arena *arena, struct error *error)
{
    struct span owner = span_from_string(delivery->target.owner);
    if (delivery->logging->grants == NULL || !delivery->options->store->capabilities.has_acls)
        return true;
    struct acl *acl = document_allocate(arena, sizeof *acl, error);
    if (acl == NULL)
        return false;
    *acl = *delivery->logging->grants;
    if (acl_add(acl, ACL_ACCOUNT, owner, ACL_FULL_CONTROL))
        acl_pack(acl, owner, &delivery->acl);
    return true;
}

/* Whoever made a bucket of that name since gets none of it. */
SUSPENDS static bool find_target(struct delivery *delivery, struct error *error)
{
    return bucket_find(delivery->options->store, delivery->logging->target_bucket, &delivery->target, error) &&
           (strcmp(delivery->target.owner, delivery->batch->source.owner) == 0 ||
            error_set(error, ERROR_NOT_FOUND, NULL, "the target bucket belongs to somebody else"));
}

/* ---- the object ---- */

SUSPENDS static bool write_object(const struct delivery *delivery, struct span metadata,
                                  const struct write_condition *condition, struct error *error)
{
    struct bucket_store *store = delivery->options->store;
    const struct access_batch *batch = delivery->batch;
    struct object_writer *writer;
    struct object_digest digest;
    struct object_attributes ignored;
    const struct object_write_intent intent = {
        .name = {.bucket = delivery->logging->target_bucket, .key = buffer_span(&batch->key)},
        .creation_id = delivery->target.creation_id,
        .is_size_known = true,
        .size = batch->text.size,
        .checksum = CHECKSUM_CRC64NVME,
        .metadata = metadata,
        .condition = condition,
        .acl = buffer_span(&delivery->acl),
        .is_sealed = delivery->is_sealed,
    };
    if (!object_writer_begin(delivery->options->codecs, store, &intent, &writer, error))
        return false;
    if (!object_writer_put(writer, buffer_span(&batch->text), error) || !object_writer_finish(writer, &digest, error)) {
        object_writer_abort(writer);
        return false;
    }
    return object_writer_commit(writer, &ignored, error);
}

/* What is there under this name is ours, of a try whose answer was lost. */
SUSPENDS static bool deliver(const struct delivery *delivery, struct error *error)
{
    static const struct write_condition creation = {.if_none_match = SPAN("*")};
    bool decides = (delivery->options->store->capabilities.conditions & DECIDES_PUT_CREATE) != 0;
    struct buffer metadata = {0};
    (void)metadata_append(&metadata, SPAN("content-type"), SPAN("text/plain"));
    bool done = write_object(delivery, buffer_span(&metadata), decides ? &creation : NULL, error) ||
                (delivery->batch->tries > 0 && error->code != NULL && strcmp(error->code, S3_PreconditionFailed) == 0);
    buffer_free(&metadata);
    return done;
}

SUSPENDS enum batch_fate access_batch_write(const struct access_log_options *options, struct access_batch *batch,
                                            struct error *error)
{
    struct delivery delivery = {.options = options, .batch = batch};
    const void *logging = NULL;
    struct arena arena;
    arena_init(&arena, ARENA_BYTES);
    bool done = logging_compile(&batch->source, buffer_span(&batch->document), &arena, &logging, error);
    delivery.logging = logging;
    if (done) {
        bool counts_acls;
        make_key(&delivery);
        done = find_target(&delivery, error) && read_settings(&delivery, &counts_acls, error) &&
               (!counts_acls || make_acl(&delivery, &arena, error)) && deliver(&delivery, error);
    }
    buffer_free(&delivery.acl);
    arena_free(&arena);
    return done ? BATCH_WRITTEN : fate_of(error);
}
