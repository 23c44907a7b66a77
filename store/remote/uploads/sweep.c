/* store/remote/uploads/sweep.c -- uploads that ended a while ago. */
#include "store/remote/uploads/sweep.h"

#include "runtime/base/assert.h"
#include "runtime/base/clock.h"
#include "runtime/base/hex.h"
#include "s3client/operations.h"
#include "s3client/wire/s3_error.h"
#include "store/remote/acl/acl_object.h"
#include "store/remote/delete/own_objects.h"

enum {
    SWEEP_ARENA_BYTES = 8 << 20,
    IDS_BYTES_MAX = 100000 * (UPLOAD_ID_BYTES - 1),
    LOOKED_AT_MAX = 100, /* uploads, in one pass over a bucket */
};

/* ---- which there are ---- */

static void take_ids(const struct s3_list_page *page, size_t root_bytes, struct buffer *ids)
{
    for (unsigned i = 0; i < page->count; i++) {
        struct span id = span_skip(page->entries[i].key, root_bytes);
        if (page->entries[i].is_prefix && id.size == UPLOAD_ID_BYTES)
            buffer_append(ids, span_take(id, UPLOAD_ID_BYTES - 1));
    }
}

SUSPENDS bool uploads_list_ids(const struct upload_place *place, struct buffer *ret_ids)
{
    char text[UPLOAD_KEY_BYTES];
    struct span root = remote_own_key(place->remote, SPAN(".bale/mpu/"), text);
    struct buffer token = {0};
    struct s3_list_page page = {.is_truncated = true};
    bool done = true;
    while (done && page.is_truncated) {
        struct arena arena;
        struct s3_answer answer;
        struct error ignored;
        const struct s3_call call = {.bucket = place->backend_bucket, .repeat = S3_REPEAT};
        const struct s3_list_request request = {
            .prefix = root, .delimiter = SPAN("/"), .continuation = buffer_span(&token)};
        arena_init(&arena, SWEEP_ARENA_BYTES);
        done = s3_client_list_objects(place->shard->client, &call, &request, &arena, &page, &answer, &ignored);
        done = remote_answered(place->shard, S3_LIST_OBJECTS, &answer, done, &ignored);
        buffer_clear(&token);
        if (done) {
            take_ids(&page, root.size, ret_ids);
            buffer_append(&token, page.continuation);
        }
        arena_free(&arena);
        done = done && (!page.is_truncated || token.size > 0);
    }
    buffer_free(&token);
    return done && !ret_ids->overflow;
}

/* ---- one of them ---- */

static bool id_time_ms(struct span id, int64_t *ret_ms)
{
    uint8_t bytes[16];
    if (!hex_decode(id, bytes, sizeof bytes))
        return false;
    uint64_t ms = 0;
    for (unsigned i = 0; i < 6; i++)
        ms = ms << 8 | bytes[i];
    *ret_ms = (int64_t)ms;
    return true;
}

/* What an upload consists of. */
struct remains {
    bool has_descriptor;
    bool has_end;      /* somebody began to end it */
    int64_t newest_ms; /* of all records; parts lie deeper */
};

/* (Names take a KiB of the stack each: not inlined.) */
__attribute__((noinline)) SUSPENDS static bool look_at(const struct upload_place *place, struct remains *ret_remains)
{
    char text[UPLOAD_KEY_BYTES];
    struct arena arena;
    struct s3_list_page page;
    struct s3_answer answer;
    struct error ignored;
    struct span prefix = upload_backend_key(place, SPAN_EMPTY, text);
    const struct s3_call call = {.bucket = place->backend_bucket, .repeat = S3_REPEAT};
    const struct s3_list_request request = {.prefix = prefix, .delimiter = SPAN("/")};
    *ret_remains = (struct remains){0};
    arena_init(&arena, SWEEP_ARENA_BYTES);
    bool done = s3_client_list_objects(place->shard->client, &call, &request, &arena, &page, &answer, &ignored);
    done = remote_answered(place->shard, S3_LIST_OBJECTS, &answer, done, &ignored);
    for (unsigned i = 0; done && i < page.count; i++) {
        const struct s3_list_entry *entry = &page.entries[i];
        struct span name = span_skip(entry->key, prefix.size);
        if (entry->is_prefix)
            continue;
        ret_remains->has_descriptor = ret_remains->has_descriptor || span_equal(name, SPAN("upload"));
        ret_remains->has_end = ret_remains->has_end || span_equal(name, SPAN("end"));
        if (entry->modified_ms > ret_remains->newest_ms)
            ret_remains->newest_ms = entry->modified_ms;
    }
    arena_free(&arena);
    return done;
}

