/* journal/savings/savings.h -- the savings ledger as people and programs read it: a row for each bucket, and their
 * total.
 *
 * Rows are by name and in the order of names: what the ledger keeps apart (a bucket, and earlier ones of its name) is
 * summed. Figures are as they are counted, also negative ones; readers see that something is wrong. */
#pragma once

#include "journal/savings/ledger.h"

struct savings_row {
    char bucket[BUCKET_NAME_BYTES_MAX + 1];
    struct ledger_amounts amounts;
    uint64_t
        uncertain; /* changes of which nobody knows whether they happened: none on a store that commits both in one */
};

/* A zeroed struct is empty. */
struct savings {
    struct savings_row *rows;
    size_t count;
    size_t capacity;
    struct savings_row total; /* its bucket is empty */
};

void savings_free(struct savings *savings);
void savings_add(struct savings *savings, struct span bucket, const struct ledger_amounts *amounts);
void savings_add_sums(struct savings *savings, const struct ledger_sums *sums);
/* Sorts, sums what has one name; afterwards nothing is added. */
void savings_finish(struct savings *savings);

/* {"buckets":[{"bucket":"b","objects":1,"original_bytes":2,"stored_bytes":1,"uncertain":0}],"total":{"objects":1,...}}
 * and a newline. */
void savings_put_json(const struct savings *savings, struct buffer *text);
