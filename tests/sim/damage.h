/* tests/sim/damage.h -- spoils bytes: on their way, or where they lie (F21). */
#pragma once

#include "runtime/base/buffer.h"

/* Cuts the body, empties it, or flips a bit. */
void damage_body(struct buffer *body);
/* Of a segment: another sound one under the same key, that changes nothing (412 on foreign bytes). False: it was none.
 */
bool damage_into_foreign(struct span segment, struct buffer *ret_body);
