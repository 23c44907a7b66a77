/* journal/bucket_store.c -- every request of a journal as a call on a fiber of its own, with a deadline. */
#include "journal/bucket_call.h"
#include "runtime/base/assert.h"
#include "runtime/fiber/loop.h"

#include <stdlib.h>
#include <string.h>

enum { CLOSE_POLL_MS = 1 };

const char *journal_request_name(enum journal_request kind)
{
    static const char *const names[] = {"create", "replace", "get", "list", "delete"};
    ASSERT(kind < JOURNAL_REQUEST_COUNT);
    return names[kind];
}

/* ---- for the verbs ---- */

struct span journal_bucket_name(const struct journal_bucket *bucket)
{
    return span_of(bucket->bucket, bucket->bucket_bytes);
}

struct span journal_bucket_key(const struct journal_bucket *bucket, const char *name, char ret_key[KEY_BYTES_MAX])
{
    size_t size = strlen(name);
    ASSERT(size < JOURNAL_NAME_BYTES);
    memcpy(ret_key, bucket->prefix, bucket->prefix_bytes);
    memcpy(ret_key + bucket->prefix_bytes, name, size);
    return span_of(ret_key, bucket->prefix_bytes + size);
}

bool journal_call_is_late(const struct journal_call *call)
{
    return clock_monotonic_ns(loop_clock()) >= call->deadline;
}

void journal_call_take_key(struct journal_call *call, struct span key, bool is_damaged)
{
    struct store_page *page = call->page;
    struct span prefix = span_of(call->bucket->prefix, call->bucket->prefix_bytes);
    struct span name = span_skip(key, span_starts_with(key, prefix) ? prefix.size : 0);
    if (name.size >= JOURNAL_NAME_BYTES && !is_damaged)
        return;
    size_t size = name.size < JOURNAL_NAME_BYTES ? name.size : JOURNAL_NAME_BYTES - 1;
    char *shown = page->names[page->count];
    page->is_damaged[page->count++] = is_damaged;
    for (size_t i = 0; i < size; i++)
        shown[i] = name.data[i] > 0x20 && name.data[i] < 0x7f ? (char)name.data[i] : '?';
    shown[size] = '\0';
}

/* ---- a call ---- */

static void call_free(struct journal_call *call)
{
    buffer_free(&call->body);
    free(call->page);
    free(call->names);
    free(call);
}

SUSPENDS static void run(void *argument)
{
    struct journal_call *call = argument;
    const struct journal_verbs *verbs = call->bucket->verbs;
    call->fiber = fiber_current();
    call->answer = call->is_abandoned && verbs->is_cut ? STORE_UNKNOWN : verbs->verbs[call->kind](call);
    call->bucket->under_way--;
    call->is_done = true;
    if (call->is_abandoned)
        call_free(call);
    else
        wait_wake_all(&call->done);
}

static struct journal_call *call_new(struct journal_store *store, enum journal_request kind, const char *name,
                                     deadline_t deadline)
{
    struct journal_call *call = calloc(1, sizeof *call);
    ASSERT(call != NULL);
    call->bucket = LIST_ELEMENT(store, struct journal_bucket, base);
    call->kind = kind;
    call->deadline = deadline;
    (void)strncpy(call->name, name, sizeof call->name - 1);
    wait_queue_init(&call->done);
    return call;
}

static void abandon(struct journal_call *call)
{
    call->is_abandoned = true;
    if (call->bucket->verbs->is_cut && call->fiber != NULL)
        fiber_cancel(call->fiber);
}

/* True: it has ended. False: nobody knows, and the call is not the caller's any more. */
SUSPENDS static bool perform(struct journal_call *call)
{
    struct journal_bucket *bucket = call->bucket;
    struct error error;
    enum journal_request kind = call->kind;
    bucket->counters.requests[kind]++;
    if (!fiber_spawn("journal-request", run, call, &error)) {
        call_free(call);
        bucket->counters.unknown[kind]++;
        return false;
    }
    bucket->under_way++;
    while (!call->is_done && wait_for(&call->done, call->deadline, &error))
        ;
    if (!call->is_done)
        abandon(call);
    else if (call->answer != STORE_UNKNOWN)
        return true;
    bucket->counters.unknown[kind]++;
    return call->is_done;
}

/* ---- struct journal_store ---- */

