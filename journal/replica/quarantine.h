/* journal/replica/quarantine.h -- segments that could not be read, kept aside until an operator releases them (J39).
 *
 * The op `release` of a segment's key resolves it, in the first fold after the one that took the op: is the segment
 * good now, it is folded there, under its key; is it not, it is given up when its base has left the window, so that
 * nobody can fold it any more. Until then the key stays, and cleanup leaves the object alone. Private to journal/. */
#pragma once

#include "journal/replica/replica.h"

struct released {
    struct segment_key key;
    bool is_read;     /* it is good, or was damaged or absent in every reading */
    bool is_good;     /* of this lineage, too */
    bool is_released; /* in the state that the fold begins with */
    struct buffer body;
    struct segment segment;
};

struct released_list {
    struct released *items;
    size_t count;
};

/* Does a release wait to be resolved? */
bool quarantine_has_work(const struct journal *journal);
/* Reads the segments in quarantine that an op releases. */
SUSPENDS void quarantine_read_released(struct journal *journal, struct released_list *ret_list);
void released_list_free(struct released_list *list);
struct released *released_find(const struct released_list *list, const struct segment_key *key);
/* What the base of a fold says of them. */
void quarantine_mark_released(struct released_list *list, const struct state *base);
/* Takes what is resolved out of the next head. The releases stay in the state for L generations, as batch ids do: so
 * what a fold makes of the state follows from what it folded alone, and a warm replica can repeat it. */
void quarantine_settle(const struct released_list *list, struct head *head);
