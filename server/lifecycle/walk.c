/* server/lifecycle/walk.c -- judges the entries of pages, one after the other. */
#include "server/lifecycle/walk.h"

#include "runtime/base/assert.h"
#include "server/s3/request/names.h"
#include "store/object_lock.h"

#include <string.h>

static struct span cursor_key(const struct lifecycle_cursor *cursor)
{
    return span_of(cursor->key, cursor->key_size);
}

struct lifecycle_version lifecycle_version_of(const struct list_entry *entry)
{
    return (struct lifecycle_version){
        .key = entry->key,
        .is_current = entry->is_latest,
        .is_marker = entry->is_delete_marker,
        .is_null = strcmp(entry->version, "null") == 0,
        .size = entry->original_size,
        .modified_ms = entry->modified_ms,
        .superseded_ms = entry->superseded_ms,
        .tags = entry->tags,
        .storage_class = entry->storage_class,
    };
}

/* Behind it the walk goes on; behind all of its key, when nothing more comes of that. */
static void begin_entry(struct lifecycle_cursor *cursor, const struct list_entry *entry, bool is_followed)
{
    if (!span_equal(cursor_key(cursor), entry->key)) {
        ASSERT(entry->key.size <= sizeof cursor->key);
        memcpy(cursor->key, entry->key.data, entry->key.size);
        cursor->key_size = entry->key.size;
        cursor->newer_kept = 0;
    }
    cursor->version[0] = '\0';
    if (is_followed)
        memcpy(cursor->version, entry->version, sizeof cursor->version);
    cursor->modified_ms = entry->modified_ms;
}

/* A marker may be put over any version; and where there are locks, that is what becomes of a current one. */
static bool is_held(const struct lifecycle_walk *walk, const struct list_entry *entry,
                    const struct lifecycle_verdict *verdict)
{
    return verdict->action == LIFECYCLE_REMOVE_VERSION && object_lock_binds(&entry->lock, walk->now_ms, false);
}

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

bool lifecycle_walk_entry(struct lifecycle_walk *walk, const struct list_entry *entry, bool is_followed,
                          struct lifecycle_verdict *ret_verdict)
{
    begin_entry(&walk->cursor, entry, is_followed);
    if (object_key_is_reserved(entry->key)) {
        *ret_verdict = (struct lifecycle_verdict){.next_ms = INT64_MAX};
        return false;
    }
    struct lifecycle_version version = lifecycle_version_of(entry);
    version.is_alone = entry->is_latest && !is_followed;
    version.newer_kept = walk->cursor.newer_kept;
    bool acts = lifecycle_judge(walk->plan, &version, walk->now_ms, ret_verdict);
    if (acts && is_held(walk, entry, ret_verdict)) {
        walk->locked++;
        acts = false;
    }
    bool stays = !acts || ret_verdict->action == LIFECYCLE_MOVE;
    if (stays) { /* what moves may be due for more at the next midnight: its date has come, so it is looked at then */
        walk->next_ms = least(walk->next_ms, ret_verdict->next_ms);
        walk->cursor.newer_kept += !entry->is_latest;
    }
    walk->kept += !acts;
    return acts;
}

static bool is_same_key(const struct list_entry *a, const struct list_entry *b)
{
    return span_equal(a->key, b->key);
}

/* How many entries of the page are judged. Of a truncated one not the last: what it is decides what the one before it
 * is followed by. Nor a null version in the midst of its key: were it gone, no page could begin behind it. */
static unsigned count_judged(const struct list_page *page)
{
    unsigned count = page->count;
    if (!page->is_truncated)
        return count;
    ASSERT(count >= LIFECYCLE_PAGE_ENTRIES_MIN);
    count--;
    const struct list_entry *last = &page->entries[count - 1];
    bool is_null = strcmp(last->version, "null") == 0;
    return is_null && is_same_key(last, last + 1) ? count - 1 : count;
}

unsigned lifecycle_walk_page(struct lifecycle_walk *walk, const struct list_page *page,
                             struct lifecycle_order *ret_orders)
{
    unsigned orders = 0;
    unsigned count = count_judged(page);
    for (unsigned i = 0; i < count; i++) {
        const struct list_entry *entry = &page->entries[i];
        bool is_followed = i + 1 < page->count && is_same_key(entry, entry + 1);
        if (lifecycle_walk_entry(walk, entry, is_followed, &ret_orders[orders].verdict))
            ret_orders[orders++].entry = entry;
    }
    return orders;
}
