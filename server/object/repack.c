/* server/object/repack.c -- one version is packed anew, or goes to another class, in one step. */
#include "server/object/repack.h"

#include "server/object/object_rewrite.h"

#include <string.h>

enum {
    ARENA_BYTES = 256 << 10, /* metadata, grants */
    SMALL_BYTES = 2000,      /* stored: what lies in the catalogue */
};

enum repack_bar repack_find_bar(const struct object_attributes *attributes, int level)
{
    if (attributes->is_encrypted || attributes->seal.size > 0)
        return REPACK_ENCRYPTED;
    if (!attributes->is_s4 || !attributes->is_size_known)
        return REPACK_FOREIGN;
    if (attributes->stored_size <= SMALL_BYTES)
        return REPACK_SMALL;
    if (attributes->dictionary[0] != '\0')
        return REPACK_DICTIONARY;
    return attributes->level_tried >= level ? REPACK_TRIED : REPACK_MAY;
}

static bool expect_judged(const struct repack *repack, const struct object_attributes *found, struct error *error)
{
    return strcmp(found->stored_etag, repack->judged) == 0 ||
           error_set(error, ERROR_CHANGED, NULL, "The object was replaced while it was looked at.");
}

static void describe(const struct repack *repack, const struct object_attributes *found, struct buffer *ret_metadata)
{
    struct span storage_class = repack->storage_class;
    metadata_with_storage_class(found->metadata,
                                storage_class.size > 0 ? storage_class : metadata_storage_class(found->metadata),
                                ret_metadata);
}

/* The body stays; its class may be another one, and a level may have been tried. */
SUSPENDS static bool keep_body(const struct repack *repack, const struct object_attributes *found, struct span metadata,
                               struct repacked *ret_repacked, struct error *error)
{
    const struct class_change change = {.judged = found,
                                        .metadata = metadata,
                                        .grounds = repack->grounds,
                                        .level_tried = (uint8_t)repack->level,
                                        .makes_version = repack->makes_version};
    const struct object_name name = {repack->name.bucket, repack->name.key, span_from_string(found->version)};
    *ret_repacked = (struct repacked){.stored_size = found->stored_size};
    return bucket_change_class(repack->store, &name, &change, error);
}

static bool is_worth_it(const struct repack *repack, const struct object_rewrite *rewrite)
{
    double before = (double)object_rewrite_found(rewrite)->stored_size;
    double after = (double)object_rewrite_stored_size(rewrite);
    return after <= before * (1 - repack->least_gain / 100.0) && after < before;
}

SUSPENDS static bool replace_body(const struct repack *repack, struct object_rewrite *rewrite,
                                  struct repacked *ret_repacked, struct error *error)
{
    const struct object_attributes *found = object_rewrite_found(rewrite);
    struct buffer metadata;
    bool done = expect_judged(repack, found, error);
    if (done && is_worth_it(repack, rewrite)) {
        *ret_repacked = (struct repacked){true, object_rewrite_stored_size(rewrite)};
        return object_rewrite_commit(rewrite, error);
    }
    buffer_init(&metadata, 0);
    if (done)
        describe(repack, found, &metadata);
    done = done && keep_body(repack, found, buffer_span(&metadata), ret_repacked, error);
    object_rewrite_abort(rewrite);
    buffer_free(&metadata);
    return done;
}

SUSPENDS static bool change_class(const struct repack *repack, struct repacked *ret_repacked, struct error *error)
{
    struct object_attributes found;
    struct buffer metadata;
    struct arena arena;
    arena_init(&arena, ARENA_BYTES);
    buffer_init(&metadata, 0);
    bool done =
        bucket_head(repack->store, &repack->name, &arena, &found, error) && expect_judged(repack, &found, error);
    if (done) {
        describe(repack, &found, &metadata);
        done = keep_body(repack, &found, buffer_span(&metadata), ret_repacked, error);
    }
    buffer_free(&metadata);
    arena_free(&arena);
    return done;
}

SUSPENDS bool repack_object(const struct repack *repack, struct repacked *ret_repacked, struct error *error)
{
    const struct object_rewrite_intent intent = {.name = repack->name,
                                                 .level = repack->level,
                                                 .storage_class = repack->storage_class,
                                                 .grounds = repack->grounds,
                                                 .is_cut_off = repack->is_cut_off,
                                                 .gate = repack->gate,
                                                 .makes_version = repack->makes_version};
    struct object_rewrite *rewrite;
    if (repack->level == 0)
        return change_class(repack, ret_repacked, error);
    return object_rewrite_begin(repack->codecs, repack->store, &intent, &rewrite, error) &&
           replace_body(repack, rewrite, ret_repacked, error);
}

SUSPENDS bool repack_note_level(const struct repack *repack, struct error *error)
{
    struct repacked ignored;
    return change_class(repack, &ignored, error);
}
