/* journal/bucket_of_store.c -- the calls of a journal carried out by store/bucket.h. */
#include "codec/format/crc.h"
#include "journal/bucket_call.h"
#include "runtime/base/assert.h"
#include "runtime/base/hex.h"
#include "runtime/fiber/loop.h"
#include "s3client/wire/checksum.h"
#include "s3client/wire/s3_error.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum {
    CHUNK_BYTES = 256 << 10,
    ATTRIBUTES_BYTES_MAX = 64 << 10,
    PAGE_BYTES_MAX = 4 << 20, /* 1000 entries with keys of 1024 bytes, and what is kept of each */
};

/* ---- answers ---- */

static bool has_code(const struct error *error, const char *code)
{
    return error->code != NULL && strcmp(error->code, code) == 0;
}

static enum store_answer answer_of(const struct error *error)
{
    if (has_code(error, S3_PreconditionFailed))
        return STORE_CONDITION_FAILED;
    if (has_code(error, S3_ConditionalRequestConflict))
        return STORE_CONFLICT;
    if (has_code(error, S3_NoSuchKey))
        return STORE_NOT_FOUND;
    switch (error->kind) {
    case ERROR_INVALID:
    case ERROR_DENIED:
    case ERROR_NOT_FOUND: /* the bucket */
    case ERROR_TOO_LARGE:
    case ERROR_UNSUPPORTED:
    case ERROR_FULL:
        return STORE_REFUSED;
    default:
        return STORE_UNKNOWN;
    }
}

static enum store_answer answer_of_read(const struct error *error)
{
    return has_code(error, S3_NoSuchBucket) ? STORE_NOT_FOUND : answer_of(error);
}

static void take_etag(struct store_etag *etag, const struct object_attributes *attributes)
{
    static_assert(sizeof attributes->etag <= sizeof etag->text, "an ETag fits");
    memcpy(etag->text, attributes->etag, sizeof attributes->etag);
}

/* ---- writing ---- */

/* Describes the body and hands it over, piece by piece. */
SUSPENDS static bool write_body(struct journal_call *call, struct bucket_writer *writer,
                                struct object_attributes *ret_attributes, struct error *error)
{
    struct md5_sum md5;
    uint8_t digest[MD5_BYTES];
    *ret_attributes = (struct object_attributes){.original_size = call->body.size,
                                                 .stored_size = call->body.size,
                                                 .layout = LAYOUT_RAW,
                                                 .is_size_known = true,
                                                 .has_crc32c = true};
    md5_begin(&md5);
    struct span rest = buffer_span(&call->body);
    while (rest.size > 0) {
        struct span chunk = span_take(rest, CHUNK_BYTES);
        rest = span_skip(rest, chunk.size);
        md5_update(&md5, chunk);
        ret_attributes->crc32c = crc32c_update(ret_attributes->crc32c, chunk);
        if (journal_call_is_late(call))
            return error_set(error, ERROR_TIMED_OUT, NULL, "the deadline passed before everything was handed over");
        if (!bucket_write(writer, chunk, error))
            return false;
        fiber_yield_if_due();
    }
    md5_end(&md5, digest);
    hex_encode(span_of(digest, sizeof digest), ret_attributes->etag);
    return true;
}

SUSPENDS static enum store_answer write_object(struct journal_call *call)
{
    struct journal_bucket *bucket = call->bucket;
    char text[KEY_BYTES_MAX];
    struct write_intent intent = {
        .name = {.bucket = journal_bucket_name(bucket), .key = journal_bucket_key(bucket, call->name, text)},
        .stored_size_hint = call->body.size};
    struct write_condition condition = {0};
    if (call->kind == JOURNAL_REQUEST_CREATE)
        condition.if_none_match = SPAN("*");
    else if (call->etag.text[0] != '\0')
        condition.if_match = span_from_string(call->etag.text);
    else
        condition.over_damage = true;
    struct error error;
    struct bucket_writer *writer;
    struct object_attributes attributes, stored;
    if (!bucket_begin(bucket->store, &intent, &writer, &error))
        return answer_of(&error);
    if (!write_body(call, writer, &attributes, &error)) {
        bucket_abort(writer);
        return answer_of(&error);
    }
    const struct write_result result = {.attributes = &attributes, .condition = &condition};
    if (!bucket_commit(writer, &result, &stored, &error))
        return answer_of(&error);
    bucket->counters.bytes_written += call->body.size;
    take_etag(&call->etag, &stored);
    return STORE_DONE;
}

/* ---- reading ---- */

SUSPENDS static bool read_body(struct journal_call *call, struct bucket_object *object, struct error *error)
{
    uint64_t size = object->attributes.stored_size;
    if (!buffer_reserve(&call->body, size))
        return error_set(error, ERROR_TOO_LARGE, NULL, "the object is larger than one of its kind may be");
    for (uint64_t part; call->body.size < size; call->body.size += part) {
        part = size - call->body.size < CHUNK_BYTES ? size - call->body.size : CHUNK_BYTES;
        if (journal_call_is_late(call))
            return error_set(error, ERROR_TIMED_OUT, NULL, "the deadline passed before everything was read");
        if (!bucket_read(object, call->body.size, call->body.data + call->body.size, part, error))
            return false;
        fiber_yield_if_due();
    }
    return true;
}

/* The ETag alone: empty where it cannot be told. */
SUSPENDS static struct store_etag look_at_etag(const struct journal_call *call, const struct object_name *name)
{
    struct arena arena;
    struct error error;
    struct object_attributes attributes;
    struct store_etag etag = {0};
    arena_init(&arena, ATTRIBUTES_BYTES_MAX);
    if (bucket_head(call->bucket->store, name, &arena, &attributes, &error))
        take_etag(&etag, &attributes);
    arena_free(&arena);
    return etag;
}

