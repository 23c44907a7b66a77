/* journal/savings/recount.h -- makes the ledger what the objects of an embedded store add up to.
 *
 * Objects, ledger and spools are compared at one moment, in a snapshot. What the ledger lacks then it lacks ever after:
 * whatever is written meanwhile adds the same to both. So the difference goes into the store's own spool when it is
 * known, in one transaction, with a count that lets no second recount of the same moment in. A crash leaves the ledger
 * as it was, or right. */
#pragma once

#include "journal/savings/ledger.h"
#include "store/embedded/embedded.h"

/* One bucket of which ledger and objects say different things. */
struct ledger_difference {
    struct span bucket;
    uint64_t creation_id;
    struct ledger_amounts rows;
    struct ledger_amounts ledger; /* state and spools */
};
typedef void ledger_difference_found(void *context, const struct ledger_difference *difference);

/* Compares state, spools and rows of a snapshot; calls `found` for each bucket that differs. The state is looked at
 * before anything suspends: it is the one of this moment, or one that had every record of the snapshot which is not in
 * a spool any more. *ret_amounts (appended, encoded): what the ledger lacks. */
SUSPENDS bool ledger_compare(struct bucket_store *snapshot, const struct state *state, ledger_difference_found *found,
                             void *context, struct buffer *ret_amounts, struct error *error);

/* Compares, and adds what the ledger lacks; spools that are cut off (journal/savings/ledger.h) are emptied, and what
 * they held is part of what is added: the sender then closes and removes them. Not while something is in quarantine: it
 * might bring back what the state lacks of such a spool. `state` as the store's journal shows it now, on the
 * journal's shard: records leave the spool by a fiber of that shard, which does not run while the state is looked at.
 * ERROR_CONFLICT: somebody else has recounted meanwhile. */
SUSPENDS bool ledger_recount(struct bucket_store *store, const struct state *state, ledger_difference_found *found,
                             void *context, struct error *error);
