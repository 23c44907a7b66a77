/* server/training/retire.c -- unmap, wait, write again, look again until nothing is left, remove. */
#include "server/training/retire.h"

#include "journal/dictionaries/publish.h"
#include "runtime/base/hex.h"
#include "runtime/log/log.h"
#include "server/dictionaries/fetch.h"
#include "server/object/unchanged.h"

#include <string.h>

enum {
    GRACE_MS = 5000, /* after the unmapping: other replicas see it, and what they were writing ends */
    PAGE_BYTES_MAX = 4 << 20,
    TRIES = 3,
    PASSES_MAX = 4, /* over all objects: a bucket that is written to all the time has some left behind the first */
};

struct retiring {
    struct dictionary_trainer *trainer;
    struct bucket_info info;
    struct span bucket;
    struct span id;
    uint8_t digest[DICTIONARY_ID_DIGEST_BYTES];
    uint64_t referring; /* of this pass */
    struct retirement *done;
};

/* ---- no new ones ---- */

/* The prefix of a mapping to it, copied; false: there is none. */
static bool find_mapping(const struct retiring *retiring, uint8_t ret_prefix[DICTIONARY_PREFIX_BYTES_MAX],
                         struct span *ret_span)
{
    const struct dictionary_keeper *keeper = retiring->trainer->keeper;
    const struct state *state = keeper->journal == NULL ? NULL : journal_state(keeper->journal);
    struct dictionary_mapping mapping;
    struct state_walk walk = {0};
    while (state != NULL && dictionary_mapping_next(state, &walk, &mapping)) {
        if (mapping.creation_id != retiring->info.creation_id ||
            memcmp(mapping.digest, retiring->digest, DICTIONARY_ID_DIGEST_BYTES) != 0)
            continue;
        if (mapping.prefix.size > 0)
            memcpy(ret_prefix, mapping.prefix.data, mapping.prefix.size);
        *ret_span = span_of(ret_prefix, mapping.prefix.size);
        return true;
    }
    return false;
}

SUSPENDS static bool unmap_all(const struct retiring *retiring, struct error *error)
{
    uint8_t bytes[DICTIONARY_PREFIX_BYTES_MAX];
    struct span prefix;
    while (find_mapping(retiring, bytes, &prefix)) {
        if (!trainer_unmap(retiring->trainer, retiring->bucket, prefix, error))
            return false;
    }
    struct dictionary_keeper *keeper = retiring->trainer->keeper;
    if (keeper->journal == NULL)
        return error_set(error, ERROR_BUSY, NULL, "the journal has not been read yet");
    struct journal_scheduler *scheduler = keeper->environment->scheduler;
    return scheduler->sleep_until(scheduler, deadline_after_ms(GRACE_MS)) ||
           error_set(error, ERROR_CANCELLED, NULL, "the process ends");
}

/* ---- one object ---- */

SUSPENDS static bool write_again(const struct retiring *retiring, struct bucket_object *object,
                                 const struct object_name *name, struct span tags, struct error *error)
{
    const struct object_attributes *attributes = &object->attributes;
    struct object_codecs *codecs = retiring->trainer->codecs;
    const struct write_condition unchanged = {.if_match = span_from_string(attributes->stored_etag),
                                              .is_stored_etag = true};
    enum checksum_algorithm checksum = attributes->checksum.algorithm;
    struct object_write_intent intent = {
        .name = *name,
        .is_size_known = true,
        .size = attributes->original_size,
        .checksum = checksum != CHECKSUM_NONE ? checksum : CHECKSUM_CRC64NVME,
        .metadata = attributes->metadata,
        .tags = tags,
        .tags_count = metadata_count(tags),
        .condition = &unchanged,
        .lock = attributes->lock,
        .owner = attributes->owner,
        .acl = attributes->acl,
        .is_sealed = object_codecs_seals_all(codecs),
    };
    struct object_writer *writer;
    struct object_digest digest;
    struct object_attributes stored;
    struct bucket_store *store = retiring->trainer->store;
    if (!object_writer_begin(codecs, store, &intent, &writer, error))
        return false;
    if (object_pump(codecs, object, name, NULL, 0, attributes->original_size, writer, &digest, error) &&
        object_expect_unchanged(store, name, attributes, tags, error))
        return object_writer_commit(writer, &stored, error);
    object_writer_abort(writer);
    return false;
}

