/* store/embedded/change/batch.h -- one LMDB transaction of the committer, and steps that changes have in common. */
#pragma once

#include "store/embedded/catalogue/key_path.h"
#include "store/embedded/change/ledger_lines.h"
#include "store/embedded/queue/committer.h"
#include "store/embedded/volumes/pin.h"
#include "store/embedded/volumes/space.h"

/* Numbers that are handed out while committing. */
struct batch_numbers {
    uint64_t group; /* the next one, of each */
    uint64_t body;
    uint64_t sidecar;
    uint64_t extents;
    uint64_t pieces;
    uint64_t spool_record;  /* the own spool's open record; 0: the spool has taken no amounts yet */
    uint32_t spool_buckets; /* in that record */
    uint64_t order;         /* the last one that a version got (version_rows.h) */
};

struct batch {
    struct embedded_store *store;
    MDB_txn *txn;
    struct batch_numbers *committed; /* what holds when it fails */
    struct batch_numbers numbers;
    struct key_table keys;
    struct key_memo memo; /* of the change that is being made */
    struct space_change space;
    struct ledger_lines ledger;
    struct release_item *freed; /* bodies that go with it */
    bool is_broken;             /* a write failed half way: the transaction must not be committed */
    bool has_bucket_change;
    uint64_t steps_left; /* parts and uploads that may still be removed: where there is no room for all at once */
    bool is_partial;     /* steps_left was too little: the same change again, in the next transaction, goes on */
};

bool batch_read_numbers(struct embedded_store *store, struct batch_numbers *ret_numbers, struct error *error);

bool batch_begin(struct batch *batch, struct embedded_store *store, struct batch_numbers *numbers,
                 struct buffer *scratch, struct error *error);
/* Either way the batch is over. `freed` is left to the caller after a success. */
bool batch_commit(struct batch *batch, struct error *error);
void batch_abort(struct batch *batch);

/* ---- steps that changes have in common ---- */

struct batch_replaced {
    bool is_lost;   /* nothing is known of it */
    struct row row; /* otherwise: points into the map, and holds until the first write */
    struct ledger_amounts amounts;
};

/* A write failed after others of the same change were made: returns false. */
static inline bool batch_broken(struct batch *batch)
{
    batch->is_broken = true;
    return false;
}
/* The current version; `ret_row` points into the map and holds until the first write. */
enum lookup batch_find_object(struct batch *batch, uint64_t group, struct span key, struct row *ret_row,
                              struct error *error);
/* What a change is about to replace or delete, if its condition (NULL: none) holds; that of LOOKUP_MISSING is nothing.
 * Also something whose row is damaged: then nothing is known of it, its blocks stay taken until `bale check --repair`,
 * and the ledger is in doubt. LOOKUP_FAILED: *error says why it must not go on. */
enum lookup batch_find_replaced(struct batch *batch, const struct change *change, uint64_t group, struct span key,
                                const struct write_condition *condition, struct batch_replaced *ret_replaced,
                                struct error *error);
/* Where they are cannot be read: says in the log that they stay taken. */
void batch_leave_blocks(void);
/* The rows say less than the ledger from now on. */
bool batch_doubt_ledger(struct batch *batch, struct span bucket, struct error *error);
bool batch_put_numbered(struct batch *batch, MDB_dbi table, uint64_t number, struct span value, struct error *error);
/* A body that is not in pieces: takes its blocks; *ret_number is set where it has one. */
bool batch_put_body(struct batch *batch, enum body_place place, struct span body, struct span extents,
                    uint64_t *ret_number, struct error *error);
bool batch_put_sidecar(struct batch *batch, struct span sidecar, uint64_t *ret_number, struct error *error);
