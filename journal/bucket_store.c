/* journal/bucket_store.c -- every request of a journal as calls of bucket.h, on a fiber of its own, with a deadline. */
#include "journal/bucket_store.h"

#include "codec/crc.h"
#include "runtime/base/assert.h"
#include "runtime/base/hex.h"
#include "runtime/fiber/loop.h"
#include "s3client/wire/checksum.h"
#include "s3client/wire/s3_error.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum {
    PREFIX_BYTES_MAX = 64,
    CHUNK_BYTES = 256 << 10,
    ATTRIBUTES_BYTES_MAX = 64 << 10,
    PAGE_BYTES_MAX = 4 << 20, /* 1000 entries with keys of 1024 bytes, and what is kept of each */
    CLOSE_POLL_MS = 1,
};

struct journal_bucket {
    struct journal_store base;
    struct bucket_store *store;
    struct journal_bucket_counters counters;
    unsigned under_way; /* requests, those included that nobody waits for */
    size_t bucket_bytes;
    size_t prefix_bytes;
    char bucket[BUCKET_NAME_BYTES_MAX];
    char prefix[PREFIX_BYTES_MAX];
};

/* Its own memory holds all that it needs: the caller may be gone before it ends. */
struct request {
    struct journal_bucket *bucket;
    enum journal_request kind;
    char name[JOURNAL_NAME_BYTES]; /* LIST: the names' beginning */
    char after[JOURNAL_NAME_BYTES];
    struct store_etag etag; /* that is known or replaced; then the one that is there */
    struct buffer body;     /* to be written, or what was read */
    struct store_page *page;
    char (*names)[JOURNAL_NAME_BYTES];
    unsigned names_count;
    deadline_t deadline;
    enum store_answer answer;
    bool is_done;
    bool is_abandoned;
    struct wait_queue done;
};

const char *journal_request_name(enum journal_request kind)
{
    static const char *const names[] = {"create", "replace", "get", "list", "delete"};
    ASSERT(kind < JOURNAL_REQUEST_COUNT);
    return names[kind];
}

/* ---- names ---- */

struct key_text {
    size_t size;
    char bytes[PREFIX_BYTES_MAX + JOURNAL_NAME_BYTES];
};

static struct span key_of(const struct journal_bucket *bucket, const char *name, struct key_text *ret_text)
{
    size_t size = strlen(name);
    ASSERT(size < JOURNAL_NAME_BYTES);
    memcpy(ret_text->bytes, bucket->prefix, bucket->prefix_bytes);
    memcpy(ret_text->bytes + bucket->prefix_bytes, name, size);
    ret_text->size = bucket->prefix_bytes + size;
    return span_of(ret_text->bytes, ret_text->size);
}

static struct span bucket_name(const struct journal_bucket *bucket)
{
    return span_of(bucket->bucket, bucket->bucket_bytes);
}

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

static bool is_late(const struct request *request)
{
    return clock_monotonic_ns(loop_clock()) >= request->deadline;
}

/* Describes the body and hands it over, piece by piece. */
SUSPENDS static bool write_body(struct request *request, struct bucket_writer *writer,
                                struct object_attributes *ret_attributes, struct error *error)
{
    struct md5_sum md5;
    uint8_t digest[MD5_BYTES];
    *ret_attributes = (struct object_attributes){.original_size = request->body.size,
                                                 .stored_size = request->body.size,
                                                 .layout = LAYOUT_RAW,
                                                 .is_size_known = true,
                                                 .has_crc32c = true};
    md5_begin(&md5);
    struct span rest = buffer_span(&request->body);
    while (rest.size > 0) {
        struct span chunk = span_take(rest, CHUNK_BYTES);
        rest = span_skip(rest, chunk.size);
        md5_update(&md5, chunk);
        ret_attributes->crc32c = crc32c_update(ret_attributes->crc32c, chunk);
        if (is_late(request))
            return error_set(error, ERROR_TIMED_OUT, NULL, "the deadline passed before everything was handed over");
        if (!bucket_write(writer, chunk, error))
            return false;
        fiber_yield_if_due();
    }
    md5_end(&md5, digest);
    hex_encode(span_of(digest, sizeof digest), ret_attributes->etag);
    return true;
}

