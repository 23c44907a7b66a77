/* store/remote/delete/grounds.c -- compares what the backend says now with what somebody saw. */
#include "store/remote/delete/grounds.h"

#include "s3client/wire/s3_error.h"

enum { LIST_ARENA_BYTES = 4 << 20, TAGS_BYTES_MAX = 64 << 10 };

static bool has_changed(struct error *error, const char *what)
{
    return error_set(error, ERROR_CHANGED, S3_PreconditionFailed, "%s since it was judged.", what);
}

bool remote_names_fixed_version(const struct delete_item *item)
{
    return item->version.size > 0 && !span_equal(item->version, SPAN("null"));
}

/* ---- the version itself ---- */

/* Lists have milliseconds, answers seconds. */
static bool is_same_second(int64_t a_ms, int64_t b_ms)
{
    return a_ms / 1000 == b_ms / 1000;
}

static bool is_judged(const struct object_attributes *attributes, int64_t shown_ms,
                      const struct deletion_grounds *grounds)
{
    return strcmp(attributes->version, grounds->version) == 0 && attributes->original_size == grounds->original_size &&
           strcmp(attributes->etag, grounds->etag) == 0 && is_same_second(shown_ms, grounds->modified_ms);
}

/* A null version may have been replaced, and the current one by another. */
SUSPENDS static bool is_there_still(struct remote_key *key, const struct deletion_grounds *grounds, struct error *error)
{
    struct remote_state state;
    if (!remote_look(key, LOOK_TO_DECIDE, &state, error))
        return false;
    bool is_same =
        state.is_there && is_judged(&state.object.attributes, backend_object_shown_ms(&state.object), grounds);
    bool is_marker = state.is_marker;
    remote_state_free(key->shard, &state);
    if (is_marker && strcmp(grounds->version, "null") == 0)
        return error_set(error, ERROR_UNSUPPORTED, S3_NotImplemented,
                         "No condition protects what may have replaced a null version that is a delete marker.");
    return is_same || has_changed(error, "The version has changed");
}

SUSPENDS static bool has_same_tags(struct remote_key *key, const struct deletion_grounds *grounds, struct error *error)
{
    struct buffer tags;
    char version[VERSION_TEXT_BYTES];
    const struct object_name name = {
        .bucket = key->name.bucket, .key = key->name.key, .version = span_from_string(grounds->version)};
    if (grounds->ignores_tags)
        return true;
    buffer_init(&tags, TAGS_BYTES_MAX);
    bool done = remote_read_tags(&key->shard->remote->base, &name, &tags, version, error);
    bool is_same = done && metadata_is_same(buffer_span(&tags), grounds->tags);
    buffer_free(&tags);
    return is_same || (done ? has_changed(error, "The tags have changed") : false);
}

/* ---- what stands around it ---- */

/* Of the key, from its newest version on. */
static unsigned count_of_key(const struct list_page *page, struct span key)
{
    unsigned count = 0;
    while (count < page->count && span_equal(page->entries[count].key, key))
        count++;
    return count;
}

static bool is_entry(const struct list_entry *entry, const struct deletion_grounds *grounds)
{
    return strcmp(entry->version, grounds->version) == 0;
}

/* Not the current one, not since another time, and below as many noncurrent ones as are asked for. `is_whole`: there
 * are no other entries of the key. */
static bool is_below(const struct list_entry *entries, unsigned count, bool is_whole,
                     const struct deletion_grounds *grounds, struct error *error)
{
    unsigned newer = 0;
    for (unsigned i = 0; i < count; i++) {
        if (!is_entry(&entries[i], grounds)) {
            newer += !entries[i].is_latest;
            continue;
        }
        if (entries[i].is_latest || entries[i].superseded_ms != grounds->superseded_ms)
            return has_changed(error, "What is newer than the version has changed");
        return newer >= grounds->newer_least || has_changed(error, "Newer versions have gone");
    }
    return (!is_whole && newer >= grounds->newer_least) || has_changed(error, "Versions have gone");
}

static bool is_alone(const struct list_entry *entries, unsigned count, const struct deletion_grounds *grounds,
                     struct error *error)
{
    return (count == 1 && entries[0].is_delete_marker && is_entry(&entries[0], grounds)) ||
           has_changed(error, "Something else has come to the key");
}

/* As few entries of the key as tell it: were the version among them the current one, it would be the first. */
SUSPENDS static bool stands_so(struct remote_key *key, const struct deletion_grounds *grounds, struct error *error)
{
    struct arena arena;
    struct list_page page;
    const struct version_list_request request = {
        .bucket = key->name.bucket, .prefix = key->name.key, .entries_max = grounds->newer_least + 2};
    arena_init(&arena, LIST_ARENA_BYTES);
    bool holds = remote_list_versions(&key->shard->remote->base, &request, &arena, &page, error);
    unsigned count = holds ? count_of_key(&page, key->name.key) : 0;
    if (holds)
        holds = grounds->is_alone
                    ? is_alone(page.entries, count, grounds, error)
                    : is_below(page.entries, count, !page.is_truncated || count < page.count, grounds, error);
    arena_free(&arena);
    return holds;
}

/* ---- all of it ---- */

static bool is_same_bucket(const struct remote_key *key, const struct deletion_grounds *grounds, struct error *error)
{
    struct bucket_info info;
    if (!remote_find_bucket(&key->shard->remote->base, key->name.bucket, &info, error))
        return false;
    return info.creation_id == grounds->creation_id || has_changed(error, "The bucket was made again");
}

SUSPENDS bool remote_is_judged(struct remote_key *key, const struct object_attributes *attributes,
                               const struct deletion_grounds *grounds, struct error *error)
{
    return is_same_bucket(key, grounds, error) &&
           (is_judged(attributes, attributes->modified_ms, grounds) || has_changed(error, "The version has changed"));
}

/* What may be replaced under the name that a deletion gives needs a condition of the backend's. */
static bool is_protected(const struct remote_key *key, const struct delete_item *item, struct error *error)
{
    return remote_names_fixed_version(item) || verdict_holds(&key->shard->remote->verdicts, VERDICT_DELETE_MATCH) ||
           error_set(error, ERROR_UNSUPPORTED, S3_NotImplemented,
                     "The backend compares nothing when it deletes, so that a newer object might be deleted.");
}

SUSPENDS bool remote_grounds_hold(struct remote_key *key, const struct delete_item *item, struct error *error)
{
    const struct deletion_grounds *grounds = item->grounds;
    return is_protected(key, item, error) && is_same_bucket(key, grounds, error) &&
           (item->version.size == 0 || stands_so(key, grounds, error)) && has_same_tags(key, grounds, error) &&
           (remote_names_fixed_version(item) || is_there_still(key, grounds, error));
}