/* Its upload of the backend has gone: no Complete can come any more. Some backends list the parts of what was
 * completed; where the key holds the object, it was. */
__attribute__((noinline)) SUSPENDS static bool is_closed(const struct upload_place *place)
{
    struct upload_record record;
    struct buffer bytes = {0};
    struct error error;
    bool is_it = false;
    if (upload_load(place, SPAN_EMPTY, &bytes, &record, &error)) {
        bool is_open;
        bool is_completed;
        is_it = (upload_is_open(place, &record, &is_open, &error) && !is_open) ||
                (upload_is_completed(place, &record, &is_completed, &error) && is_completed);
    }
    buffer_free(&bytes);
    return is_it;
}

SUSPENDS static bool is_over(const struct upload_place *place, int64_t begun_ms, int64_t now_ms)
{
    const struct remote_settings *settings = &place->remote->settings;
    struct remains remains;
    if (!look_at(place, &remains) || now_ms - remains.newest_ms <= (int64_t)settings->sweep_after_ms)
        return false;
    if (!remains.has_descriptor)
        return true;
    bool is_old = settings->forgotten_after_ms > 0 && now_ms - begun_ms > (int64_t)settings->forgotten_after_ms;
    return (remains.has_end || is_old) && is_closed(place);
}

/* ---- all of them ---- */

SUSPENDS static void sweep_one(struct remote *remote, struct span bucket, struct span id)
{
    struct upload_place place;
    struct error ignored;
    int64_t begun_ms;
    int64_t now_ms = clock_wall_ms(remote->settings.clock);
    if (id_time_ms(id, &begun_ms) && now_ms - begun_ms > (int64_t)remote->settings.sweep_after_ms &&
        upload_place_init(&remote->base, bucket, id, &place, &ignored) && is_over(&place, begun_ms, now_ms))
        upload_clean(&place, SPAN_EMPTY);
}

/* Of many uploads some, drawn at random: each has its turn in the end, whatever stands before it in the list. */
SUSPENDS static void sweep_bucket(struct remote *remote, struct span bucket)
{
    struct upload_place place;
    struct buffer ids;
    struct error ignored;
    if (!upload_place_init(&remote->base, bucket, SPAN_EMPTY, &place, &ignored))
        return;
    buffer_init(&ids, IDS_BYTES_MAX);
    (void)uploads_list_ids(&place, &ids);
    size_t count = ids.size / (UPLOAD_ID_BYTES - 1);
    for (size_t left = count, looked_at = 0; left > 0 && looked_at < LOOKED_AT_MAX; left--) {
        if (count > LOOKED_AT_MAX && random_below(remote->settings.random, left) >= LOOKED_AT_MAX - looked_at)
            continue;
        looked_at++;
        sweep_one(remote, bucket, span_of(ids.data + (left - 1) * (UPLOAD_ID_BYTES - 1), UPLOAD_ID_BYTES - 1));
    }
    buffer_free(&ids);
}

/* The journal and uploads write under the same names again and again. */
SUSPENDS static void sweep_versions(struct remote *remote, const struct bucket_info *bucket)
{
    char text[OBJECT_KEY_BYTES_MAX];
    struct error ignored;
    struct own_removal removal = {.shard = remote_shard_here(remote),
                                  .prefix = remote_own_key(remote, SPAN(".bale/"), text),
                                  .may_be_locked = bucket->has_lock};
    if (bucket->versioning != VERSIONING_NEVER &&
        remote_bucket(remote, span_from_string(bucket->name), &removal.bucket, &ignored))
        (void)own_objects_remove_former(&removal, &ignored);
}

SUSPENDS void uploads_sweep(struct remote *remote)
{
    struct arena arena;
    struct bucket_info *buckets;
    unsigned count = 0;
    bool is_truncated;
    struct error ignored;
    arena_init(&arena, SWEEP_ARENA_BYTES);
    if (remote_list_buckets(&remote->base, SPAN_EMPTY, SPAN_EMPTY, SPAN_EMPTY, LIST_ENTRIES_MAX, &arena, &buckets,
                            &count, &is_truncated, &ignored)) {
        for (unsigned i = 0; i < count; i++) {
            sweep_bucket(remote, span_from_string(buckets[i].name));
            uploads_give_up_forgotten(remote, span_from_string(buckets[i].name));
            acl_sweep(remote, span_from_string(buckets[i].name));
            sweep_versions(remote, &buckets[i]);
        }
    }
    arena_free(&arena);
}
