/* store/remote/verdicts/kept.h -- the verdicts as they are kept in the home bucket, under `.bale/backend`, for every
 * process that has it as its backend. */
#pragma once

#include "store/remote/store.h"
#include "store/remote/verdicts/verdicts.h"

/* *ret_found false: nobody has tested yet, or an older Bale did. False: the backend failed. */
SUSPENDS bool kept_verdicts_load(struct remote *remote, struct verdicts *ret_verdicts, bool *ret_found,
                                 struct error *error);

/* Replaces what is kept, also while another process does. Unless `forgets_races`, the verdicts lose what those that are
 * kept have lost in a race (verdicts_keep_lost_races). */
SUSPENDS bool kept_verdicts_save(struct remote *remote, struct verdicts *verdicts, bool forgets_races,
                                 struct error *error);
