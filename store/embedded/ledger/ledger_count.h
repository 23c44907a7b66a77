/* store/embedded/ledger/ledger_count.h -- what the ledger should say, by the rows of all objects. */
#pragma once

#include "store/embedded/catalogue/catalogue.h"

/* What the rows of each bucket add up to, encoded as in a record; damaged rows are left out. */
bool ledger_count(MDB_txn *txn, const struct catalogue *catalogue, struct buffer *ret_amounts, struct error *error);
