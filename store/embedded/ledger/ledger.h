/* store/embedded/ledger/ledger.h -- the store's spool (store/spool.h): what each commit adds to the savings ledger, in
 * that commit.
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

#include "store/embedded/catalogue/catalogue.h"
#include "store/spool.h"

struct batch;
struct batch_numbers;
struct change;
struct embedded_store;

enum { LEDGER_LINES_MAX = 32, SPOOL_RECORD_KEY_BYTES = SPOOL_ID_BYTES + 8 + 8 };

/* What a transaction has gathered and not written yet. Names point into the changes. */
struct ledger_lines {
    struct spool_amounts lines[LEDGER_LINES_MAX];
    unsigned count;
};

/* Its objects are Bale's own: the journal's. No client can name it. */
static inline bool ledger_is_system_bucket(struct span bucket)
{
    return bucket.size > 0 && bucket.data[0] == '.';
}

/* ---- in the committer's transaction; false: the batch is broken ---- */

bool ledger_add(struct batch *batch, struct span bucket, uint64_t creation_id, const struct ledger_amounts *amounts,
                struct error *error);
/* All of them, encoded as in a record. */
bool ledger_add_all(struct batch *batch, struct span encoded, struct error *error);
bool ledger_write(struct batch *batch, struct error *error);

bool ledger_freeze(struct batch *batch, struct change *change, struct error *error);
bool ledger_trim(struct batch *batch, struct change *change, struct error *error);
bool ledger_remove(struct batch *batch, struct change *change, struct error *error);
bool ledger_correct(struct batch *batch, struct change *change, struct error *error);

/* Before the first change (ledger_start.c): damaged rows of spools are dropped, for which the ledger is in doubt; open
 * records that are found are frozen; the rows of a folder without ledger are counted. */
bool ledger_start(struct embedded_store *store, struct batch_numbers *numbers, struct buffer *scratch,
                  struct error *error);

/* ---- rows of the tables ---- */

struct spool_row {
    int64_t created_ms;
    uint64_t last_frozen;
};
enum lookup spool_find(MDB_txn *txn, const struct catalogue *catalogue, const uint8_t id[SPOOL_ID_BYTES],
                       struct spool_row *ret_row, struct error *error);
bool spool_put(MDB_txn *txn, const struct catalogue *catalogue, const uint8_t id[SPOOL_ID_BYTES],
               const struct spool_row *row, struct error *error);
bool spool_decode_amounts(struct span key, struct span value, struct spool_amounts *ret_amounts);
/* The first record at or behind `record` that has amounts; *ret_record 0: none. */
bool spool_first_record(MDB_txn *txn, const struct catalogue *catalogue, const uint8_t id[SPOOL_ID_BYTES],
                        uint64_t record, uint64_t *ret_record, struct error *error);
/* Calls `each` with every bucket's amounts in a record. */
typedef bool spool_each(void *context, const struct spool_amounts *amounts);
bool spool_each_bucket(MDB_txn *txn, const struct catalogue *catalogue, const uint8_t id[SPOOL_ID_BYTES],
                       uint64_t record, spool_each *each, void *context, struct error *error);

/* ledger_count.c: what the rows of each bucket add up to, encoded as in a record; damaged rows are left out. */
bool ledger_count(MDB_txn *txn, const struct catalogue *catalogue, struct buffer *ret_amounts, struct error *error);
