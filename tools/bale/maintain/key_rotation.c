/* tools/bale/maintain/key_rotation.c -- a walk over what is stored, which replaces seals. */
#include "tools/bale/maintain/key_rotation.h"

#include "server/keys/object_seal.h"
#include "server/maintenance/rewrite.h"
#include "store/walk.h"
#include "tools/bale/session/backend_session.h"
#include "tools/bale/session/stopping.h"
#include "tools/bale/view/printable.h"

#include <stdio.h>
#include <string.h>

enum { ARENA_BYTES = 1 << 20 };

/* One object on its way. */
struct renewing {
    struct bucket_store *store;
    struct key_rotation *rotation;
    const struct object_name *name;
    const struct list_entry *entry;
};

/* ---- the name that a seal was made for ---- */

/* In place of the walk's bucket and prefix those of `written`. False: such a key is too long to have been one. */
static bool name_written(const struct renewing *renewing, char room[OBJECT_KEY_BYTES_MAX], struct object_name *ret_name)
{
    const struct key_rotation *rotation = renewing->rotation;
    *ret_name = *renewing->name;
    if (rotation->written == NULL)
        return true;
    struct span place = span_from_string(rotation->written);
    size_t slash = span_find(place, '/');
    struct span prefix = slash == SIZE_MAX ? SPAN_EMPTY : span_skip(place, slash + 1);
    struct span rest = span_skip(renewing->name->key, rotation->prefix != NULL ? strlen(rotation->prefix) : 0);
    if (prefix.size + rest.size > OBJECT_KEY_BYTES_MAX)
        return false;
    if (prefix.size > 0)
        memcpy(room, prefix.data, prefix.size);
    if (rest.size > 0)
        memcpy(room + prefix.size, rest.data, rest.size);
    ret_name->bucket = span_take(place, slash == SIZE_MAX ? place.size : slash);
    ret_name->key = span_of(room, prefix.size + rest.size);
    return true;
}

static bool is_made_for(const struct seal_record *record, const struct object_name *name)
{
    uint8_t hash[SEAL_NAME_BYTES];
    object_seal_hash_name(name, hash);
    return memcmp(record->name, hash, sizeof hash) == 0;
}

/* ---- one object ---- */

static bool is_as_it_should_be(const struct renewing *renewing, const struct seal_record *record)
{
    const struct key_rotation *rotation = renewing->rotation;
    if (rotation->written != NULL)
        return is_made_for(record, renewing->name);
    return memcmp(record->key_id, keyring_active(rotation->keyring)->id, SEAL_KEY_ID_BYTES) == 0 ||
           (rotation->from != NULL && memcmp(record->key_id, rotation->from, SEAL_KEY_ID_BYTES) != 0);
}

SUSPENDS static bool replace(const struct renewing *renewing, const struct object_attributes *attributes,
                             struct error *error)
{
    char room[OBJECT_KEY_BYTES_MAX];
    uint8_t seal[SEAL_RECORD_BYTES_MAX];
    size_t size;
    struct object_name written;
    struct object_name version = *renewing->name;
    const struct object_seal_renewal renewal = {.written = &written, .name = renewing->name};
    version.version = span_from_string(attributes->version);
    if (!name_written(renewing, room, &written))
        return error_set(error, ERROR_DAMAGED, NULL, "The object was encrypted under another name.");
    if (!object_seal_renew(renewing->rotation->keyring, &renewal, attributes, seal, &size, error))
        return false;
    const struct seal_change change = {.judged = attributes, .seal = span_of(seal, size)};
    return bucket_change_seal(renewing->store, &version, &change, error);
}

SUSPENDS static bool renew(const struct renewing *renewing, struct error *error)
{
    struct key_rotation *rotation = renewing->rotation;
    struct object_attributes attributes;
    struct seal_record record;
    struct arena arena;
    arena_init(&arena, ARENA_BYTES);
    bool done = bucket_head(renewing->store, renewing->name, &arena, &attributes, error);
    if (done && attributes.seal.size > 0) {
        attributes.modified_ms = rewrite_time(&attributes, renewing->entry);
        done = seal_record_decode(attributes.seal, &record, error);
        if (done && is_as_it_should_be(renewing, &record)) {
            rotation->already++;
        } else if (done) {
            done = replace(renewing, &attributes, error);
            rotation->renewed += done;
        }
    }
    arena_free(&arena);
    return done;
}

/* What the error says of this object alone does not end the walk. */
static bool settle(const struct renewing *renewing, const struct error *error)
{
    struct key_rotation *rotation = renewing->rotation;
    const struct object_name *name = renewing->name;
    switch (error->kind) {
    case ERROR_NOT_FOUND:
    case ERROR_CHANGED:
    case ERROR_CONFLICT:
        rotation->changed++;
        return true;
    case ERROR_DAMAGED:
    case ERROR_DENIED:
    case ERROR_UNSUPPORTED:
        rotation->left++;
        fprintf(stderr, "bale: %.*s/", SPAN_FORMAT(name->bucket));
        printable_write(stderr, name->key);
        fprintf(stderr, "%s%.*s: %s\n", name->version.size > 0 ? ", version " : "", SPAN_FORMAT(name->version),
                error->message);
        return true;
    default:
        return false;
    }
}

SUSPENDS static bool visit(void *context, const struct object_name *name, const struct list_entry *entry,
                           struct error *error)
{
    struct renewing *renewing = context;
    if (!stopping_go_on(error))
        return false;
    if (entry->is_prefix || entry->is_delete_marker)
        return true;
    renewing->name = name;
    renewing->entry = entry;
    return renew(renewing, error) || settle(renewing, error);
}

/* ---- all of them ---- */

SUSPENDS static bool renew_all(struct bucket_store *store, void *context, struct error *error)
{
    struct renewing renewing = {.store = store, .rotation = context};
    const struct walk walk = {.bucket = renewing.rotation->bucket,
                              .prefix = renewing.rotation->prefix,
                              .has_versions = true,
                              .visit = visit,
                              .context = &renewing};
    if (!store->capabilities.rewrites || !store->capabilities.keeps_seals)
        return error_set(error, ERROR_UNSUPPORTED, NULL,
                         "the backend does not decide conditional writes (bale backend), or keeps no encrypted "
                         "objects: an object that is written meanwhile could be lost");
    return walk_objects(store, &walk, error);
}

bool key_rotation_run(const struct config *where, struct key_rotation *rotation, struct error *error)
{
    stopping_watch();
    return backend_session_run(where, renew_all, rotation, error);
}
