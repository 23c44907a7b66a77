/* store/remote/write/among_versions.c -- the newest versions of a key, one after the other, until one is ours or they
 * are older than our write. */
#include "store/remote/write/among_versions.h"

#include "runtime/base/assert.h"
#include "s3client/operations.h"
#include "s3client/wire/s3_error.h"

#include <stdlib.h>

enum { SEARCH_ARENA_BYTES = 4 << 20, VERSIONS_LOOKED_AT_MAX = 200 };

/* On the heap: a fiber's stack is small. */
struct search {
    struct write_target *target;
    const struct write_target *before;
    const uint8_t *nonce;
    struct arena arena;
    struct s3_versions_page page;
    struct remote_key version; /* that is looked at */
    bool is_found;
};

SUSPENDS static bool list(struct search *search, struct error *error)
{
    struct remote_key *key = search->target->key;
    struct s3_answer answer;
    const struct s3_call call = {.bucket = key->backend.bucket, .repeat = S3_REPEAT};
    const struct s3_versions_request request = {.prefix = key->backend.key, .entries_max = VERSIONS_LOOKED_AT_MAX};
    bool done =
        s3_client_list_versions(key->shard->client, &call, &request, &search->arena, &search->page, &answer, error);
    return remote_answered(key->shard, S3_LIST_VERSIONS, &answer, done, error);
}

/* Is it the one that was to be replaced, or of another key? */
static bool is_behind(const struct search *search, const struct s3_version_entry *entry)
{
    bool is_weak;
    const struct write_target *before = search->before;
    if (!span_equal(entry->key, search->target->key->backend.key))
        return true;
    return before->state == TARGET_REVISION && !entry->is_delete_marker &&
           span_equal(fields_plain_etag(entry->etag, &is_weak), span_from_string(before->etag));
}

SUSPENDS static bool look_at(struct search *search, const struct s3_version_entry *entry, struct error *error)
{
    struct remote_state state;
    struct remote_key *key = search->target->key;
    const struct object_name name = {.bucket = key->name.bucket, .key = key->name.key, .version = entry->version};
    if (!remote_key_init(key->shard->remote, &name, &search->version, error) ||
        !remote_look(&search->version, search->target->logical_etag != NULL ? LOOK_FOR_WHOLE : LOOK_FOR_ETAG, &state,
                     error))
        return false;
    const struct backend_object *object = &state.object;
    search->is_found = state.is_there && write_target_is_own(search->target, search->nonce, object);
    if (search->is_found) {
        memcpy(search->target->etag, object->attributes.stored_etag, sizeof search->target->etag);
        memcpy(search->target->version, object->attributes.version, sizeof search->target->version);
    }
    remote_state_free(key->shard, &state);
    return true;
}

SUSPENDS static bool look(struct search *search, struct error *error)
{
    const struct s3_versions_page *page = &search->page;
    for (unsigned i = 0; i < page->count && !search->is_found && !is_behind(search, &page->entries[i]); i++) {
        if (!page->entries[i].is_delete_marker && !look_at(search, &page->entries[i], error))
            return false;
    }
    return true;
}

SUSPENDS bool among_versions_find(struct write_target *target, const struct write_target *before,
                                  const uint8_t nonce[STAMP_NONCE_BYTES], bool *ret_found, struct error *error)
{
    *ret_found = false;
    if (!target->key->shard->remote->base.capabilities.has_versions)
        return true;
    struct search *search = calloc(1, sizeof *search);
    ASSERT(search != NULL);
    search->target = target;
    search->before = before;
    search->nonce = nonce;
    arena_init(&search->arena, SEARCH_ARENA_BYTES);
    bool done = list(search, error) && look(search, error);
    *ret_found = done && search->is_found;
    arena_free(&search->arena);
    free(search);
    return done;
}
