/* tools/bale/commands/stamp.c -- bale stamp: what S4 wants to find beside objects that Bale wrote. */
#include "store/remote/remote.h"
#include "store/walk.h"
#include "tools/bale/command.h"
#include "tools/bale/session/backend_session.h"

#include <inttypes.h>
#include <stdio.h>

#define COPY_BYTES_MAX (UINT64_C(5) << 30)

struct stamping {
    const struct command_line *line;
    struct bucket_store *store;
    uint64_t objects;
    uint64_t sidecars;
    uint64_t copies;
    uint64_t changed; /* somebody replaced it meanwhile */
    uint64_t too_large;
};

/* Onto itself, with all that is known of it in its metadata, if it is still this revision: the copy is another one, and
 * has the list of grants that counts now from the beginning. */
SUSPENDS static bool copy_onto_itself(struct stamping *stamping, struct bucket_object *object,
                                      const struct object_name *name, struct error *error)
{
    struct object_attributes attributes = object->attributes;
    struct object_attributes ignored;
    struct arena arena;
    struct buffer tags = {0};
    struct write_condition condition = {
        .is_stored_etag = true,
        .if_match = span_from_string(object->attributes.stored_etag),
    };
    struct write_result result = {.attributes = &attributes, .condition = &condition};
    arena_init(&arena, 2 * OBJECT_ACL_BYTES_MAX);
    bool done = (attributes.tags_count == 0 || bucket_read_tags(stamping->store, name, &tags, NULL, error)) &&
                bucket_read_acl(stamping->store, name, &object->attributes, &arena, &attributes.acl, error);
    result.tags = buffer_span(&tags);
    done = done && bucket_copy(object, name, &result, &ignored, error);
    arena_free(&arena);
    buffer_free(&tags);
    stamping->copies += done;
    return done;
}

SUSPENDS static bool stamp_open(struct stamping *stamping, struct bucket_object *object, struct error *error)
{
    bool is_written;
    bool done = remote_write_sidecar(object, &is_written, error);
    stamping->sidecars += done && is_written;
    return done;
}

/* Opened again after a copy: the sidecar is bound to what is there then. */
SUSPENDS static bool stamp_once(struct stamping *stamping, const struct object_name *name, bool may_copy,
                                bool *ret_copied, struct error *error)
{
    const struct open_intent intent = {.extent = OPEN_ATTRIBUTES};
    struct bucket_object *object;
    bool done;
    *ret_copied = false;
    if (!bucket_open(stamping->store, name, &intent, &object, error))
        return false;
    if (object->attributes.seal.size > 0) { /* S4 does not read it, and its ETag must not be told */
        bucket_close(object);
        return true;
    }
    bool wants_copy = may_copy && stamping->line->etags && !remote_tells_s4(object);
    if (wants_copy && object->attributes.stored_size > COPY_BYTES_MAX) {
        stamping->too_large++;
        wants_copy = false;
    }
    if (wants_copy) {
        done = copy_onto_itself(stamping, object, name, error);
        *ret_copied = done;
    } else {
        done = stamp_open(stamping, object, error);
    }
    bucket_close(object);
    return done;
}

SUSPENDS static bool stamp(void *context, const struct object_name *name, const struct list_entry *entry,
                           struct error *error)
{
    struct stamping *stamping = context;
    bool is_copied;
    if (entry->is_prefix)
        return true;
    bool done = stamp_once(stamping, name, true, &is_copied, error) &&
                (!is_copied || stamp_once(stamping, name, false, &is_copied, error));
    stamping->objects++;
    if (!done && (error->kind == ERROR_NOT_FOUND || error->kind == ERROR_CHANGED || error->kind == ERROR_CONFLICT)) {
        stamping->changed++;
        return true;
    }
    return done || error_prepend(error, "%.*s/%.*s", SPAN_FORMAT(name->bucket), SPAN_FORMAT(span_take(name->key, 80)));
}

SUSPENDS static bool stamp_all(struct bucket_store *store, void *context, struct error *error)
{
    struct stamping *stamping = context;
    const struct walk walk = {
        .bucket = stamping->line->bucket, .prefix = stamping->line->prefix, .visit = stamp, .context = stamping};
    stamping->store = store;
    return walk_objects(store, &walk, error);
}

bool command_stamp(const struct command_line *line, struct error *error)
{
    struct stamping stamping = {.line = line};
    bool done = backend_session_run(&line->where, stamp_all, &stamping, error);
    if (!done)
        return false;
    printf("%" PRIu64 " objects, %" PRIu64 " sidecars written", stamping.objects, stamping.sidecars);
    if (line->etags)
        printf(", %" PRIu64 " copied onto themselves", stamping.copies);
    if (stamping.too_large > 0)
        printf(", %" PRIu64 " too large to be copied (5 GiB)", stamping.too_large);
    if (stamping.changed > 0)
        printf(", %" PRIu64 " changed meanwhile: stamp again", stamping.changed);
    printf(".\n");
    return true;
}
