/* server/lifecycle/walk.h -- a walk over all versions of a bucket, page by page, which says what is to be done with
 * each.
 *
 * It remembers where it is, and nothing else: the last version that it judged, and how many noncurrent versions of that
 * key stay so far. So it goes on from a cursor that was kept, also in the middle of a key with a million versions.
 *
 * What a lock binds stays, and counts as something that stays. Keys that are the server's own (object_key_is_reserved)
 * are not judged. Nothing is changed here: who carries an order out asks
 * again, in the step that does it, whether all that was judged still holds. */
#pragma once

#include "server/lifecycle/evaluate.h"
#include "store/bucket.h"

enum { LIFECYCLE_PAGE_ENTRIES_MIN = 3 };

/* Behind which the walk goes on. */
struct lifecycle_cursor {
    size_t key_size; /* 0: at the beginning */
    uint8_t key[OBJECT_KEY_BYTES_MAX];
    char version[VERSION_TEXT_BYTES]; /* "": behind all of the key */
    int64_t modified_ms;              /* when that version was made */
    unsigned newer_kept;              /* noncurrent versions of the key, up to here, that stay */
};

struct lifecycle_walk {
    const struct lifecycle_plan *plan;
    int64_t now_ms; /* at which is judged */
    struct lifecycle_cursor cursor;
    uint64_t kept;   /* versions and markers that stay */
    uint64_t locked; /* ... for their lock */
    int64_t next_ms; /* before this nothing of what stayed can fall due */
};

/* Something to be done: the entry is the page's. */
struct lifecycle_order {
    const struct list_entry *entry;
    struct lifecycle_verdict verdict;
};

/* What a listing says of a version (version_list_request.wants_grounds). `is_alone` and `newer_kept` are left to who
 * knows what stands around it. */
struct lifecycle_version lifecycle_version_of(const struct list_entry *entry);

/* One entry: moves the cursor to it. `is_followed`: something more of its key comes behind it. True: something is to be
 * done. */
bool lifecycle_walk_entry(struct lifecycle_walk *walk, const struct list_entry *entry, bool is_followed,
                          struct lifecycle_verdict *ret_verdict);
/* Judges a page that begins behind the cursor, and moves the cursor. Orders come in the page's order; there may be as
 * many as entries. Of a truncated page the last entry, and perhaps the one before it, is left to the next one: so a
 * truncated page has LIFECYCLE_PAGE_ENTRIES_MIN entries at least. */
unsigned lifecycle_walk_page(struct lifecycle_walk *walk, const struct list_page *page,
                             struct lifecycle_order *ret_orders);