/* They are asked for whatever the object's answer counts: a server leaves the count out for who may not read them.
 * Where the store keeps none, one that has some all the same is refused. */
SUSPENDS static bool read_tags(struct bucket_store *store, const struct object_name *name,
                               const struct object_attributes *attributes, struct buffer *ret_tags, struct error *error)
{
    bool has_none = !store->capabilities.has_tags && attributes->tags_count == 0;
    return has_none || bucket_read_tags(store, name, ret_tags, NULL, error);
}

SUSPENDS static bool look_once(struct retiring *retiring, const struct object_name *name, struct error *error)
{
    struct bucket_store *store = retiring->trainer->store;
    struct bucket_object *object;
    struct buffer tags;
    if (!bucket_open(store, name, NULL, &object, error))
        return false;
    bool refers = span_equal(span_from_string(object->attributes.dictionary), retiring->id);
    bool done = true;
    buffer_init(&tags, 0);
    if (refers) {
        done = read_tags(store, name, &object->attributes, &tags, error) &&
               write_again(retiring, object, name, buffer_span(&tags), error);
        retiring->done->rewritten += done;
    }
    retiring->referring += refers;
    buffer_free(&tags);
    bucket_close(object);
    return done;
}

/* What has gone or was replaced meanwhile is looked at anew. */
SUSPENDS static bool look_at(struct retiring *retiring, struct span key, struct error *error)
{
    const struct object_name name = {.bucket = retiring->bucket, .key = key};
    retiring->done->looked_at++;
    for (unsigned tries = 1; !look_once(retiring, &name, error); tries++) {
        if (error->kind == ERROR_NOT_FOUND)
            return true;
        if (tries == TRIES || (error->kind != ERROR_CHANGED && error->kind != ERROR_CONFLICT))
            return error_prepend(error, "%.*s", SPAN_FORMAT(span_take(key, 80)));
    }
    return true;
}

/* ---- all objects ---- */

SUSPENDS static bool look_at_all(struct retiring *retiring, struct error *error)
{
    uint8_t after[OBJECT_KEY_BYTES_MAX];
    struct arena arena;
    struct list_page page = {.is_truncated = true};
    struct list_request request = {.bucket = retiring->bucket, .entries_max = LIST_ENTRIES_MAX};
    bool done = true;
    retiring->referring = 0;
    arena_init(&arena, PAGE_BYTES_MAX);
    while (done && page.is_truncated) {
        arena_reset(&arena);
        done = bucket_list(retiring->trainer->store, &request, &arena, &page, error);
        for (unsigned i = 0; done && i < page.count; i++)
            done = look_at(retiring, page.entries[i].key, error);
        if (page.count == 0)
            break;
        struct span last = page.entries[page.count - 1].key;
        memcpy(after, last.data, last.size);
        request.after = span_of(after, last.size);
    }
    arena_free(&arena);
    return done;
}

/* Until a pass finds none. A write that began before the unmapping may end behind the place where a pass is. */
SUSPENDS static bool write_all_again(struct retiring *retiring, struct error *error)
{
    for (unsigned passes = 0; passes < PASSES_MAX; passes++) {
        if (!look_at_all(retiring, error))
            return false;
        if (retiring->referring == 0)
            return true;
    }
    return error_set(error, ERROR_CONFLICT, NULL,
                     "objects that refer to it are written all the time, %llu of late: by a replica that does not know "
                     "yet that it is out of force, or by uploads that have begun long ago. Try again",
                     (unsigned long long)retiring->referring);
}

