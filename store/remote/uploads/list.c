/* store/remote/uploads/list.c -- which uploads are open: all their records are read, and put in order here, because the
 * bucket has them by their ids. */
#include "runtime/base/assert.h"
#include "runtime/fiber/parallel.h"
#include "s3client/operations.h"
#include "s3client/wire/s3_error.h"
#include "store/remote/uploads/upload.h"

#include <stdlib.h>

enum { LIST_ARENA_BYTES = 64 << 20, UPLOADS_MAX = 100000 };

struct uploads {
    struct bucket_store *store;
    struct span bucket;
    struct arena arena;
    struct upload_info *items; /* key.size 0: it has gone, or is being made */
    unsigned count;
    struct error error;
};

static bool no_memory(struct error *error)
{
    return error_set(error, ERROR_BUSY, S3_SlowDown, "There is no memory for a list of so many uploads.");
}

/* ---- ids ---- */

static bool take_ids(struct uploads *uploads, const struct s3_list_page *page, size_t root, unsigned *capacity,
                     struct error *error)
{
    if (uploads->count + page->count > *capacity) {
        *capacity = (uploads->count + page->count) * 2;
        struct upload_info *items = arena_allocate(&uploads->arena, *capacity * sizeof *items);
        if (items == NULL || *capacity > UPLOADS_MAX)
            return no_memory(error);
        if (uploads->count > 0)
            memcpy(items, uploads->items, uploads->count * sizeof *items);
        uploads->items = items;
    }
    for (unsigned i = 0; i < page->count; i++) {
        struct span id = span_skip(page->entries[i].key, root);
        if (!page->entries[i].is_prefix || id.size != UPLOAD_ID_BYTES)
            continue;
        struct upload_info *item = &uploads->items[uploads->count++];
        *item = (struct upload_info){0};
        memcpy(item->id, id.data, UPLOAD_ID_BYTES - 1);
    }
    return true;
}

SUSPENDS static bool list_ids(struct uploads *uploads, const struct upload_place *place, struct error *error)
{
    char text[UPLOAD_KEY_BYTES];
    struct span root = remote_own_key(place->remote, SPAN(".bale/mpu/"), text);
    struct buffer token = {0};
    struct s3_list_page page = {.is_truncated = true};
    unsigned capacity = 0;
    bool done = true;
    while (done && page.is_truncated) {
        struct s3_answer answer;
        const struct s3_call call = {.bucket = place->backend_bucket, .repeat = S3_REPEAT};
        const struct s3_list_request request = {
            .prefix = root, .delimiter = SPAN("/"), .continuation = buffer_span(&token)};
        done = s3_client_list_objects(place->shard->client, &call, &request, &uploads->arena, &page, &answer, error);
        done = remote_answered(place->shard, S3_LIST_OBJECTS, &answer, done, error) &&
               take_ids(uploads, &page, root.size, &capacity, error);
        if (!done || page.continuation.size == 0)
            break;
        buffer_clear(&token);
        buffer_append(&token, page.continuation);
    }
    buffer_free(&token);
    return done;
}

/* ---- records ---- */

static void load_one(void *context, unsigned index)
{
    struct uploads *uploads = context;
    struct upload_info *item = &uploads->items[index];
    struct upload_place place;
    struct upload_record record;
    struct buffer bytes = {0};
    struct error error;
    if (uploads->error.kind != ERROR_NONE)
        return;
    bool done = upload_place_init(uploads->store, uploads->bucket, span_from_string(item->id), &place, &error) &&
                upload_load(&place, SPAN_EMPTY, &bytes, &record, &error);
    if (done) {
        *item = record.info;
        item->key = arena_copy(&uploads->arena, record.info.key);
        item->initiator = arena_copy(&uploads->arena, record.info.initiator);
        item->owner = arena_copy(&uploads->arena, record.info.owner);
        item->metadata = item->tags = item->acl = item->seal = SPAN_EMPTY;
        if (item->key.data == NULL || item->initiator.data == NULL || item->owner.data == NULL)
            (void)no_memory(&uploads->error);
    } else if (error.code != S3_NoSuchUpload && error.kind != ERROR_DAMAGED) {
        uploads->error = error;
    }
    buffer_free(&bytes);
}