SUSPENDS static enum store_answer create(struct journal_store *store, const char *name, struct span body,
                                         deadline_t deadline)
{
    struct journal_call *call = call_new(store, JOURNAL_REQUEST_CREATE, name, deadline);
    buffer_append(&call->body, body);
    if (!perform(call))
        return STORE_UNKNOWN;
    enum store_answer answer = call->answer;
    call_free(call);
    return answer;
}

SUSPENDS static enum store_answer replace(struct journal_store *store, const char *name, const struct store_etag *etag,
                                          struct span body, struct store_etag *ret_etag, deadline_t deadline)
{
    struct journal_call *call = call_new(store, JOURNAL_REQUEST_REPLACE, name, deadline);
    call->etag = *etag;
    buffer_append(&call->body, body);
    if (!perform(call))
        return STORE_UNKNOWN;
    enum store_answer answer = call->answer;
    if (answer == STORE_DONE)
        *ret_etag = call->etag;
    call_free(call);
    return answer;
}

SUSPENDS static enum store_answer get(struct journal_store *store, const char *name, const struct store_etag *known,
                                      struct buffer *ret_body, struct store_etag *ret_etag, deadline_t deadline)
{
    struct journal_call *call = call_new(store, JOURNAL_REQUEST_GET, name, deadline);
    if (known != NULL)
        call->etag = *known;
    ASSERT(ret_body->limit == 0 || ret_body->limit >= ret_body->size);
    buffer_init(&call->body, ret_body->limit == 0 ? 0 : ret_body->limit - ret_body->size);
    if (!perform(call))
        return STORE_UNKNOWN;
    enum store_answer answer = call->answer;
    if (answer == STORE_DONE || answer == STORE_DAMAGED)
        *ret_etag = call->etag;
    if (answer == STORE_DONE)
        buffer_append(ret_body, buffer_span(&call->body));
    call_free(call);
    return answer;
}

SUSPENDS static enum store_answer list(struct journal_store *store, const char *prefix, const char *after,
                                       struct store_page *ret_page, deadline_t deadline)
{
    struct journal_call *call = call_new(store, JOURNAL_REQUEST_LIST, prefix, deadline);
    (void)strncpy(call->after, after, sizeof call->after - 1);
    call->page = malloc(sizeof *call->page);
    ASSERT(call->page != NULL);
    if (!perform(call))
        return STORE_UNKNOWN;
    enum store_answer answer = call->answer;
    if (answer == STORE_DONE) {
        ret_page->count = call->page->count;
        ret_page->is_truncated = call->page->is_truncated;
        memcpy(ret_page->is_damaged, call->page->is_damaged, call->page->count * sizeof ret_page->is_damaged[0]);
        memcpy(ret_page->names, call->page->names, call->page->count * sizeof ret_page->names[0]);
    }
    call_free(call);
    return answer;
}

SUSPENDS static enum store_answer delete_names(struct journal_store *store, char (*names)[JOURNAL_NAME_BYTES],
                                               unsigned count, deadline_t deadline)
{
    ASSERT(count <= DELETE_ITEMS_MAX);
    if (count == 0)
        return STORE_DONE;
    struct journal_call *call = call_new(store, JOURNAL_REQUEST_DELETE, "", deadline);
    call->names = malloc(count * sizeof *names);
    ASSERT(call->names != NULL);
    memcpy(call->names, names, count * sizeof *names);
    call->names_count = count;
    if (!perform(call))
        return STORE_UNKNOWN;
    enum store_answer answer = call->answer;
    call_free(call);
    return answer;
}

/* ---- the whole ---- */

struct journal_bucket *journal_bucket_new(const struct journal_verbs *verbs, struct span bucket, struct span prefix)
{
    ASSERT(bucket.size > 0 && bucket.size <= BUCKET_NAME_BYTES_MAX && prefix.size <= JOURNAL_PREFIX_BYTES_MAX);
    struct journal_bucket *opened = calloc(1, sizeof *opened);
    ASSERT(opened != NULL);
    opened->base = (struct journal_store){create, replace, get, list, delete_names};
    opened->verbs = verbs;
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
    if (bucket->verbs->close != NULL)
        bucket->verbs->close(bucket);
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

bool journal_bucket_keeps_versions(const struct journal_bucket *bucket)
{
    return bucket->keeps_versions;
}