/* ---- the end of it ---- */

/* Ever published here, or at least an object of the bucket, as S4 has them. */
SUSPENDS static bool is_there(const struct retiring *retiring, struct error *error)
{
    const struct dictionary_trainer *trainer = retiring->trainer;
    const struct state *state = trainer->keeper->journal == NULL ? NULL : journal_state(trainer->keeper->journal);
    struct dictionary_known known;
    struct buffer bytes;
    if (state != NULL && dictionary_known_find(state, retiring->info.creation_id, retiring->digest, &known))
        return true;
    buffer_init(&bytes, DICTIONARY_BYTES_MAX + 1);
    bool done = dictionary_fetch(trainer->store, retiring->bucket, retiring->id, &bytes, error);
    buffer_free(&bytes);
    if (done || error->kind != ERROR_DAMAGED)
        return done;
    return error_set(error, ERROR_NOT_FOUND, NULL, "there is no sound dictionary %.*s in %.*s",
                     SPAN_FORMAT(retiring->id), SPAN_FORMAT(retiring->bucket));
}

SUSPENDS static bool remove_dictionary(const struct retiring *retiring, struct error *error)
{
    struct dictionary_trainer *trainer = retiring->trainer;
    char key[DICTIONARY_KEY_BYTES];
    uint8_t bytes[DICTIONARY_PREFIX_BYTES_MAX];
    struct span prefix;
    if (find_mapping(retiring, bytes, &prefix))
        return error_set(error, ERROR_CONFLICT, NULL, "it was put in force again meanwhile, for the prefix \"%.*s\"",
                         SPAN_FORMAT(prefix));
    struct delete_item item = {.key = dictionary_key(retiring->id, key)};
    if (!bucket_delete_objects(trainer->store, retiring->bucket, &item, 1, error))
        return false;
    if (!item.is_deleted && item.error.kind != ERROR_NOT_FOUND) {
        *error = item.error;
        return false;
    }
    return dictionaries_forget(trainer->keeper->journal, trainer->keeper->environment, retiring->info.creation_id,
                               retiring->digest, error);
}

SUSPENDS static bool retire(struct dictionary_trainer *trainer, struct span bucket, struct span id,
                            struct retirement *done, struct error *error)
{
    struct retiring retiring = {.trainer = trainer, .bucket = bucket, .id = id, .done = done};
    if (!dictionary_id_is_valid(id) || !hex_decode(id, retiring.digest, sizeof retiring.digest))
        return error_set(error, ERROR_INVALID, NULL, "the id of a dictionary is 16 digits, 0 to 9 and a to f");
    if (!bucket_find(trainer->store, bucket, &retiring.info, error))
        return false;
    if (retiring.info.versioning != VERSIONING_NEVER)
        return error_set(error, ERROR_UNSUPPORTED, NULL,
                         "the bucket has versions, and those that refer to the dictionary cannot be written again");
    if (!is_there(&retiring, error) || !unmap_all(&retiring, error) || !write_all_again(&retiring, error) ||
        !remove_dictionary(&retiring, error))
        return false;
    log_message(LOG_INFO, "the dictionary %.*s of %.*s is retired: %llu objects were written again", SPAN_FORMAT(id),
                SPAN_FORMAT(bucket), (unsigned long long)done->rewritten);
    return true;
}

SUSPENDS bool dictionary_retire(struct dictionary_trainer *trainer, struct span bucket, struct span id,
                                struct retirement *ret_done, struct error *error)
{
    *ret_done = (struct retirement){0};
    if (trainer->is_busy) /* what is trained may be this very dictionary again */
        return error_set(error, ERROR_BUSY, NULL, "another dictionary is being trained, or retired");
    trainer->is_busy = true;
    bool done = retire(trainer, bucket, id, ret_done, error);
    trainer->is_busy = false;
    return done;
}
