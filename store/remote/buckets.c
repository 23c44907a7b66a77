/* store/remote/buckets.c -- buckets: the home bucket, or all that the backend has.
 *
 * The home bucket was there at the start, and stays: it is neither made nor removed by clients. Of all buckets, what a
 * shard learnt is believed for a minute, so that requests do not begin with one of ours. */
#include "runtime/base/assert.h"
#include "runtime/base/clock.h"
#include "s3client/operations.h"
#include "s3client/wire/s3_error.h"
#include "store/remote/store.h"

#include <stdlib.h>

enum { LIST_ARENA_BYTES = 8 << 20, BELIEVED_MS = 60000 };

static void describe(const struct remote *remote, struct span name, int64_t created_ms, struct bucket_info *ret_info)
{
    *ret_info = (struct bucket_info){.created_ms = created_ms, .creation_id = 1};
    ASSERT(name.size < sizeof ret_info->name && strlen(remote->owner) < sizeof ret_info->owner);
    memcpy(ret_info->name, name.data, name.size);
    memcpy(ret_info->owner, remote->owner, strlen(remote->owner));
}

static struct span home_name(const struct remote *remote)
{
    return span_from_string(remote->settings.name != NULL ? remote->settings.name : remote->settings.bucket);
}

/* ---- finding ---- */

static struct known_bucket *find_known(struct remote_shard *shard, struct span name)
{
    for (unsigned i = 0; i < BUCKETS_KNOWN; i++) {
        if (span_equal(span_from_string(shard->buckets[i].name), name))
            return &shard->buckets[i];
    }
    return NULL;
}

static void remember(struct remote_shard *shard, struct span name)
{
    struct known_bucket *place = find_known(shard, name);
    if (place == NULL)
        place = &shard->buckets[shard->buckets_next++ % BUCKETS_KNOWN];
    *place = (struct known_bucket){.until_ms = clock_wall_ms(shard->remote->settings.clock) + BELIEVED_MS};
    memcpy(place->name, name.data, name.size);
}

static void forget(struct remote_shard *shard, struct span name)
{
    struct known_bucket *place = find_known(shard, name);
    if (place != NULL)
        *place = (struct known_bucket){0};
}

SUSPENDS static bool head_bucket(struct remote_shard *shard, struct span name, struct error *error)
{
    struct s3_answer answer;
    const struct s3_call call = {.kind = S3_HEAD_BUCKET, .bucket = name, .repeat = S3_REPEAT};
    if (!remote_call(shard, &call, &answer, error))
        return false;
    s3_answer_close(&answer);
    return true;
}

SUSPENDS bool remote_find_bucket(struct bucket_store *store, struct span bucket, struct bucket_info *ret_info,
                                 struct error *error)
{
    struct remote *remote = remote_of(store);
    struct span backend;
    if (!remote_bucket(remote, bucket, &backend, error))
        return false;
    if (remote->settings.is_all_buckets) {
        struct remote_shard *shard = remote_shard_here(remote);
        const struct known_bucket *known = find_known(shard, bucket);
        bool is_known = known != NULL && known->until_ms > clock_wall_ms(remote->settings.clock);
        if (!is_known && !head_bucket(shard, bucket, error)) {
            forget(shard, bucket);
            return false;
        }
        if (!is_known)
            remember(shard, bucket);
    }
    describe(remote, bucket, remote->started_ms, ret_info);
    return true;
}

/* ---- making and removing ---- */

SUSPENDS bool remote_create_bucket(struct bucket_store *store, struct span bucket, struct span owner,
                                   struct error *error)
{
    struct remote *remote = remote_of(store);
    (void)owner; /* all are the one owner's */
    if (!remote->settings.is_all_buckets)
        return span_equal(bucket, home_name(remote))
                   ? error_set(error, ERROR_CONFLICT, S3_BucketAlreadyOwnedByYou,
                               "Your previous request to create the named bucket succeeded and you already own it.")
                   : error_set(error, ERROR_DENIED, S3_AccessDenied,
                               "This server serves one bucket of its backend, %.*s, and makes no others.",
                               SPAN_FORMAT(home_name(remote)));
    struct remote_shard *shard = remote_shard_here(remote);
    struct s3_answer answer;
    const struct s3_call call = {.kind = S3_CREATE_BUCKET, .bucket = bucket};
    if (!remote_call(shard, &call, &answer, error))
        return false;
    s3_answer_close(&answer);
    remember(shard, bucket);
    return true;
}

SUSPENDS static bool is_empty(struct bucket_store *store, struct span bucket, bool *ret_is_empty, struct error *error)
{
    struct arena arena;
    struct list_page page;
    const struct list_request request = {.bucket = bucket, .entries_max = 1};
    arena_init(&arena, LIST_ARENA_BYTES);
    bool done = remote_list(store, &request, &arena, &page, error);
    *ret_is_empty = done && page.count == 0;
    arena_free(&arena);
    return done;
}

