/* journal/savings/uncertain.h -- changes of which nobody knows whether they happened (store/ledger_uncertain.h), among
 * the sums of a ledger. */
#pragma once

#include "journal/savings/savings.h"
#include "store/ledger_uncertain.h"

/* Are these no amounts, but a number of such changes? */
static inline bool ledger_is_uncertain(const struct spool_amounts *amounts)
{
    return amounts->creation_id == LEDGER_UNCERTAIN_ID;
}

/* Into the rows of their buckets, and the total. After savings_finish; a bucket without a row is passed over. */
void savings_add_uncertain(struct savings *savings, const struct ledger_sums *sums);
