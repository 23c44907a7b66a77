/* server/lifecycle/tags.c -- asks for the tags of a page's entries, several at a time. */
#include "server/lifecycle/tags.h"

#include "runtime/fiber/parallel.h"
#include "s3client/wire/s3_error.h"
#include "server/lifecycle/walk.h"
#include "server/s3/request/names.h"

enum { ASKED_AT_ONCE = 32, TAGS_BYTES_MAX = 64 << 10 };

struct reading {
    struct bucket_store *store;
    struct span bucket;
    const struct lifecycle_plan *plan;
    const struct list_page *page;
    int64_t now_ms;
    struct arena *arena;
    struct error error; /* the first that was met */
};

bool lifecycle_needs_tags(const struct lifecycle_plan *plan, const struct list_entry *entry, int64_t now_ms)
{
    struct lifecycle_version version = lifecycle_version_of(entry);
    int64_t due_ms;
    version.tags = SPAN_EMPTY;
    if (entry->is_delete_marker || object_key_is_reserved(entry->key))
        return false;
    for (const struct lifecycle_group *group = lifecycle_plan_find(plan, entry->key); group != NULL;
         group = group->outer) {
        for (unsigned i = 0; i < group->count; i++) {
            if (lifecycle_ask_rule(plan, group->rules[i], &version, now_ms, &due_ms) == RULE_HAS_OTHER_TAGS)
                return true;
        }
    }
    return false;
}

static void read_one(void *context, unsigned index)
{
    struct reading *reading = context;
    struct list_entry *entry = &reading->page->entries[index];
    struct buffer tags;
    struct error error;
    const struct object_name name = {reading->bucket, entry->key, span_from_string(entry->version)};
    if (reading->error.kind != ERROR_NONE || !lifecycle_needs_tags(reading->plan, entry, reading->now_ms))
        return;
    buffer_init(&tags, TAGS_BYTES_MAX);
    if (!bucket_read_tags(reading->store, &name, &tags, NULL, &error)) {
        if (error.kind != ERROR_NOT_FOUND)
            reading->error = error;
    } else if (tags.size > 0) {
        entry->tags = arena_copy(reading->arena, buffer_span(&tags));
        if (entry->tags.data == NULL)
            (void)error_set(&reading->error, ERROR_BUSY, S3_SlowDown, "the tags of a page do not fit into memory");
    }
    buffer_free(&tags);
}

SUSPENDS bool lifecycle_read_tags(struct bucket_store *store, struct span bucket, const struct lifecycle_plan *plan,
                                  const struct list_page *page, int64_t now_ms, struct arena *arena,
                                  struct error *error)
{
    struct reading reading = {
        .store = store, .bucket = bucket, .plan = plan, .page = page, .now_ms = now_ms, .arena = arena};
    if (store->capabilities.lists_tags || !store->capabilities.has_tags)
        return true;
    parallel_run(page->count, ASKED_AT_ONCE, read_one, &reading);
    if (reading.error.kind != ERROR_NONE)
        *error = reading.error;
    return reading.error.kind == ERROR_NONE;
}
