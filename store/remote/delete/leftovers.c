/* store/remote/delete/leftovers.c -- lists all keys, looks at those that are called like sidecars. */
#include "store/remote/delete/leftovers.h"

#include "codec/format/sidecar.h"
#include "s3client/operations.h"
#include "store/remote/store.h"

#include <string.h>

enum { LIST_ARENA_BYTES = 24 << 20, REMOVALS_MAX = 3 };

static const struct span suffix = SPAN(".s4index");

/* ---- one of them ---- */

static struct span object_of(struct span key)
{
    return span_take(key, key.size - suffix.size);
}

/* An index in the backend. */
struct index_place {
    struct span bucket, key;
    int64_t modified_ms; /* 0: it is asked, whatever its object says */
    int64_t before_ms;   /* what was changed later is too young */
};

/* The object that it would belong to, as it is now. */
struct indexed_object {
    bool is_there;
    int64_t modified_ms;
    char etag[S3_ETAG_BYTES]; /* as sent */
};

SUSPENDS static bool ask_for_object(struct remote_shard *shard, struct span bucket, struct span key,
                                    struct indexed_object *ret_object, struct error *error)
{
    struct s3_answer answer;
    const struct s3_call call = {.kind = S3_HEAD_OBJECT, .bucket = bucket, .key = key, .repeat = S3_REPEAT};
    *ret_object = (struct indexed_object){.is_there = remote_call(shard, &call, &answer, error)};
    if (!ret_object->is_there)
        return error->kind == ERROR_NOT_FOUND;
    ret_object->modified_ms = answer.modified_ms;
    memcpy(ret_object->etag, answer.etag, sizeof ret_object->etag);
    s3_answer_close(&answer);
    return true;
}

/* Was it made for other bytes than the object has? One that is bound to nothing does not say. */
static bool is_of_another(const struct sidecar *sidecar, const struct indexed_object *object)
{
    struct span etag = span_from_string(object->etag);
    if (etag.size >= 2 && etag.data[0] == '"')
        etag = span_of(etag.data + 1, etag.size - 2);
    return sidecar->source_etag.size > 0 && etag.size > 0 && !span_equal(sidecar->source_etag, etag);
}

/* Are these bytes an index that nothing needs, and what is their ETag? ERROR_NOT_FOUND: they have gone. */
SUSPENDS static bool ask_for_index(struct remote_shard *shard, const struct index_place *place,
                                   const struct indexed_object *object, enum remote_leftover_fate *ret_fate,
                                   char ret_etag[S3_ETAG_BYTES], struct error *error)
{
    struct buffer bytes;
    struct s3_answer answer;
    struct sidecar sidecar;
    const struct s3_call call = {
        .kind = S3_GET_OBJECT, .bucket = place->bucket, .key = place->key, .repeat = S3_REPEAT};
    buffer_init(&bytes, SIDECAR_BYTES_MAX);
    bool done = s3_client_call_whole(shard->client, &call, &bytes, &answer, error);
    done = remote_answered(shard, S3_GET_OBJECT, &answer, done, error);
    bool is_index = done && sidecar_decode(buffer_span(&bytes), &sidecar, NULL);
    if (!is_index)
        *ret_fate = LEFTOVER_IS_FOREIGN;
    else if (object->is_there && !is_of_another(&sidecar, object))
        *ret_fate = LEFTOVER_IS_NEEDED;
    else
        *ret_fate = answer.modified_ms > place->before_ms ? LEFTOVER_IS_YOUNG : LEFTOVER_IS_ORPHAN;
    if (done)
        memcpy(ret_etag, answer.etag, S3_ETAG_BYTES);
    buffer_free(&bytes);
    return done || error->kind == ERROR_TOO_LARGE;
}

/* By the clock that dates what the backend has. */
static int64_t latest_old(const struct remote_shard *shard, uint64_t least_age_ms)
{
    return clock_wall_ms(s3_endpoint_clock(s3_client_endpoint(shard->client))) - (int64_t)least_age_ms;
}

/* S4 writes an index after its object: one whose object was replaced later is looked at, once that is old enough for
 * the new one to have come, where there is to be one. */
static bool may_be_of_former(const struct index_place *place, const struct indexed_object *object)
{
    return object->modified_ms > place->modified_ms && object->modified_ms <= place->before_ms;
}

