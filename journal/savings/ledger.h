/* journal/savings/ledger.h -- the savings ledger: objects, original and stored bytes of every bucket, summed over the
 * fleet.
 *
 * Three tables of counters in the name space `ledger`: "objects", "original_bytes", "stored_bytes". A key is the name
 * of a bucket, a zero, and the bucket's creation id (u64, little endian): late amounts of a deleted bucket do not enter
 * its successor. Counters wrap and are never clamped: what is shown may be, and must then be marked.
 *
 * Amounts come from the spools of the stores (store/spool.h), record by record. A figure is the counters of a state
 * plus what lies in the spools behind the last record that this state has of each. Read in one go (no call here
 * suspends), it counts every acknowledged write once. */
#pragma once

#include "journal/format/state.h"
#include "store/spool.h"

/* Appends the spool-record op of a record. False: the encoded amounts are damaged (ERROR_DAMAGED). */
bool ledger_put_record(struct buffer *ops, const struct journal_id *spool, uint64_t record, struct span amounts,
                       struct error *error);

/* What the state alone says of a bucket. */
struct ledger_amounts ledger_in_state(const struct state *state, struct span bucket, uint64_t creation_id);

/* ---- sums: amounts by bucket ---- */

/* A zeroed struct is empty. */
struct ledger_sums {
    struct entries entries; /* key of the ledger -> three i64 */
    bool lacks_records;     /* a spool's record was damaged, and is left out */
};

void ledger_sums_free(struct ledger_sums *sums);
void ledger_sums_add(struct ledger_sums *sums, const struct spool_amounts *amounts);
/* Encoded ones, as a record has them. */
bool ledger_sums_add_record(struct ledger_sums *sums, struct span amounts, struct error *error);
/* All that the state counts, deleted buckets included. */
void ledger_sums_add_state(struct ledger_sums *sums, const struct state *state);
/* What waits in the spools and is not in the state yet. */
bool ledger_sums_add_spool(struct ledger_sums *sums, const struct state *state, struct spool *spool,
                           struct error *error);
/* Steps through them: *at starts at 0. False at the end. */
bool ledger_sums_next(const struct ledger_sums *sums, size_t *at, struct spool_amounts *ret_amounts);
/* The state lacks records that this spool has no more: it will never take the rest. So it is after a restore of the
 * journal from an older head, and where another process, with a copy of the disk, has drained and closed the spool long
 * ago; a recount ends it (journal/savings/recount.h). Of a spool without records that is not in the state nobody can
 * tell: it was closed, as a rule. */
bool ledger_spool_is_cut_off(const struct state *state, const struct spool_info *info);
/* Another process has drained and closed this spool, not more than L generations ago: all of it counts. */
bool ledger_spool_was_closed(const struct state *state, const struct spool_info *info);
struct ledger_amounts ledger_sums_find(const struct ledger_sums *sums, struct span bucket, uint64_t creation_id);

/* Appends, encoded, what must be added to `counted` to make it `wanted`: nothing when they agree. */
void ledger_sums_difference(const struct ledger_sums *wanted, const struct ledger_sums *counted,
                            struct buffer *ret_amounts);
