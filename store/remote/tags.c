/* store/remote/tags.c -- tags of an object: the backend's own. They change without the ETag, so nothing of them is
 * kept. */
#include "runtime/base/assert.h"
#include "s3client/operations.h"
#include "s3client/wire/s3_error.h"
#include "store/remote/store.h"

#include <stdlib.h>

enum { TAGS_ARENA_BYTES = 256 << 10 };

SUSPENDS static bool fetch(struct remote_key *key, struct buffer *ret_tags, struct s3_answer *ret_answer,
                           struct error *error)
{
    struct arena arena;
    struct s3_tag *tags = NULL;
    unsigned count = 0;
    const struct s3_call call = remote_key_call(key, S3_GET_TAGS, S3_REPEAT);
    arena_init(&arena, TAGS_ARENA_BYTES);
    bool done = s3_client_get_tags(key->shard->client, &call, &arena, &tags, &count, ret_answer, error);
    done = remote_answered(key->shard, S3_GET_TAGS, ret_answer, done, error);
    if (!done && error->code == S3_NoSuchTagSet) /* what some say of an object without tags */
        done = true;
    else if (!done)
        (void)remote_key_is_missing(key, ret_answer, error);
    for (unsigned i = 0; done && i < count; i++)
        (void)metadata_append(ret_tags, tags[i].name, tags[i].value);
    arena_free(&arena);
    return done;
}

/* Whose tags are they, in a bucket that keeps versions? MinIO says it of those only that were asked for by their
 * version: so it is asked which one is current, and for the tags of that. False: there is nothing to be asked. Not on
 * the stack of whoever asks for the tags. */
__attribute__((noinline)) SUSPENDS static bool pin_current(struct remote_key *key, const struct s3_answer *answer)
{
    struct bucket_info info;
    struct remote_state state;
    struct error ignored;
    struct remote *remote = key->shard->remote;
    if (answer->version[0] != '\0' || key->version[0] != '\0' || !remote->base.capabilities.has_versions ||
        !remote_find_bucket(&remote->base, key->name.bucket, &info, &ignored) || info.versioning == VERSIONING_NEVER ||
        !remote_look(key, LOOK_FOR_ETAG, &state, &ignored))
        return false;
    remote_key_pin(key, state.is_there ? state.object.attributes.version : "null");
    remote_state_free(key->shard, &state);
    return key->version[0] != '\0';
}

SUSPENDS bool remote_read_tags(struct bucket_store *store, const struct object_name *name, struct buffer *ret_tags,
                               char ret_version[VERSION_TEXT_BYTES], struct error *error)
{
    struct remote_key key;
    struct s3_answer answer;
    if (!remote_key_init(remote_of(store), name, &key, error))
        return false;
    bool done = fetch(&key, ret_tags, &answer, error);
    if (done && pin_current(&key, &answer)) {
        buffer_clear(ret_tags);
        done = fetch(&key, ret_tags, &answer, error);
    }
    remote_key_answered_version(&key, &answer, ret_version);
    return done;
}

SUSPENDS bool remote_write_tags(struct bucket_store *store, const struct object_name *name, struct span tags,
                                unsigned tags_count, char ret_version[VERSION_TEXT_BYTES], struct error *error)
{
    struct remote_key key;
    struct s3_answer answer;
    unsigned count = 0;
    ASSERT(tags_count <= S3_TAGS_MAX);
    if (!remote_key_init(remote_of(store), name, &key, error))
        return false;
    struct s3_tag *list = calloc(tags_count + 1, sizeof *list);
    ASSERT(list != NULL);
    size_t position = 0;
    while (count < tags_count && metadata_next(tags, &position, &list[count].name, &list[count].value))
        count++;
    const struct s3_call call = remote_key_call(&key, S3_PUT_TAGS, S3_REPEAT);
    bool done = s3_client_put_tags(key.shard->client, &call, list, count, &answer, error);
    free(list);
    remote_key_answered_version(&key, &answer, ret_version);
    done = remote_answered(key.shard, count > 0 ? S3_PUT_TAGS : S3_DELETE_TAGS, &answer, done, error);
    if (!done)
        (void)remote_key_is_missing(&key, &answer, error);
    return done;
}