/* What the backend refuses of one object alone (archived, under a client's key, rights) does not end the search. */
SUSPENDS static bool look(struct remote_shard *shard, const struct index_place *place,
                          struct indexed_object *ret_object, enum remote_leftover_fate *ret_fate,
                          char ret_etag[S3_ETAG_BYTES], struct error *error)
{
    *ret_fate = LEFTOVER_IS_NEEDED;
    bool done = ask_for_object(shard, place->bucket, object_of(place->key), ret_object, error) &&
                ((ret_object->is_there && !may_be_of_former(place, ret_object)) ||
                 ask_for_index(shard, place, ret_object, ret_fate, ret_etag, error));
    if (!done)
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
    int64_t before_ms = latest_old(shard, search->least_age_ms);
    struct indexed_object object;
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
        const struct index_place place = {bucket, entry->key, entry->modified_ms, before_ms};
        if (entry->modified_ms <= before_ms)
            done = look(shard, &place, &object, &leftover.fate, etag, error);
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
    struct buffer prefix = {0};
    struct buffer after = {0};
    struct arena arena;
    struct s3_list_page page = {.is_truncated = true};
    buffer_append(&prefix, remote->prefix);
    buffer_append(&prefix, search->prefix);
    search->looked_at = 0;
    bool done = remote_bucket(remote, bucket, &backend_bucket, error);
    const struct s3_call call = {.bucket = backend_bucket, .repeat = S3_REPEAT};
    arena_init(&arena, LIST_ARENA_BYTES);
    while (done && page.is_truncated && (done = search->go_on(search->context, error))) {
        struct s3_answer answer;
        const struct s3_list_request request = {.prefix = buffer_span(&prefix), .after = buffer_span(&after)};
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
    buffer_free(&prefix);
    return done;
}

/* ---- removing ---- */

/* Where the backend compares no ETags a request whose answer is lost is not sent again: by then another index may be
 * there. */
SUSPENDS static bool delete_key(struct remote_shard *shard, const struct index_place *place, const char *etag,
                                enum s3_effect *ret_effect, struct error *error)
{
    struct s3_answer answer;
    bool is_compared = verdict_holds(&shard->remote->verdicts, VERDICT_DELETE_MATCH);
    const struct http_field condition = {SPAN("if-match"), span_from_string(etag)};
    const struct s3_call call = {.kind = S3_DELETE_OBJECT,
                                 .bucket = place->bucket,
                                 .key = place->key,
                                 .headers = &condition,
                                 .headers_count = is_compared ? 1 : 0,
                                 .repeat = is_compared ? S3_REPEAT : S3_ONCE};
    bool done = remote_call(shard, &call, &answer, error);
    if (done)
        s3_answer_close(&answer);
    *ret_effect = done ? S3_APPLIED : answer.effect;
    return done;
}

/* Nobody has come for it while it was looked at: the index of an object that comes from here on has another ETag than
 * ret_etag. */
SUSPENDS static bool is_still_left(struct remote_shard *shard, const struct index_place *place,
                                   enum remote_leftover_fate *ret_fate, char ret_etag[S3_ETAG_BYTES],
                                   struct error *error)
{
    struct indexed_object before;
    struct indexed_object now;
    if (!look(shard, place, &before, ret_fate, ret_etag, error))
        return false;
    if (*ret_fate != LEFTOVER_IS_ORPHAN)
        return true;
    if (!ask_for_object(shard, place->bucket, object_of(place->key), &now, error))
        return false;
    if (now.is_there && (!before.is_there || strcmp(now.etag, before.etag) != 0))
        *ret_fate = LEFTOVER_IS_NEEDED;
    return true;
}

SUSPENDS bool remote_remove_leftover(struct bucket_store *store, const struct object_name *name, uint64_t least_age_ms,
                                     enum remote_leftover_fate *ret_fate, struct error *error)
{
    struct remote_shard *shard = remote_shard_here(remote_of(store));
    struct backend_name backend;
    if (!remote_name(shard->remote, name, &backend, error))
        return false;
    const struct index_place place = {.bucket = backend.bucket,
                                      .key = backend.key,
                                      .before_ms =
                                          clock_wall_ms(shard->remote->settings.clock) - (int64_t)least_age_ms};
    bool may_have_gone = false;
    for (unsigned tries = 0; tries < REMOVALS_MAX; tries++) {
        char etag[S3_ETAG_BYTES];
        enum s3_effect effect;
        if (!is_still_left(shard, &place, ret_fate, etag, error))
            return false;
        if (may_have_gone && *ret_fate == LEFTOVER_HAS_GONE)
            *ret_fate = LEFTOVER_IS_ORPHAN; /* it was, and the request has removed it whose answer was lost */
        else if (*ret_fate == LEFTOVER_IS_ORPHAN && !delete_key(shard, &place, etag, &effect, error)) {
            if (effect != S3_UNKNOWN)
                return false;
            may_have_gone = true;
            continue;
        }
        return true;
    }
    return false;
}
