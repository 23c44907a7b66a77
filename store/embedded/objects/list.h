/* store/embedded/objects/list.h -- what lists of objects, of versions and of uploads have in common. */
#pragma once

#include "store/bucket.h"
#include "store/embedded/catalogue/key_path.h"
#include "store/veil.h"

/* How much of the key is its common prefix; 0: it has none. The key starts with `prefix`. */
size_t list_common_prefix_bytes(struct span prefix, struct span delimiter, struct span key);
/* To the first key behind everything that starts with `prefix`. */
enum lookup list_seek_behind(struct key_cursor *cursor, struct span prefix, struct error *error);

/* What a page is of. */
struct list_range {
    struct span prefix;
    struct span delimiter;
    struct span after;      /* keys behind it; empty: from the beginning */
    bool is_after_included; /* that key, too: there is more of it */
};
/* To the first key of the page. */
enum lookup list_seek_first(struct key_cursor *cursor, const struct list_range *range, struct error *error);

/* Entries of a page whose hashes are shown together (store/veil.h): their seals lie in rows, which stay as they are
 * while the page's transaction is open. */
struct list_veiled {
    const struct veil *veil; /* NULL: there are no keys */
    size_t count;
    struct veiled_entry entries[VEILED_ENTRIES_MAX];
};
/* Shows those that are not shown yet: at the end of each page. */
void list_lift_veil(struct list_veiled *veiled);

/* Where what a page tells goes beside its entries. */
struct list_room {
    struct arena *arena;
    struct list_veiled *veiled;
};
/* What a page tells of an object or a version; the owner is copied into the arena, and the hashes of an encrypted
 * object are there after list_lift_veil. ERROR_BUSY. */
bool list_tell_attributes(struct list_entry *entry, const struct object_attributes *attributes,
                          const struct list_room *room, struct error *error);
/* The arena is full: SlowDown. Returns false. */
bool list_no_memory(struct error *error);
/* Whatever a list fails with has a code. Returns `succeeded`. */
bool list_ended(bool succeeded, struct error *error);
