/* tests/sim/world/damage.h -- spoils bytes: on their way, or where they lie (F21). */
#pragma once

#include "tests/sim/world/objects.h"

/* Cuts the body, empties it, or flips a bit. */
void damage_body(struct buffer *body);
/* A stored object: its bytes, or what the store itself knows of it, its ETag with that or not. */
void damage_object(struct object *object);
/* Of a segment: another sound one under the same key, of the same length or without any batch (412 on foreign bytes).
 * False: it was none. */
bool damage_into_foreign(struct span segment, struct buffer *ret_body);
