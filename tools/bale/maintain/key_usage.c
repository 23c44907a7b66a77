/* tools/bale/maintain/key_usage.c -- a walk over what is stored, which looks at seals alone. */
#include "tools/bale/maintain/key_usage.h"

#include "codec/seal/upload_seal.h"
#include "store/walk.h"
#include "tools/bale/session/backend_session.h"
#include "tools/bale/session/stopping.h"

#include <string.h>

enum { ARENA_BYTES = 1 << 20 };

struct counting {
    struct bucket_store *store;
    struct key_usage *usage;
};

const struct key_use *key_usage_find(const struct key_usage *usage, const uint8_t id[SEAL_KEY_ID_BYTES])
{
    for (unsigned i = 0; i < usage->count; i++)
        if (memcmp(usage->keys[i].id, id, SEAL_KEY_ID_BYTES) == 0)
            return &usage->keys[i];
    return NULL;
}

/* NULL: there is no room for one more. */
static struct key_use *take_use(struct key_usage *usage, const uint8_t id[SEAL_KEY_ID_BYTES], struct error *error)
{
    struct key_use *use = (struct key_use *)key_usage_find(usage, id);
    if (use != NULL)
        return use;
    if (usage->count == KEY_USAGE_KEYS_MAX) {
        (void)error_set(error, ERROR_TOO_LARGE, NULL, "there are objects under more than %d keys", KEY_USAGE_KEYS_MAX);
        return NULL;
    }
    use = &usage->keys[usage->count++];
    memcpy(use->id, id, sizeof use->id);
    return use;
}

static bool count_object(struct counting *counting, struct span seal, struct error *error)
{
    struct seal_record record;
    if (seal.size == 0)
        return true;
    if (!seal_record_decode(seal, &record, error)) {
        counting->usage->unreadable++;
        return true;
    }
    struct key_use *use = take_use(counting->usage, record.key_id, error);
    if (use != NULL)
        use->objects++;
    return use != NULL;
}

/* What goes while it is looked at is not there any more. */
SUSPENDS static bool visit_object(void *context, const struct object_name *name, const struct list_entry *entry,
                                  struct error *error)
{
    struct counting *counting = context;
    struct object_attributes attributes;
    struct arena arena;
    if (!stopping_go_on(error))
        return false;
    if (entry->is_prefix || entry->is_delete_marker)
        return true;
    arena_init(&arena, ARENA_BYTES);
    bool done = bucket_head(counting->store, name, &arena, &attributes, error)
                    ? count_object(counting, attributes.seal, error)
                    : error->kind == ERROR_NOT_FOUND;
    arena_free(&arena);
    return done;
}

static bool count_upload(struct counting *counting, struct span seal, struct error *error)
{
    uint8_t id[SEAL_KEY_ID_BYTES];
    if (seal.size == 0)
        return true;
    if (!upload_seal_key_id(seal, id, error)) {
        counting->usage->unreadable++;
        return true;
    }
    struct key_use *use = take_use(counting->usage, id, error);
    if (use != NULL)
        use->uploads++;
    return use != NULL;
}

SUSPENDS static bool visit_upload(void *context, const struct object_name *name, struct span upload_id,
                                  struct error *error)
{
    struct counting *counting = context;
    struct upload_info upload;
    struct arena arena;
    if (!stopping_go_on(error))
        return false;
    arena_init(&arena, ARENA_BYTES);
    bool done = bucket_find_upload(counting->store, name, upload_id, &arena, &upload, error)
                    ? count_upload(counting, upload.seal, error)
                    : error->kind == ERROR_NOT_FOUND;
    arena_free(&arena);
    return done;
}

SUSPENDS static bool count_all(struct bucket_store *store, void *context, struct error *error)
{
    struct counting counting = {.store = store, .usage = context};
    const struct walk walk = {
        .has_versions = true, .visit = visit_object, .visit_upload = visit_upload, .context = &counting};
    *counting.usage = (struct key_usage){0}; /* of a folder it may be the second try */
    return walk_objects(store, &walk, error);
}

bool key_usage_count(const struct config *where, struct key_usage *ret_usage, struct error *error)
{
    stopping_watch();
    return backend_session_look(where, count_all, ret_usage, error);
}
