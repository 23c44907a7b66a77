/* journal/replica/window.h -- what is listed in the window of bases that may be live, and the bodies of it; private to
 * journal/. */
#pragma once

#include "journal/replica/replica.h"

struct window_listing {
    struct segment_key *keys; /* in order */
    size_t count, capacity;
    unsigned pages;
};

/* Everything that may be live under the head that is known. `ret` is zeroed, or freed, before. Not STORE_DONE: the
 * store did not answer, or cannot list for damage; what came is kept. */
SUSPENDS enum store_answer window_list(struct journal *journal, struct store_page *page, struct window_listing *ret);
void window_listing_free(struct window_listing *listing);
bool window_lists(const struct window_listing *listing, const struct segment_key *key);

/* Has it no body yet, or a damaged one, which is read once more? */
bool window_wants(const struct tail_segment *item); /* NULL: no */

struct window_fetched {
    bool all_read; /* each is here, or gone, or has been found damaged often enough */
    bool some_gone;
};

/* For whom: a tick tries each body once; what it finds gone counts as not seen by any listing. A fold tries more often,
 * and marks nothing: beside it a tick may have the body on its way, under a listing of its own that showed it. */
enum window_reader { READS_FOR_TICK, READS_FOR_FOLD };

/* Reads the bodies of those keys that are in the tail and wanted. Those that are damaged are read once: it may have
 * been the way here, or somebody has mended them. In what order they come does not matter: the view is made in that of
 * the tail. Whoever waits here keeps the keys. */
SUSPENDS struct window_fetched window_fetch(struct journal *journal, const struct journal_id *lineage,
                                            const struct segment_key *keys, size_t count, enum window_reader reader);
