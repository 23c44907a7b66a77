/* store/embedded/ledger/ledger_spool.h -- the store's spool, as everybody else uses it (store/spool.h). */
#pragma once

#include "store/spool.h"

extern const struct spool_operations spool_operations;
