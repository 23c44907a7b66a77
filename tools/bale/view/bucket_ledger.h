/* tools/bale/view/bucket_ledger.h -- the savings ledger of a fleet before a bucket: read, and counted anew beside it.
 *
 * The journal has what every process has sent, which is what was acknowledged a second ago. A recount lists the bucket
 * and looks at each object. It corrects a bucket only when the ledger has said the same of it before and some seconds
 * after: then nothing was written meanwhile whose amounts were on their way, and the difference is right. */
#pragma once

#include "journal/savings/savings.h"
#include "server/config/config.h"
#include "tools/bale/view/ledger_view.h"

/* `bucket` NULL: all of them. ret_savings is savings_free'd by the caller. */
bool bucket_ledger_read(const struct config *where, const char *bucket, struct savings *ret_savings,
                        struct error *error);
/* Calls `found` for each bucket that was corrected. ERROR_BUSY: one is being written to all the time, or somebody else
 * recounts; the others are corrected. */
bool bucket_ledger_recount(const struct config *where, const char *bucket, ledger_difference_found *found,
                           void *context, struct error *error);
