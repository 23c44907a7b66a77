/* tools/bale/transfer/patience.h -- how long one tries: what may pass is tried ten times one after the other, with
 * pauses from 0.1 to 5 s; an attempt that has brought something begins the count anew. */
#pragma once

#include "runtime/base/error.h"
#include "runtime/fiber/fiber.h"

/* Zeroed: nothing has failed yet. */
struct patience {
    unsigned fruitless;
};

/* After an attempt that failed with *error, and had moved something or not: pauses, and returns true. False: the reason
 * does not pass, or has had its attempts, or the fiber is cancelled; *error says what it was. */
SUSPENDS bool patience_wait(struct patience *patience, bool has_moved, struct error *error);
