/* store/remote/delete/leftovers.c -- lists all keys, looks at those that are called like sidecars. */
#include "store/remote/delete/leftovers.h"

#include "codec/format/sidecar.h"
#include "s3client/operations.h"
#include "store/remote/store.h"

#include <string.h>

enum { LIST_ARENA_BYTES = 24 << 20 };

static const struct span suffix = SPAN(".s4index");

/* ---- one of them ---- */

static struct span object_of(struct span key)
{
    return span_take(key, key.size - suffix.size);
}

/* Is there an object of that name? */
SUSPENDS static bool ask_for_object(struct remote_shard *shard, struct span bucket, struct span key, bool *ret_is_there,
                                    struct error *error)
{
    struct s3_answer answer;
    const struct s3_call call = {.kind = S3_HEAD_OBJECT, .bucket = bucket, .key = key, .repeat = S3_REPEAT};
    *ret_is_there = remote_call(shard, &call, &answer, error);
    if (*ret_is_there)
        s3_answer_close(&answer);
    return *ret_is_there || error->kind == ERROR_NOT_FOUND;
}

/* Are these bytes an index? Its ETag as well. ERROR_NOT_FOUND: it has gone. */
SUSPENDS static bool ask_for_index(struct remote_shard *shard, struct span bucket, struct span key, bool *ret_is_index,
                                   char ret_etag[S3_ETAG_BYTES], struct error *error)
{
    struct buffer bytes;
    struct s3_answer answer;
    struct sidecar sidecar;
    const struct s3_call call = {.kind = S3_GET_OBJECT, .bucket = bucket, .key = key, .repeat = S3_REPEAT};
    buffer_init(&bytes, SIDECAR_BYTES_MAX);
    bool done = s3_client_call_whole(shard->client, &call, &bytes, &answer, error);
    done = remote_answered(shard, S3_GET_OBJECT, &answer, done, error);
    *ret_is_index = done && sidecar_decode(buffer_span(&bytes), &sidecar, NULL);
    if (done)
        memcpy(ret_etag, answer.etag, S3_ETAG_BYTES);
    buffer_free(&bytes);
    return done || error->kind == ERROR_TOO_LARGE;
}

/* What the backend refuses of one object alone (archived, under a client's key, rights) does not end the search. */
SUSPENDS static bool look(struct remote_shard *shard, struct span bucket, struct span key,
                          enum remote_leftover_fate *ret_fate, char ret_etag[S3_ETAG_BYTES], struct error *error)
{
    bool is_there = false;
    bool is_index = false;
    bool done = ask_for_object(shard, bucket, object_of(key), &is_there, error) &&
                (is_there || ask_for_index(shard, bucket, key, &is_index, ret_etag, error));
    if (done)
        *ret_fate = is_there ? LEFTOVER_IS_NEEDED : is_index ? LEFTOVER_IS_ORPHAN : LEFTOVER_IS_FOREIGN;
    else
        *ret_fate = error->kind == ERROR_NOT_FOUND ? LEFTOVER_HAS_GONE : LEFTOVER_IS_UNREADABLE;
    return done || error->kind == ERROR_NOT_FOUND || error->kind == ERROR_DENIED || error->kind == ERROR_INVALID;
}

/* ---- all of them ---- */

static bool is_sidecar(struct span key)
{
    return key.size > suffix.size && span_ends_with(key, suffix);
}

SUSPENDS static bool visit_page(struct remote_shard *shard, struct span bucket, const struct s3_list_page *page,
                                struct remote_leftover_search *search, struct error *error)
{
    const struct remote *remote = shard->remote;
    int64_t before_ms = clock_wall_ms(remote->settings.clock) - (int64_t)search->least_age_ms;
    char etag[S3_ETAG_BYTES];
    bool done = true;
    for (unsigned i = 0; done && i < page->count; i++) {
        const struct s3_list_entry *entry = &page->entries[i];
        struct remote_leftover leftover = {
            .key = span_skip(entry->key, remote->prefix.size), .bytes = entry->size, .fate = LEFTOVER_IS_YOUNG};
        bool is_own = name_behind_reserved(leftover.key).size > 0;
        search->looked_at += !is_own;
        if (is_own || !is_sidecar(leftover.key))
            continue;
        if (entry->modified_ms <= before_ms)
            done = look(shard, bucket, entry->key, &leftover.fate, etag, error);
        done = done && search->found(search->context, &leftover, error);
    }
    return done;
}

SUSPENDS bool remote_find_leftovers(struct bucket_store *store, struct span bucket,
                                    struct remote_leftover_search *search, struct error *error)
{
    struct remote *remote = remote_of(store);
    struct remote_shard *shard = remote_shard_here(remote);
    struct span backend_bucket;
    struct buffer after = {0};
    struct arena arena;
    struct s3_list_page page = {.is_truncated = true};
    search->looked_at = 0;
    bool done = remote_bucket(remote, bucket, &backend_bucket, error);
    const struct s3_call call = {.bucket = backend_bucket, .repeat = S3_REPEAT};
    arena_init(&arena, LIST_ARENA_BYTES);
    while (done && page.is_truncated) {
        struct s3_answer answer;
        const struct s3_list_request request = {.prefix = remote->prefix, .after = buffer_span(&after)};
        arena_reset(&arena);
        done = s3_client_list_objects(shard->client, &call, &request, &arena, &page, &answer, error);
        done = remote_answered(shard, S3_LIST_OBJECTS, &answer, done, error) &&
               visit_page(shard, backend_bucket, &page, search, error);
        if (done && page.is_truncated && page.count == 0)
            done = remote_nonsense("ListObjectsV2: a page that is cut has no keys", error);
        buffer_clear(&after);
        if (done && page.count > 0)
            buffer_append(&after, page.entries[page.count - 1].key);
    }
    arena_free(&arena);
    buffer_free(&after);
    return done;
}

/* ---- removing ---- */

SUSPENDS static bool delete_key(struct remote_shard *shard, struct span bucket, struct span key, const char *etag,
                                struct error *error)
{
    struct s3_answer answer;
    const struct http_field condition = {SPAN("if-match"), span_from_string(etag)};
    const struct s3_call call = {.kind = S3_DELETE_OBJECT,
                                 .bucket = bucket,
                                 .key = key,
                                 .headers = &condition,
                                 .headers_count = verdict_holds(&shard->remote->verdicts, VERDICT_DELETE_MATCH) ? 1 : 0,
                                 .repeat = S3_REPEAT};
    bool done = remote_call(shard, &call, &answer, error);
    if (done)
        s3_answer_close(&answer);
    return done;
}

SUSPENDS bool remote_remove_leftover(struct bucket_store *store, const struct object_name *name,
                                     enum remote_leftover_fate *ret_fate, struct error *error)
{
    struct remote_shard *shard = remote_shard_here(remote_of(store));
    char etag[S3_ETAG_BYTES];
    struct backend_name backend;
    bool is_there = false;
    if (!remote_name(shard->remote, name, &backend, error) ||
        !look(shard, backend.bucket, backend.key, ret_fate, etag, error))
        return false;
    /* Once more: the index of an object that comes from here on has another ETag than the one that was looked at. */
    if (*ret_fate == LEFTOVER_IS_ORPHAN &&
        !ask_for_object(shard, backend.bucket, object_of(backend.key), &is_there, error))
        return false;
    if (is_there)
        *ret_fate = LEFTOVER_IS_NEEDED;
    return *ret_fate != LEFTOVER_IS_ORPHAN || delete_key(shard, backend.bucket, backend.key, etag, error);
}
