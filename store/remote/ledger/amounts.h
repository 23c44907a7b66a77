/* store/remote/ledger/amounts.h -- sums of the savings ledger by bucket, in memory and as records of a spool have them:
 * as many lines as there are buckets, found by a hash. Not shared between threads. */
#pragma once

#include "runtime/base/buffer.h"
#include "store/spool.h"

/* What objects add up to, as former versions. */
static inline void ledger_amounts_add_former(struct ledger_amounts *sum, const struct ledger_amounts *objects)
{
    const struct ledger_amounts former = {.former_versions = objects->objects,
                                          .former_original_bytes = objects->original_bytes,
                                          .former_stored_bytes = objects->stored_bytes};
    ledger_amounts_add(sum, &former);
}

/* A zeroed struct is empty. */
struct amounts_table {
    struct amounts_line {
        char bucket[BUCKET_NAME_BYTES_MAX + 1];
        uint64_t creation_id;
        struct ledger_amounts amounts;
    } * lines;
    unsigned count;
    unsigned capacity;
    unsigned *places; /* of each hash value, a line's number from 1 on; twice as many as lines there is memory for */
};

void amounts_table_free(struct amounts_table *table);
void amounts_table_add(struct amounts_table *table, struct span bucket, uint64_t creation_id,
                       const struct ledger_amounts *amounts);
/* One more change of the bucket is uncertain (store/ledger_uncertain.h). */
void amounts_table_add_uncertain(struct amounts_table *table, struct span bucket);
/* Moves all of `from`, which is empty then, into `to`. */
void amounts_table_move(struct amounts_table *to, struct amounts_table *from);
bool amounts_table_is_zero(const struct amounts_table *table);

/* Appends the lines that are not zero (spool_put_amounts). */
void amounts_table_encode(const struct amounts_table *table, struct buffer *ret_encoded);
/* As many lines of that as one record has at most (SPOOL_RECORD_BUCKETS_MAX), off the front. */
struct span amounts_take_record(struct span *encoded);