SUSPENDS static enum store_answer write_object(struct request *request)
{
    struct journal_bucket *bucket = request->bucket;
    struct key_text text;
    struct write_intent intent = {.name = {.bucket = bucket_name(bucket), .key = key_of(bucket, request->name, &text)},
                                  .stored_size_hint = request->body.size};
    struct write_condition condition = {0};
    if (request->kind == JOURNAL_REQUEST_CREATE)
        condition.if_none_match = SPAN("*");
    else if (request->etag.text[0] != '\0')
        condition.if_match = span_from_string(request->etag.text);
    else
        condition.over_damage = true;
    struct error error;
    struct bucket_writer *writer;
    struct object_attributes attributes, stored;
    if (!bucket_begin(bucket->store, &intent, &writer, &error))
        return answer_of(&error);
    if (!write_body(request, writer, &attributes, &error)) {
        bucket_abort(writer);
        return answer_of(&error);
    }
    const struct write_result result = {.attributes = &attributes, .condition = &condition};
    if (!bucket_commit(writer, &result, &stored, &error))
        return answer_of(&error);
    bucket->counters.bytes_written += request->body.size;
    take_etag(&request->etag, &stored);
    return STORE_DONE;
}

/* ---- reading ---- */

SUSPENDS static bool read_body(struct request *request, struct bucket_object *object, struct error *error)
{
    uint64_t size = object->attributes.stored_size;
    if (!buffer_reserve(&request->body, size))
        return error_set(error, ERROR_TOO_LARGE, NULL, "the object is larger than one of its kind may be");
    for (uint64_t part; request->body.size < size; request->body.size += part) {
        part = size - request->body.size < CHUNK_BYTES ? size - request->body.size : CHUNK_BYTES;
        if (is_late(request))
            return error_set(error, ERROR_TIMED_OUT, NULL, "the deadline passed before everything was read");
        if (!bucket_read(object, request->body.size, request->body.data + request->body.size, part, error))
            return false;
        fiber_yield_if_due();
    }
    return true;
}

/* The ETag alone: empty where it cannot be told. */
SUSPENDS static struct store_etag look_at_etag(const struct request *request, const struct object_name *name)
{
    struct arena arena;
    struct error error;
    struct object_attributes attributes;
    struct store_etag etag = {0};
    arena_init(&arena, ATTRIBUTES_BYTES_MAX);
    if (bucket_head(request->bucket->store, name, &arena, &attributes, &error))
        take_etag(&etag, &attributes);
    arena_free(&arena);
    return etag;
}

SUSPENDS static enum store_answer answer_without_body(struct request *request, const struct object_name *name,
                                                      const struct error *error)
{
    bool is_damaged = error->kind == ERROR_DAMAGED || error->kind == ERROR_TOO_LARGE;
    if (!is_damaged)
        return answer_of_read(error);
    request->etag = look_at_etag(request, name);
    return STORE_DAMAGED;
}

SUSPENDS static bool is_unchanged(const struct request *request, const struct object_name *name)
{
    struct store_etag etag = look_at_etag(request, name);
    return strcmp(etag.text, request->etag.text) == 0;
}

