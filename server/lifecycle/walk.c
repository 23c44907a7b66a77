/* server/lifecycle/walk.c -- judges the entries of pages, one after the other. */
#include "server/lifecycle/walk.h"

#include "runtime/base/assert.h"
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
        .size = entry->original_size,
        .modified_ms = entry->modified_ms,
        .superseded_ms = entry->superseded_ms,
        .tags = entry->tags,
    };
}

static void begin_key(struct lifecycle_cursor *cursor, struct span key)
{
    ASSERT(key.size <= sizeof cursor->key);
    memcpy(cursor->key, key.data, key.size);
    cursor->key_size = key.size;
    cursor->newer_kept = 0;
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

/* True: it has an order. */
static bool judge_entry(struct lifecycle_walk *walk, const struct list_entry *entry, bool is_alone,
                        struct lifecycle_verdict *ret_verdict)
{
    struct lifecycle_cursor *cursor = &walk->cursor;
    if (!span_equal(cursor_key(cursor), entry->key))
        begin_key(cursor, entry->key);
    memcpy(cursor->version, entry->version, sizeof cursor->version);
    struct lifecycle_version version = lifecycle_version_of(entry);
    version.is_alone = is_alone;
    version.newer_kept = cursor->newer_kept;
    bool acts = lifecycle_judge(walk->plan, &version, walk->now_ms, ret_verdict);
    if (acts && is_held(walk, entry, ret_verdict)) {
        walk->locked++;
        acts = false;
    }
    walk->judged++;
    if (acts)
        return true;
    walk->next_ms = least(walk->next_ms, ret_verdict->next_ms);
    cursor->newer_kept += !entry->is_latest;
    return false;
}

unsigned lifecycle_walk_page(struct lifecycle_walk *walk, const struct list_page *page,
                             struct lifecycle_order *ret_orders)
{
    unsigned orders = 0;
    for (unsigned i = 0; i < page->count; i++) {
        const struct list_entry *entry = &page->entries[i];
        bool is_last = i + 1 == page->count;
        if (is_last && page->is_truncated && entry->is_latest && entry->is_delete_marker) {
            ASSERT(i > 0);
            break;
        }
        bool is_alone = entry->is_latest && (is_last || !span_equal(entry->key, entry[1].key));
        struct lifecycle_order *order = &ret_orders[orders];
        if (!judge_entry(walk, entry, is_alone, &order->verdict))
            continue;
        order->entry = entry;
        orders++;
    }
    return orders;
}
