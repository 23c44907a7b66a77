/* store/embedded/change/ledger_batch.h -- the store's spool (store/spool.h): what each commit adds to the savings
 * ledger, in that commit.
 *
 * A transaction gathers what its changes add, by bucket, and writes it once: one row for each bucket that it touched,
 * in the open record of the store's own spool. System buckets (names that begin with '.') and uncounted objects add
 * nothing, and a raw folder (embedded.h) has no ledger at all. Tables (docs/store-format.md has the bytes):
 *
 *   spools         id -> created, last frozen record
 *   spool_records  id, record, bucket's number -> amounts, bucket's name
 *   meta           `ledger`: the rows have been counted, from here on commits do it; `recounts`: how many corrections;
 *                  `ledger_doubt`: rows were lost to damage since the last one */
#pragma once

#include "store/embedded/change/batch.h"

/* ---- in the committer's transaction; false: the batch is broken ---- */

bool ledger_add(struct batch *batch, struct span bucket, uint64_t creation_id, const struct ledger_amounts *amounts,
                struct error *error);
/* All of them, encoded as in a record. */
bool ledger_add_all(struct batch *batch, struct span encoded, struct error *error);
bool ledger_write(struct batch *batch, struct error *error);

bool ledger_freeze(struct batch *batch, struct change *change, struct error *error);
bool ledger_trim(struct batch *batch, struct change *change, struct error *error);
bool ledger_remove(struct batch *batch, struct change *change, struct error *error);
bool ledger_doubt(struct batch *batch, struct change *change, struct error *error);
bool ledger_correct(struct batch *batch, struct change *change, struct error *error);

/* Before the first change (ledger_start.c): damaged rows of spools are dropped, for which the ledger is in doubt; open
 * records that are found are frozen; the rows of a folder without ledger are counted. */
bool ledger_start(struct embedded_store *store, struct batch_numbers *numbers, struct buffer *scratch,
                  struct error *error);