SUSPENDS static enum store_answer read_object(struct request *request)
{
    struct journal_bucket *bucket = request->bucket;
    struct key_text text;
    struct object_name name = {.bucket = bucket_name(bucket), .key = key_of(bucket, request->name, &text)};
    struct bucket_object *object;
    struct error error;
    if (request->etag.text[0] != '\0' && is_unchanged(request, &name))
        return STORE_UNCHANGED;
    if (!bucket_open(bucket->store, &name, NULL, &object, &error))
        return answer_without_body(request, &name, &error);
    take_etag(&request->etag, &object->attributes);
    bool is_read = read_body(request, object, &error);
    bucket_close(object);
    if (!is_read)
        return answer_without_body(request, &name, &error);
    if (request->etag.text[0] == '\0')
        return STORE_DAMAGED; /* whatever it is, no journal has written it */
    bucket->counters.bytes_read += request->body.size;
    return STORE_DONE;
}

/* ---- lists ---- */

/* What is left of a damaged entry's key, for people. */
static void show_key(struct span key, char ret_name[JOURNAL_NAME_BYTES])
{
    size_t size = key.size < JOURNAL_NAME_BYTES ? key.size : JOURNAL_NAME_BYTES - 1;
    for (size_t i = 0; i < size; i++)
        ret_name[i] = key.data[i] > 0x20 && key.data[i] < 0x7f ? (char)key.data[i] : '?';
    ret_name[size] = '\0';
}

static void take_names(struct store_page *page, const struct list_page *listed, struct span prefix)
{
    for (unsigned i = 0; i < listed->count; i++) {
        const struct list_entry *entry = &listed->entries[i];
        struct span name = span_skip(entry->key, span_starts_with(entry->key, prefix) ? prefix.size : 0);
        if (name.size >= JOURNAL_NAME_BYTES && !entry->is_damaged)
            continue; /* not one of ours */
        page->is_damaged[page->count] = entry->is_damaged;
        show_key(name, page->names[page->count++]);
    }
    page->is_truncated = listed->is_truncated;
    while (page->is_truncated && page->count > 0 && page->is_damaged[page->count - 1])
        page->count--; /* the next page begins behind the last name */
}

/* One page; more only where a page holds nothing but names that are none of a journal. */
SUSPENDS static enum store_answer list_names(struct request *request)
{
    struct journal_bucket *bucket = request->bucket;
    struct key_text prefix, after;
    struct list_request list = {.bucket = bucket_name(bucket),
                                .prefix = key_of(bucket, request->name, &prefix),
                                .after =
                                    request->after[0] != '\0' ? key_of(bucket, request->after, &after) : SPAN_EMPTY,
                                .entries_max = STORE_PAGE_NAMES_MAX,
                                .is_damage_listed = true};
    struct list_page listed;
    struct arena arenas[2]; /* the last page's, in which `after` lies, and this one's */
    struct error error;
    enum store_answer answer = STORE_DONE;
    arena_init(&arenas[0], PAGE_BYTES_MAX);
    arena_init(&arenas[1], PAGE_BYTES_MAX);
    request->page->count = 0;
    request->page->is_truncated = false;
    for (unsigned turn = 0;; turn++) {
        struct arena *arena = &arenas[turn % 2];
        arena_reset(arena);
        if (!bucket_list(bucket->store, &list, arena, &listed, &error)) {
            answer = has_code(&error, S3_NoSuchBucket) ? STORE_DONE
                     : error.kind == ERROR_DAMAGED     ? STORE_DAMAGED
                                                       : answer_of(&error);
            break;
        }
        take_names(request->page, &listed, span_of(bucket->prefix, bucket->prefix_bytes));
        if (request->page->count > 0 || !listed.is_truncated || listed.count == 0)
            break;
        list.after = listed.entries[listed.count - 1].key;
        if (is_late(request)) {
            answer = STORE_UNKNOWN;
            break;
        }
    }
    arena_free(&arenas[0]);
    arena_free(&arenas[1]);
    return answer;
}

/* ---- deletions ---- */

