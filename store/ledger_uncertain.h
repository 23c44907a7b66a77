/* store/ledger_uncertain.h -- changes of which nobody knows whether they happened, in the savings ledger.
 *
 * They are counted like amounts, so that they reach the fleet's ledger as those do: amounts under this creation id,
 * which no bucket has, are none of the bucket's objects; their `objects` says how many such changes there were since
 * somebody counted the bucket anew. */
#pragma once

#include <stdint.h>

#define LEDGER_UNCERTAIN_ID UINT64_MAX
