/* store/remote/tags.c -- tags of an object: the backend's own. They change without the ETag, so nothing of them is
 * kept. */
#include "runtime/base/assert.h"
#include "s3client/operations.h"
#include "s3client/wire/s3_error.h"
#include "store/remote/store.h"

#include <stdlib.h>

enum { TAGS_ARENA_BYTES = 256 << 10 };

SUSPENDS bool remote_read_tags(struct bucket_store *store, const struct object_name *name, struct buffer *ret_tags,
                               char ret_version[VERSION_TEXT_BYTES], struct error *error)
{
    struct remote_key key;
    struct arena arena;
    struct s3_tag *tags = NULL;
    unsigned count = 0;
    struct s3_answer answer;
    if (!remote_key_init(remote_of(store), name, &key, error))
        return false;
    const struct s3_call call = remote_key_call(&key, S3_GET_TAGS, S3_REPEAT);
    arena_init(&arena, TAGS_ARENA_BYTES);
    bool done = s3_client_get_tags(key.shard->client, &call, &arena, &tags, &count, &answer, error);
    done = remote_answered(key.shard, S3_GET_TAGS, &answer, done, error);
    if (!done && error->code == S3_NoSuchTagSet) /* what some say of an object without tags */
        done = true;
    else if (!done)
        (void)remote_key_is_missing(&key, &answer, error);
    remote_answered_version(&answer, ret_version);
    for (unsigned i = 0; done && i < count; i++)
        (void)metadata_append(ret_tags, tags[i].name, tags[i].value);
    arena_free(&arena);
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
    remote_answered_version(&answer, ret_version);
    done = remote_answered(key.shard, count > 0 ? S3_PUT_TAGS : S3_DELETE_TAGS, &answer, done, error);
    if (!done)
        (void)remote_key_is_missing(&key, &answer, error);
    return done;
}
