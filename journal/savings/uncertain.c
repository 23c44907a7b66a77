/* journal/savings/uncertain.c -- finds the row of each bucket that has uncertain changes. */
#include "journal/savings/uncertain.h"

static struct savings_row *find_row(struct savings *savings, struct span bucket)
{
    for (size_t i = 0; i < savings->count; i++) {
        if (span_equal(span_from_string(savings->rows[i].bucket), bucket))
            return &savings->rows[i];
    }
    return NULL;
}

void savings_add_uncertain(struct savings *savings, const struct ledger_sums *sums)
{
    struct spool_amounts amounts;
    for (size_t at = 0; ledger_sums_next(sums, &at, &amounts);) {
        struct savings_row *row = ledger_is_uncertain(&amounts) ? find_row(savings, amounts.bucket) : NULL;
        if (row == NULL || amounts.amounts.objects <= 0)
            continue;
        row->uncertain = (uint64_t)amounts.amounts.objects;
        savings->total.uncertain += row->uncertain;
    }
}
