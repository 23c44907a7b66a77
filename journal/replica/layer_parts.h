/* journal/replica/layer_parts.h -- the state parts of a checkpoint, written and read in slices; private to journal/.
 *
 * A fold writes its changes as the newest layer and merges those below that are not much larger into it, so that each
 * byte is written again only a logarithmic number of times (J43). All are in order, so merging reads two of them from
 * front to back; no table is made. */
#pragma once

#include "journal/format/part.h"
#include "journal/replica/replica.h"

/* Writes into ret_body the part of this name: the changes, and whatever of the head's layers is merged with them; takes
 * those out of the head's layers and notes them as dropped. */
SUSPENDS bool layers_encode(struct journal *journal, const struct part_name *name, const struct layer *changes,
                            struct head *head, struct buffer *ret_body);
/* The state of a checkpoint. `ret_base` is empty at the beginning, and after a failure. */
SUSPENDS bool layers_load(struct journal *journal, const struct head *head, struct layer *ret_base);