static int compare_uploads(const void *a, const void *b)
{
    const struct upload_info *left = a;
    const struct upload_info *right = b;
    int order = span_compare(left->key, right->key);
    return order != 0 ? order : strcmp(left->id, right->id);
}

SUSPENDS static bool load(struct uploads *uploads, struct error *error)
{
    struct upload_place place;
    if (!upload_place_init(uploads->store, uploads->bucket, SPAN_EMPTY, &place, error) ||
        !list_ids(uploads, &place, error))
        return false;
    parallel_run(uploads->count, HEADS_AT_ONCE, load_one, uploads);
    if (uploads->error.kind != ERROR_NONE) {
        *error = uploads->error;
        return false;
    }
    if (uploads->count > 0)
        qsort(uploads->items, uploads->count, sizeof *uploads->items, compare_uploads);
    return true;
}

/* ---- the page ---- */

static struct span common_prefix(const struct upload_list_request *request, struct span key)
{
    struct span rest = span_skip(key, request->prefix.size);
    if (request->delimiter.size == 0)
        return SPAN_EMPTY;
    for (size_t i = 0; i + request->delimiter.size <= rest.size; i++) {
        if (memcmp(rest.data + i, request->delimiter.data, request->delimiter.size) == 0)
            return span_take(key, request->prefix.size + i + request->delimiter.size);
    }
    return SPAN_EMPTY;
}

static bool is_behind(const struct upload_list_request *request, const struct upload_info *item, struct span common)
{
    if (request->after_key.size == 0)
        return true;
    if (common.size > 0 && span_equal(common, request->after_key))
        return false;
    int order = span_compare(item->key, request->after_key);
    return order > 0 || (order == 0 && request->after_upload.size > 0 &&
                         span_compare(span_from_string(item->id), request->after_upload) > 0);
}

static bool add(const struct upload_list_request *request, const struct upload_info *item, struct span common,
                struct arena *arena, struct upload_list_page *page, struct error *error)
{
    struct upload_list_entry *last = page->count > 0 ? &page->entries[page->count - 1] : NULL;
    if (common.size > 0 && last != NULL && last->is_prefix && span_equal(last->upload.key, common))
        return true;
    if (page->count == request->entries_max) {
        page->is_truncated = true;
        return true;
    }
    struct upload_list_entry *entry = &page->entries[page->count++];
    *entry = (struct upload_list_entry){.is_prefix = common.size > 0};
    if (common.size == 0) {
        entry->upload = *item;
        entry->upload.initiator = arena_copy(arena, item->initiator);
        entry->upload.owner = arena_copy(arena, item->owner);
    }
    entry->upload.key = arena_copy(arena, common.size > 0 ? common : item->key);
    return entry->upload.key.data != NULL || no_memory(error);
}

SUSPENDS bool remote_list_uploads(struct bucket_store *store, const struct upload_list_request *request,
                                  struct arena *arena, struct upload_list_page *ret_page, struct error *error)
{
    struct uploads uploads = {.store = store, .bucket = request->bucket};
    *ret_page = (struct upload_list_page){0};
    if (request->entries_max == 0)
        return true;
    arena_init(&uploads.arena, LIST_ARENA_BYTES);
    bool done = load(&uploads, error);
    unsigned most = uploads.count < request->entries_max ? uploads.count : request->entries_max;
    ret_page->entries = done ? arena_allocate(arena, (most + 1) * sizeof *ret_page->entries) : NULL;
    if (done && ret_page->entries == NULL)
        done = no_memory(error);
    for (unsigned i = 0; done && i < uploads.count && !ret_page->is_truncated; i++) {
        const struct upload_info *item = &uploads.items[i];
        if (item->key.size == 0 || !span_starts_with(item->key, request->prefix))
            continue;
        struct span common = common_prefix(request, item->key);
        if (is_behind(request, item, common))
            done = add(request, item, common, arena, ret_page, error);
    }
    arena_free(&uploads.arena);
    return done;
}
