/* store/remote/ledger/amounts.h -- sums of the savings ledger by bucket: few lines, in memory, and as a record of a
 * spool has them. Not shared between threads. */
#pragma once

#include "runtime/base/buffer.h"
#include "store/spool.h"

/* A zeroed struct is empty. */
struct amounts_table {
    struct amounts_line {
        char bucket[BUCKET_NAME_BYTES_MAX + 1];
        uint64_t creation_id;
        struct ledger_amounts amounts;
    } * lines;
    unsigned count;
    unsigned capacity;
};

void amounts_table_free(struct amounts_table *table);
/* False: it has SPOOL_RECORD_BUCKETS_MAX lines and none for this bucket. */
bool amounts_table_add(struct amounts_table *table, struct span bucket, uint64_t creation_id,
                       const struct ledger_amounts *amounts);
/* One more change of the bucket is uncertain (store/ledger_uncertain.h). */
bool amounts_table_add_uncertain(struct amounts_table *table, struct span bucket);
/* Moves all of `from`, which is empty then, into `to`. What finds no line makes the first one of `to` uncertain. */
void amounts_table_move(struct amounts_table *to, struct amounts_table *from);
bool amounts_table_is_zero(const struct amounts_table *table);

/* Appends the lines that are not zero (spool_put_amounts), and adds such; false: the bytes are damaged. */
void amounts_table_encode(const struct amounts_table *table, struct buffer *ret_encoded);
bool amounts_table_add_encoded(struct amounts_table *table, struct span encoded);
