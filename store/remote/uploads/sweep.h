/* store/remote/uploads/sweep.h -- what is left of uploads that ended, when whoever ended them did not tidy up. */
#pragma once

#include "store/remote/store.h"

/* Removes what is left of uploads that ended more than 26 hours ago, in every bucket: so long, a Complete whose answer
 * was lost can still ask what became of it. At most some hundred requests; paced by whoever calls it. */
SUSPENDS void uploads_sweep(struct remote *remote);
