/* server/lifecycle/act.h -- carries out what a sweep has judged to be due, and accounts for each.
 *
 * What was judged is compared when it goes (store/bucket.h), in the turn in which rules change (hold.h). Shard 0. */
#pragma once

#include "server/lifecycle/sweep.h"

/* The first `count` of sweep->orders: what has changed, is locked or has failed is accounted for, and stays. False: the
 * sweep is over, or is to be tried again. */
SUSPENDS bool sweep_carry_out(struct lifecycle_sweep *sweep, unsigned count, struct error *error);
/* One that is due by that rule. Errors as above. */
SUSPENDS bool sweep_abort_upload(struct lifecycle_sweep *sweep, const struct upload_info *upload,
                                 const struct lifecycle_rule *rule, struct error *error);
