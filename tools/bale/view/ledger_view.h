/* tools/bale/view/ledger_view.h -- what the savings ledger of a folder says: the journal's state and the spools
 * together. */
#pragma once

#include "journal/journal.h"
#include "journal/savings/recount.h"

/* The state of the journal in a store, read once, nothing written: empty where there is no journal yet. */
struct ledger_view;
SUSPENDS struct ledger_view *ledger_view_open(struct bucket_store *store, struct error *error);
SUSPENDS void ledger_view_close(struct ledger_view *view); /* NULL: nothing happens */
const struct state *ledger_view_state(const struct ledger_view *view);
const struct head *ledger_view_head(const struct ledger_view *view); /* NULL: there is no journal yet */

/* Works on a snapshot of the folder, whether or not a server has it open; again with a new one where bodies of the
 * journal were written over meanwhile. */
typedef SUSPENDS bool ledger_work(struct bucket_store *snapshot, const struct ledger_view *view, void *context,
                                  struct error *error);
bool ledger_view_run(const char *folder, ledger_work *work, void *context, struct error *error);

/* Makes the ledger of a folder that no process has open what its objects add up to. */
bool ledger_view_recount(const char *folder, ledger_difference_found *found, void *context, struct error *error);

/* "Bucket b: its objects add up to 3 objects, 10 original and 5 stored bytes; the ledger says 4, 12 and 6." */
void ledger_view_describe(const struct ledger_difference *difference, char *ret_text, size_t capacity);