SUSPENDS static enum store_answer delete_objects(struct request *request)
{
    struct journal_bucket *bucket = request->bucket;
    struct delete_item *items = calloc(request->names_count, sizeof *items);
    struct key_text *texts = calloc(request->names_count, sizeof *texts);
    struct error error;
    ASSERT(items != NULL && texts != NULL);
    for (unsigned i = 0; i < request->names_count; i++)
        items[i].key = key_of(bucket, request->names[i], &texts[i]);
    enum store_answer answer = STORE_DONE;
    if (!bucket_delete_objects(bucket->store, bucket_name(bucket), items, request->names_count, &error))
        answer = answer_of(&error);
    for (unsigned i = 0; i < request->names_count && answer == STORE_DONE; i++) {
        if (!items[i].is_deleted && !has_code(&items[i].error, S3_NoSuchKey))
            answer = answer_of(&items[i].error);
    }
    free(items);
    free(texts);
    return answer;
}

/* ---- a request ---- */

static void request_free(struct request *request)
{
    buffer_free(&request->body);
    free(request->page);
    free(request->names);
    free(request);
}

SUSPENDS static void run(void *argument)
{
    static SUSPENDS enum store_answer (*const kinds[])(struct request *) = {
        [JOURNAL_REQUEST_CREATE] = write_object,   [JOURNAL_REQUEST_REPLACE] = write_object,
        [JOURNAL_REQUEST_GET] = read_object,       [JOURNAL_REQUEST_LIST] = list_names,
        [JOURNAL_REQUEST_DELETE] = delete_objects,
    };
    struct request *request = argument;
    request->answer = kinds[request->kind](request);
    request->bucket->under_way--;
    request->is_done = true;
    if (request->is_abandoned)
        request_free(request);
    else
        wait_wake_all(&request->done);
}

static struct request *request_new(struct journal_store *store, enum journal_request kind, const char *name,
                                   deadline_t deadline)
{
    struct request *request = calloc(1, sizeof *request);
    ASSERT(request != NULL);
    request->bucket = LIST_ELEMENT(store, struct journal_bucket, base);
    request->kind = kind;
    request->deadline = deadline;
    (void)strncpy(request->name, name, sizeof request->name - 1);
    wait_queue_init(&request->done);
    return request;
}

/* True: it has ended. False: nobody knows, and the request is not the caller's any more. */
SUSPENDS static bool perform(struct request *request)
{
    struct journal_bucket *bucket = request->bucket;
    struct error error;
    enum journal_request kind = request->kind;
    bucket->counters.requests[kind]++;
    if (!fiber_spawn("journal-request", run, request, &error)) {
        request_free(request);
        bucket->counters.unknown[kind]++;
        return false;
    }
    bucket->under_way++;
    while (!request->is_done && wait_for(&request->done, request->deadline, &error))
        ;
    if (!request->is_done)
        request->is_abandoned = true;
    else if (request->answer != STORE_UNKNOWN)
        return true;
    bucket->counters.unknown[kind]++;
    return request->is_done;
}

/* ---- struct journal_store ---- */

SUSPENDS static enum store_answer create(struct journal_store *store, const char *name, struct span body,
                                         deadline_t deadline)
{
    struct request *request = request_new(store, JOURNAL_REQUEST_CREATE, name, deadline);
    buffer_append(&request->body, body);
    if (!perform(request))
        return STORE_UNKNOWN;
    enum store_answer answer = request->answer;
    request_free(request);
    return answer;
}

SUSPENDS static enum store_answer replace(struct journal_store *store, const char *name, const struct store_etag *etag,
                                          struct span body, struct store_etag *ret_etag, deadline_t deadline)
{
    struct request *request = request_new(store, JOURNAL_REQUEST_REPLACE, name, deadline);
    request->etag = *etag;
    buffer_append(&request->body, body);
    if (!perform(request))
        return STORE_UNKNOWN;
    enum store_answer answer = request->answer;
    if (answer == STORE_DONE)
        *ret_etag = request->etag;
    request_free(request);
    return answer;
}

