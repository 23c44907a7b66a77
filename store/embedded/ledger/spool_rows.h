/* store/embedded/ledger/spool_rows.h -- rows of the tables `spools` and `spool_records` (docs/store-format.md has the
 * bytes). */
#pragma once

#include "store/embedded/catalogue/catalogue.h"
#include "store/spool.h"

enum { SPOOL_RECORD_KEY_BYTES = SPOOL_ID_BYTES + 8 + 8 };

/* Its objects are Bale's own: the journal's. No client can name it. */
static inline bool ledger_is_system_bucket(struct span bucket)
{
    return bucket.size > 0 && bucket.data[0] == '.';
}

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
void spool_record_key(const uint8_t id[SPOOL_ID_BYTES], uint64_t record, uint64_t creation_id,
                      uint8_t ret_key[SPOOL_RECORD_KEY_BYTES]);
bool spool_write_amounts(MDB_txn *txn, const struct catalogue *catalogue, struct span key,
                         const struct spool_amounts *amounts, struct error *error);
/* All up to and with `last`. */
bool spool_delete_records(MDB_txn *txn, const struct catalogue *catalogue, const uint8_t id[SPOOL_ID_BYTES],
                          uint64_t last, struct error *error);
/* Returns false. */
bool spool_damaged(struct error *error);
