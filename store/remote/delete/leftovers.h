/* store/remote/delete/leftovers.h -- what lies in the backend and belongs to nothing any more: S4's sidecars of objects
 * that are gone (remote.h).
 *
 * Whoever deletes an object past S4 and Bale leaves its KEY.s4index behind, and so does whoever replaces it. It is a
 * leftover if nothing is called KEY, or if that was written later, is no longer young, and has another ETag than the
 * index is bound to; and if its bytes really are such an index, for a client of another server may call a file so. All
 * is asked again right before it is removed, and where the backend compares ETags when it deletes, it does. What S4
 * writes in the moment between is lost where it does not: an index, which costs readers time and no data. There a
 * request whose answer was lost is not sent again before all has been asked once more. */
#pragma once

#include "store/remote/remote.h"
