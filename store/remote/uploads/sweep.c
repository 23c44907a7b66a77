/* store/remote/uploads/sweep.c -- uploads without a descriptor, a day after they were begun. */
#include "store/remote/uploads/sweep.h"

#include "runtime/base/clock.h"
#include "runtime/base/hex.h"
#include "s3client/operations.h"
#include "store/remote/uploads/upload.h"

enum { SWEEP_ARENA_BYTES = 8 << 20, SWEPT_AT_ONCE = 100 };
#define KEPT_MS (INT64_C(26) * 3600 * 1000)

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

/* Has nobody touched it for that long? `end` is the last that is written. (Names take a KiB of the stack each: not
 * inlined.)
 */
__attribute__((noinline)) SUSPENDS static bool is_over(const struct upload_place *place, int64_t now_ms)
{
    char text[UPLOAD_KEY_BYTES];
    struct arena arena;
    struct s3_list_page page;
    struct s3_answer answer;
    struct error ignored;
    bool has_descriptor = true;
    bool is_old = false;
    struct span prefix = upload_backend_key(place, SPAN_EMPTY, text);
    const struct s3_call call = {.bucket = place->backend_bucket, .repeat = S3_REPEAT};
    const struct s3_list_request request = {.prefix = prefix, .delimiter = SPAN("/")};
    arena_init(&arena, SWEEP_ARENA_BYTES);
    if (s3_client_list_objects(place->shard->client, &call, &request, &arena, &page, &answer, &ignored)) {
        has_descriptor = false;
        is_old = true;
        for (unsigned i = 0; i < page.count; i++) {
            struct span name = span_skip(page.entries[i].key, prefix.size);
            has_descriptor = has_descriptor || span_equal(name, SPAN("upload"));
            is_old = is_old && (page.entries[i].is_prefix || now_ms - page.entries[i].modified_ms > KEPT_MS);
        }
    }
    arena_free(&arena);
    return !has_descriptor && is_old;
}

__attribute__((noinline)) SUSPENDS static void remove_end(const struct upload_place *place)
{
    char text[UPLOAD_KEY_BYTES];
    struct s3_answer answer;
    struct error ignored;
    const struct s3_call call = {.kind = S3_DELETE_OBJECT,
                                 .bucket = place->backend_bucket,
                                 .key = upload_backend_key(place, SPAN("end"), text),
                                 .repeat = S3_REPEAT};
    if (s3_client_call(place->shard->client, &call, &answer, &ignored))
        s3_answer_close(&answer);
}

SUSPENDS static void sweep_one(struct remote *remote, struct span bucket, struct span id, int64_t now_ms)
{
    struct upload_place place;
    struct error ignored;
    int64_t begun_ms;
    if (!id_time_ms(id, &begun_ms) || now_ms - begun_ms <= KEPT_MS ||
        !upload_place_init(&remote->base, bucket, id, &place, &ignored) || !is_over(&place, now_ms))
        return;
    upload_clean(&place);
    remove_end(&place);
}

SUSPENDS static void sweep_bucket(struct remote *remote, struct span bucket)
{
    char text[UPLOAD_KEY_BYTES];
    struct remote_shard *shard = remote_shard_here(remote);
    struct span root = remote_own_key(remote, SPAN(".bale/mpu/"), text);
    struct arena arena;
    struct s3_list_page page;
    struct s3_answer answer;
    struct error ignored;
    struct span backend;
    if (!remote_bucket(remote, bucket, &backend, &ignored))
        return;
    const struct s3_call call = {.bucket = backend, .repeat = S3_REPEAT};
    const struct s3_list_request request = {.prefix = root, .delimiter = SPAN("/"), .entries_max = SWEPT_AT_ONCE};
    arena_init(&arena, SWEEP_ARENA_BYTES);
    if (s3_client_list_objects(shard->client, &call, &request, &arena, &page, &answer, &ignored)) {
        for (unsigned i = 0; i < page.count; i++) {
            struct span id = span_skip(page.entries[i].key, root.size);
            if (page.entries[i].is_prefix && id.size == UPLOAD_ID_BYTES)
                sweep_one(remote, bucket, span_take(id, UPLOAD_ID_BYTES - 1), clock_wall_ms(remote->settings.clock));
        }
    }
    arena_free(&arena);
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
        for (unsigned i = 0; i < count; i++)
            sweep_bucket(remote, span_from_string(buckets[i].name));
    }
    arena_free(&arena);
}
