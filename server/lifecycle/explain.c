/* server/lifecycle/explain.c -- walks over the versions of one key, up to the one that is asked for. */
#include "server/lifecycle/explain.h"

#include "s3client/wire/s3_error.h"
#include "server/lifecycle/tags.h"

enum { PAGE_ENTRIES = 100, ARENA_BYTES = 8 << 20 };

struct asked {
    struct lifecycle_runner *runner;
    const struct object_name *name;
    struct bucket_info bucket;
    void (*tell)(void *context, const struct lifecycle_explanation *explanation);
    void *context;
    struct arena page;
    struct lifecycle_walk walk;
    struct lifecycle_explanation told;
    bool is_found;
};

static bool is_asked_for(const struct asked *asked, const struct list_entry *entry)
{
    return asked->name->version.size == 0 || span_equal(asked->name->version, span_from_string(entry->version));
}

/* False: the walk is over. */
static bool look_at(struct asked *asked, const struct list_entry *entry, bool is_followed)
{
    struct lifecycle_walk *walk = &asked->walk;
    if (!span_equal(entry->key, asked->name->key))
        return false;
    unsigned newer_kept = walk->cursor.newer_kept;
    uint64_t locked = walk->locked;
    (void)lifecycle_walk_entry(walk, entry, is_followed, &asked->told.verdict);
    if (!is_asked_for(asked, entry))
        return true;
    asked->is_found = true;
    asked->told.version = lifecycle_version_of(entry);
    asked->told.version.newer_kept = newer_kept;
    asked->told.version.is_alone = entry->is_latest && !is_followed;
    asked->told.version_id = entry->version;
    asked->told.is_locked = walk->locked > locked;
    return false;
}

SUSPENDS static bool walk(struct asked *asked, struct error *error)
{
    struct version_list_request request = {
        .bucket = asked->name->bucket, .prefix = asked->name->key, .entries_max = PAGE_ENTRIES, .wants_grounds = true};
    const struct lifecycle_walk *walk = &asked->walk;
    struct list_page page = {.is_truncated = true};
    bool goes_on = true;
    while (goes_on && page.is_truncated) {
        arena_reset(&asked->page);
        if (!bucket_list_versions(asked->runner->store, &request, &asked->page, &page, error) ||
            !lifecycle_read_tags(asked->runner->store, request.bucket, walk->plan, &page, walk->now_ms, &asked->page,
                                 error))
            return false;
        unsigned count = page.count - page.is_truncated; /* the last one only tells what is followed */
        for (unsigned i = 0; goes_on && i < count; i++)
            goes_on = look_at(asked, &page.entries[i],
                              i + 1 < page.count && span_equal(page.entries[i + 1].key, asked->name->key));
        request.after_key = span_of(walk->cursor.key, walk->cursor.key_size);
        request.after_version = span_from_string(walk->cursor.version);
        request.after_modified_ms = walk->cursor.modified_ms;
    }
    return asked->is_found || error_set(error, ERROR_NOT_FOUND, S3_NoSuchVersion, "there is no such version");
}

SUSPENDS static bool judge(struct asked *asked, const struct bucket_settings *settings, struct error *error)
{
    struct lifecycle_plan plan;
    struct arena rules;
    const struct lifecycle *lifecycle = settings_compiled(settings, SETTING_LIFECYCLE);
    if (lifecycle == NULL)
        return settings_are_whole(settings, error) &&
               error_set(error, ERROR_NOT_FOUND, S3_NoSuchLifecycleConfiguration, "the bucket has no lifecycle rules");
    arena_init(&rules, ARENA_BYTES);
    const struct lifecycle_bucket bucket = lifecycle_bucket_of(asked->runner, &asked->bucket);
    asked->told.plan = asked->walk.plan = &plan;
    asked->told.now_ms = asked->walk.now_ms = clock_wall_ms(asked->runner->present);
    bool done = lifecycle_plan_make(lifecycle, &bucket, &rules, &plan, error) && walk(asked, error);
    if (done)
        asked->tell(asked->context, &asked->told);
    arena_free(&rules);
    asked->told.plan = asked->walk.plan = NULL;
    return done;
}

SUSPENDS bool lifecycle_explain(struct lifecycle_runner *runner, const struct object_name *name,
                                void (*tell)(void *context, const struct lifecycle_explanation *explanation),
                                void *context, struct error *error)
{
    const struct bucket_settings *settings;
    struct asked asked = {.runner = runner, .name = name, .tell = tell, .context = context};
    if (!bucket_find(runner->store, name->bucket, &asked.bucket, error) ||
        !settings_pin(runner->settings, &asked.bucket, &settings, error))
        return false;
    arena_init(&asked.page, ARENA_BYTES);
    bool done = judge(&asked, settings, error);
    arena_free(&asked.page);
    settings_unpin(runner->settings, settings);
    return done;
}
