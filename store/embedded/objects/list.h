/* store/embedded/objects/list.h -- what lists of objects, of versions and of uploads have in common. */
#pragma once

#include "store/bucket.h"
#include "store/embedded/catalogue/key_path.h"

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

/* What a page tells of an object or a version; the owner is copied into the arena. ERROR_BUSY. */
bool list_tell_attributes(struct list_entry *entry, const struct object_attributes *attributes, struct arena *arena,
                          struct error *error);
/* The arena is full: SlowDown. Returns false. */
bool list_no_memory(struct error *error);
/* Whatever a list fails with has a code. Returns `succeeded`. */
bool list_ended(bool succeeded, struct error *error);