SUSPENDS static enum store_answer get(struct journal_store *store, const char *name, const struct store_etag *known,
                                      struct buffer *ret_body, struct store_etag *ret_etag, deadline_t deadline)
{
    struct request *request = request_new(store, JOURNAL_REQUEST_GET, name, deadline);
    if (known != NULL)
        request->etag = *known;
    ASSERT(ret_body->limit == 0 || ret_body->limit >= ret_body->size);
    buffer_init(&request->body, ret_body->limit == 0 ? 0 : ret_body->limit - ret_body->size);
    if (!perform(request))
        return STORE_UNKNOWN;
    enum store_answer answer = request->answer;
    if (answer == STORE_DONE || answer == STORE_DAMAGED)
        *ret_etag = request->etag;
    if (answer == STORE_DONE)
        buffer_append(ret_body, buffer_span(&request->body));
    request_free(request);
    return answer;
}

SUSPENDS static enum store_answer list(struct journal_store *store, const char *prefix, const char *after,
                                       struct store_page *ret_page, deadline_t deadline)
{
    struct request *request = request_new(store, JOURNAL_REQUEST_LIST, prefix, deadline);
    (void)strncpy(request->after, after, sizeof request->after - 1);
    request->page = malloc(sizeof *request->page);
    ASSERT(request->page != NULL);
    if (!perform(request))
        return STORE_UNKNOWN;
    enum store_answer answer = request->answer;
    if (answer == STORE_DONE) {
        ret_page->count = request->page->count;
        ret_page->is_truncated = request->page->is_truncated;
        memcpy(ret_page->is_damaged, request->page->is_damaged, request->page->count * sizeof ret_page->is_damaged[0]);
        memcpy(ret_page->names, request->page->names, request->page->count * sizeof ret_page->names[0]);
    }
    request_free(request);
    return answer;
}

SUSPENDS static enum store_answer delete_names(struct journal_store *store, char (*names)[JOURNAL_NAME_BYTES],
                                               unsigned count, deadline_t deadline)
{
    ASSERT(count <= DELETE_ITEMS_MAX);
    if (count == 0)
        return STORE_DONE;
    struct request *request = request_new(store, JOURNAL_REQUEST_DELETE, "", deadline);
    request->names = malloc(count * sizeof *names);
    ASSERT(request->names != NULL);
    memcpy(request->names, names, count * sizeof *names);
    request->names_count = count;
    if (!perform(request))
        return STORE_UNKNOWN;
    enum store_answer answer = request->answer;
    request_free(request);
    return answer;
}

/* ---- the whole ---- */

struct journal_bucket *journal_bucket_open(struct bucket_store *store, struct span bucket, struct span prefix)
{
    ASSERT(bucket.size > 0 && bucket.size <= BUCKET_NAME_BYTES_MAX && prefix.size <= PREFIX_BYTES_MAX);
    struct journal_bucket *opened = calloc(1, sizeof *opened);
    ASSERT(opened != NULL);
    opened->base = (struct journal_store){create, replace, get, list, delete_names};
    opened->store = store;
    opened->bucket_bytes = bucket.size;
    opened->prefix_bytes = prefix.size;
    memcpy(opened->bucket, bucket.data, bucket.size);
    if (prefix.size > 0)
        memcpy(opened->prefix, prefix.data, prefix.size);
    return opened;
}

void journal_bucket_close(struct journal_bucket *bucket)
{
    struct wait_queue nobody;
    struct error error;
    wait_queue_init(&nobody);
    while (bucket->under_way > 0) {
        if (!wait_for(&nobody, deadline_after_ms(CLOSE_POLL_MS), &error) && error.kind == ERROR_CANCELLED)
            fiber_yield();
    }
    free(bucket);
}

struct journal_store *journal_bucket_store(struct journal_bucket *bucket)
{
    return &bucket->base;
}

const struct journal_bucket_counters *journal_bucket_counters(const struct journal_bucket *bucket)
{
    return &bucket->counters;
}