/* What is left then is ours: pieces of uploads. */
SUSPENDS static bool remove_own(struct remote *remote, struct span bucket, struct error *error)
{
    struct remote_shard *shard = remote_shard_here(remote);
    struct arena arena;
    struct s3_list_page page = {.is_truncated = true};
    bool done = true;
    arena_init(&arena, LIST_ARENA_BYTES);
    while (done && page.is_truncated) {
        const struct s3_call call = {.bucket = bucket, .repeat = S3_REPEAT};
        struct s3_answer answer;
        arena_reset(&arena);
        done = s3_client_list_objects(shard->client, &call, &(struct s3_list_request){.prefix = SPAN(".bale/")}, &arena,
                                      &page, &answer, error);
        done = remote_answered(shard, S3_LIST_OBJECTS, &answer, done, error);
        struct s3_delete_item *items = done ? arena_allocate(&arena, (page.count + 1) * sizeof *items) : NULL;
        if (items == NULL || page.count == 0)
            break;
        for (unsigned i = 0; i < page.count; i++)
            items[i] = (struct s3_delete_item){.key = page.entries[i].key};
        done = s3_client_delete_objects(shard->client, &call, items, page.count, &answer, error);
        done = remote_answered(shard, S3_DELETE_OBJECTS, &answer, done, error);
    }
    arena_free(&arena);
    return done;
}

SUSPENDS bool remote_delete_bucket(struct bucket_store *store, struct span bucket, struct error *error)
{
    struct remote *remote = remote_of(store);
    struct span backend;
    struct s3_answer answer;
    bool empty;
    if (!remote_bucket(remote, bucket, &backend, error))
        return false;
    bool is_home = span_equal(backend, span_from_string(remote->settings.bucket));
    if (!is_empty(store, bucket, &empty, error))
        return false;
    if (!empty)
        return error_set(error, ERROR_CONFLICT, S3_BucketNotEmpty, "The bucket that you tried to delete is not empty.");
    if (is_home)
        return error_set(error, ERROR_DENIED, S3_AccessDenied,
                         "This server lives in the bucket, and does not remove it.");
    if (!remove_own(remote, bucket, error))
        return false;
    const struct s3_call call = {.kind = S3_DELETE_BUCKET, .bucket = bucket};
    if (!remote_call(remote_shard_here(remote), &call, &answer, error))
        return false;
    s3_answer_close(&answer);
    forget(remote_shard_here(remote), bucket);
    return true;
}

/* ---- listing ---- */

struct bucket_query {
    struct span prefix;
    struct span after;
    unsigned buckets_max;
    struct bucket_info *buckets;
    unsigned count;
    bool is_truncated;
};

static void take_bucket(const struct remote *remote, struct bucket_query *query, struct span name, int64_t created_ms)
{
    if (name.size > BUCKET_NAME_BYTES_MAX || !span_starts_with(name, query->prefix) ||
        (query->after.size > 0 && span_compare(name, query->after) <= 0))
        return;
    if (query->count == query->buckets_max) {
        query->is_truncated = true;
        return;
    }
    describe(remote, name, created_ms, &query->buckets[query->count++]);
}

static int compare_names(const void *a, const void *b)
{
    return span_compare(((const struct s3_bucket_entry *)a)->name, ((const struct s3_bucket_entry *)b)->name);
}

SUSPENDS static bool take_all(struct remote *remote, struct bucket_query *query, struct error *error)
{
    struct remote_shard *shard = remote_shard_here(remote);
    struct arena arena;
    struct s3_bucket_entry *buckets;
    struct s3_answer answer;
    unsigned count = 0;
    const struct s3_call call = {.repeat = S3_REPEAT};
    arena_init(&arena, LIST_ARENA_BYTES);
    bool done = s3_client_list_buckets(shard->client, &call, &arena, &buckets, &count, &answer, error);
    done = remote_answered(shard, S3_LIST_BUCKETS, &answer, done, error);
    if (done)
        qsort(buckets, count, sizeof *buckets, compare_names);
    for (unsigned i = 0; done && i < count; i++)
        take_bucket(remote, query, buckets[i].name, buckets[i].created_ms);
    arena_free(&arena);
    return done;
}

SUSPENDS bool remote_list_buckets(struct bucket_store *store, struct span owner, struct span prefix, struct span after,
                                  unsigned buckets_max, struct arena *arena, struct bucket_info **ret_buckets,
                                  unsigned *ret_count, bool *ret_truncated, struct error *error)
{
    struct remote *remote = remote_of(store);
    bool is_owner = owner.size == 0 || span_equal(owner, span_from_string(remote->owner));
    unsigned most = !is_owner ? 0 : remote->settings.is_all_buckets ? buckets_max : 1;
    struct bucket_query query = {
        .prefix = prefix, .after = after, .buckets_max = most < buckets_max ? most : buckets_max};
    query.buckets = arena_allocate(arena, (query.buckets_max + 1) * sizeof *query.buckets);
    if (query.buckets == NULL)
        return error_set(error, ERROR_BUSY, S3_SlowDown, "The request's memory is used up.");
    if (is_owner && remote->settings.is_all_buckets && !take_all(remote, &query, error))
        return false;
    if (is_owner && !remote->settings.is_all_buckets)
        take_bucket(remote, &query, home_name(remote), remote->started_ms);
    *ret_buckets = query.buckets;
    *ret_count = query.count;
    *ret_truncated = query.is_truncated;
    return true;
}
