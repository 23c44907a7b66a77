/* store/remote/lists/page.h -- from the backend's pages to the one that a client sees: what is hidden, where to go on,
 * whether more follows. Decisions, without any I/O.
 *
 * The backend is asked for what lies behind a key, never by its own tokens, so that ours can hold keys and any replica
 * can go on. Reserved names are dropped, and folders of them stepped over at once; a common prefix that hides nothing
 * but reserved names is not shown. Keys here are those of clients: without the prefix of the home bucket. */
#pragma once

#include "runtime/base/buffer.h"
#include "store/bucket.h"

/* What the backend listed, in key order. */
struct listed {
    struct span key;
    bool is_prefix;
    unsigned source; /* which entry of the backend's page */
};

enum listed_fate {
    LISTED_SHOWN,
    LISTED_HIDDEN,
    LISTED_DOUBTFUL, /* a common prefix under which there may be reserved names only: look whether there are others */
};
/* `after`: what the client has seen last; `last_prefix`: the common prefix that was met last, shown or not. */
enum listed_fate listed_decide(const struct listed *listed, struct span after, struct span last_prefix);

/* Sorts by key; entries of one key, its versions, stay in the order in which they came. */
void listed_sort(struct listed *entries, unsigned count);

/* Where the next request goes on, behind this entry: appends the key. */
void listed_behind(const struct listed *listed, struct buffer *ret_after);

/* How many entries are asked for when this many are still wanted: some more, so that what is hidden does not make a
 * page look cut. */
unsigned listed_ask(unsigned wanted);