SUSPENDS static enum store_answer answer_without_body(struct journal_call *call, const struct object_name *name,
                                                      const struct error *error)
{
    bool is_damaged = error->kind == ERROR_DAMAGED || error->kind == ERROR_TOO_LARGE;
    if (!is_damaged)
        return answer_of_read(error);
    call->etag = look_at_etag(call, name);
    return STORE_DAMAGED;
}

SUSPENDS static bool is_unchanged(const struct journal_call *call, const struct object_name *name)
{
    struct store_etag etag = look_at_etag(call, name);
    return strcmp(etag.text, call->etag.text) == 0;
}

SUSPENDS static enum store_answer read_object(struct journal_call *call)
{
    struct journal_bucket *bucket = call->bucket;
    char text[KEY_BYTES_MAX];
    struct object_name name = {.bucket = journal_bucket_name(bucket),
                               .key = journal_bucket_key(bucket, call->name, text)};
    struct bucket_object *object;
    struct error error;
    if (call->etag.text[0] != '\0' && is_unchanged(call, &name))
        return STORE_UNCHANGED;
    if (!bucket_open(bucket->store, &name, NULL, &object, &error))
        return answer_without_body(call, &name, &error);
    take_etag(&call->etag, &object->attributes);
    bool is_read = read_body(call, object, &error);
    bucket_close(object);
    if (!is_read)
        return answer_without_body(call, &name, &error);
    if (call->etag.text[0] == '\0')
        return STORE_DAMAGED; /* whatever it is, no journal has written it */
    bucket->counters.bytes_read += call->body.size;
    return STORE_DONE;
}

/* ---- lists ---- */

static void take_page(struct journal_call *call, const struct list_page *listed)
{
    struct store_page *page = call->page;
    for (unsigned i = 0; i < listed->count; i++)
        journal_call_take_key(call, listed->entries[i].key, listed->entries[i].is_damaged);
    page->is_truncated = listed->is_truncated;
    while (page->is_truncated && page->count > 0 && page->is_damaged[page->count - 1])
        page->count--; /* the next page begins behind the last name */
}

/* One page; more only where a page holds nothing but names that are none of a journal. */
SUSPENDS static enum store_answer list_names(struct journal_call *call)
{
    struct journal_bucket *bucket = call->bucket;
    char prefix[KEY_BYTES_MAX], after[KEY_BYTES_MAX];
    struct list_request list = {.bucket = journal_bucket_name(bucket),
                                .prefix = journal_bucket_key(bucket, call->name, prefix),
                                .after = call->after[0] != '\0' ? journal_bucket_key(bucket, call->after, after)
                                                                : SPAN_EMPTY,
                                .entries_max = STORE_PAGE_NAMES_MAX,
                                .is_damage_listed = true};
    struct list_page listed;
    struct arena arenas[2]; /* the last page's, in which `after` lies, and this one's */
    struct error error;
    enum store_answer answer = STORE_DONE;
    arena_init(&arenas[0], PAGE_BYTES_MAX);
    arena_init(&arenas[1], PAGE_BYTES_MAX);
    call->page->count = 0;
    call->page->is_truncated = false;
    for (unsigned turn = 0;; turn++) {
        struct arena *arena = &arenas[turn % 2];
        arena_reset(arena);
        if (!bucket_list(bucket->store, &list, arena, &listed, &error)) {
            answer = has_code(&error, S3_NoSuchBucket) ? STORE_DONE
                     : error.kind == ERROR_DAMAGED     ? STORE_DAMAGED
                                                       : answer_of(&error);
            break;
        }
        take_page(call, &listed);
        if (call->page->count > 0 || !listed.is_truncated || listed.count == 0)
            break;
        list.after = listed.entries[listed.count - 1].key;
        if (journal_call_is_late(call)) {
            answer = STORE_UNKNOWN;
            break;
        }
    }
    arena_free(&arenas[0]);
    arena_free(&arenas[1]);
    return answer;
}

/* ---- deletions ---- */

SUSPENDS static enum store_answer delete_objects(struct journal_call *call)
{
    struct journal_bucket *bucket = call->bucket;
    struct delete_item *items = calloc(call->names_count, sizeof *items);
    char(*texts)[KEY_BYTES_MAX] = calloc(call->names_count, sizeof *texts);
    struct error error;
    ASSERT(items != NULL && texts != NULL);
    for (unsigned i = 0; i < call->names_count; i++)
        items[i].key = journal_bucket_key(bucket, call->names[i], texts[i]);
    enum store_answer answer = STORE_DONE;
    if (!bucket_delete_objects(bucket->store, journal_bucket_name(bucket), items, call->names_count, &error))
        answer = answer_of(&error);
    for (unsigned i = 0; i < call->names_count && answer == STORE_DONE; i++) {
        if (!items[i].is_deleted && !has_code(&items[i].error, S3_NoSuchKey))
            answer = answer_of(&items[i].error);
    }
    free(items);
    free(texts);
    return answer;
}

/* ---- the whole ---- */

struct journal_bucket *journal_bucket_open(struct bucket_store *store, struct span bucket, struct span prefix)
{
    static const struct journal_verbs verbs = {.verbs = {
                                                   [JOURNAL_REQUEST_CREATE] = write_object,
                                                   [JOURNAL_REQUEST_REPLACE] = write_object,
                                                   [JOURNAL_REQUEST_GET] = read_object,
                                                   [JOURNAL_REQUEST_LIST] = list_names,
                                                   [JOURNAL_REQUEST_DELETE] = delete_objects,
                                               }};
    struct journal_bucket *opened = journal_bucket_new(&verbs, bucket, prefix);
    opened->store = store;
    return opened;
}
