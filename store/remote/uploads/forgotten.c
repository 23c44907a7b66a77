/* store/remote/uploads/forgotten.c -- uploads of the backend that nobody knows.
 *
 * They look like uploads of another program. So much must hold of one before it is given up: it is old; our own
 * principal began it, which an upload that is made for the purpose shows; and all descriptors have been read, and none
 * names it. */
#include "runtime/base/clock.h"
#include "runtime/log/log.h"
#include "s3client/operations.h"
#include "s3client/wire/s3_error.h"
#include "store/remote/uploads/sweep.h"

enum {
    FORGOTTEN_ARENA_BYTES = 16 << 20,
    KNOWN_BYTES_MAX = 16 << 20,
    IDS_BYTES_MAX = 10000 * (UPLOAD_ID_BYTES - 1), /* with more open uploads than that, nothing is given up */
    GIVEN_UP_MAX = 100,
};

/* ---- who we are ---- */

static bool take_initiator(const struct s3_uploads_page *page, struct span upload_id, struct buffer *ret_initiator)
{
    for (unsigned i = 0; i < page->count; i++) {
        if (span_equal(page->entries[i].upload_id, upload_id))
            buffer_append(ret_initiator, page->entries[i].initiator);
    }
    return ret_initiator->size > 0;
}

/* False: the backend does not say. */
SUSPENDS static bool learn_principal(const struct upload_place *place, struct arena *arena,
                                     struct buffer *ret_initiator)
{
    char text[UPLOAD_KEY_BYTES];
    struct span upload_id;
    struct s3_uploads_page page;
    struct s3_answer answer;
    struct error ignored;
    struct span key = remote_own_key(place->remote, SPAN(".bale/probe/principal"), text);
    const struct s3_uploads_request request = {.prefix = key};
    const struct s3_call bucket_call = {.bucket = place->backend_bucket, .repeat = S3_REPEAT};
    const struct s3_call call = {.bucket = place->backend_bucket, .key = key, .repeat = S3_REPEAT};
    struct s3_client *client = place->shard->client;
    if (!s3_client_create_upload(client, &call, arena, &upload_id, &answer, &ignored))
        return false;
    bool done = s3_client_list_uploads(client, &bucket_call, &request, arena, &page, &answer, &ignored) &&
                take_initiator(&page, upload_id, ret_initiator);
    (void)s3_client_abort_upload(client, &call, upload_id, &answer, &ignored);
    return done;
}

/* ---- which are known ---- */

/* Upload ids of the backend, with a zero before and behind each. False: some descriptor could not be read. */
SUSPENDS static bool list_known(const struct upload_place *bucket, struct buffer *ret_known)
{
    struct buffer ids;
    buffer_init(&ids, IDS_BYTES_MAX);
    bool done = uploads_list_ids(bucket, &ids);
    buffer_append_byte(ret_known, 0);
    for (size_t at = 0; done && at < ids.size; at += UPLOAD_ID_BYTES - 1) {
        struct upload_place place = *bucket;
        struct upload_record record;
        struct buffer bytes = {0};
        struct error error;
        place.id = span_of(ids.data + at, UPLOAD_ID_BYTES - 1);
        if (upload_load(&place, SPAN_EMPTY, &bytes, &record, &error)) {
            buffer_append(ret_known, record.backend_upload);
            buffer_append_byte(ret_known, 0);
        } else {
            done = error.code == S3_NoSuchUpload;
        }
        buffer_free(&bytes);
    }
    buffer_free(&ids);
    return done && !ret_known->overflow;
}

static bool is_known(const struct buffer *known, struct span upload_id)
{
    for (size_t at = 1; at < known->size;) {
        size_t size = span_find(span_skip(buffer_span(known), at), 0);
        if (size == upload_id.size && memcmp(known->data + at, upload_id.data, size) == 0)
            return true;
        at += size + 1;
    }
    return false;
}

/* ---- giving up ---- */

SUSPENDS static void give_up_unknown(const struct upload_place *place, const struct s3_uploads_page *page,
                                     int64_t before_ms, struct arena *arena)
{
    struct buffer known;
    struct buffer initiator = {0};
    struct s3_answer answer;
    struct error ignored;
    unsigned count = 0;
    buffer_init(&known, KNOWN_BYTES_MAX);
    bool may = learn_principal(place, arena, &initiator) && list_known(place, &known);
    for (unsigned i = 0; may && i < page->count && count < GIVEN_UP_MAX; i++) {
        const struct s3_upload_entry *entry = &page->entries[i];
        if (entry->initiated_ms >= before_ms || !span_starts_with(entry->key, place->remote->prefix) ||
            !span_equal(entry->initiator, buffer_span(&initiator)) || is_known(&known, entry->upload_id))
            continue;
        const struct s3_call call = {.bucket = place->backend_bucket, .key = entry->key, .repeat = S3_REPEAT};
        count += s3_client_abort_upload(place->shard->client, &call, entry->upload_id, &answer, &ignored);
    }
    if (count > 0)
        log_message(LOG_INFO, "backend: %u uploads that were begun long ago, and that nobody knows, were given up.",
                    count);
    buffer_free(&initiator);
    buffer_free(&known);
}

static bool has_old(const struct s3_uploads_page *page, int64_t before_ms)
{
    for (unsigned i = 0; i < page->count; i++) {
        if (page->entries[i].initiated_ms < before_ms)
            return true;
    }
    return false;
}

SUSPENDS void uploads_give_up_forgotten(struct remote *remote, struct span bucket)
{
    struct upload_place place;
    struct arena arena;
    struct s3_uploads_page page;
    struct s3_answer answer;
    struct error ignored;
    const struct s3_uploads_request request = {.prefix = remote->prefix};
    if (remote->settings.forgotten_after_ms == 0 ||
        !upload_place_init(&remote->base, bucket, SPAN_EMPTY, &place, &ignored))
        return;
    int64_t before_ms = clock_wall_ms(remote->settings.clock) - (int64_t)remote->settings.forgotten_after_ms;
    const struct s3_call call = {.bucket = place.backend_bucket, .repeat = S3_REPEAT};
    arena_init(&arena, FORGOTTEN_ARENA_BYTES);
    bool done = s3_client_list_uploads(place.shard->client, &call, &request, &arena, &page, &answer, &ignored);
    if (remote_answered(place.shard, S3_LIST_UPLOADS, &answer, done, &ignored) && has_old(&page, before_ms))
        give_up_unknown(&place, &page, before_ms, &arena);
    arena_free(&arena);
}
