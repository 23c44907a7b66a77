/* store/embedded/change/ledger_lines.h -- what a transaction has gathered for the ledger and not written yet. */
#pragma once

#include "store/spool.h"

enum { LEDGER_LINES_MAX = 20 };

/* Names point into the changes. */
struct ledger_lines {
    struct spool_amounts lines[LEDGER_LINES_MAX];
    unsigned count;
};
