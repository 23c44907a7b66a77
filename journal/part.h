/* journal/part.h -- the immutable objects that a head points to: ledgers of folded segments, and layers of state. */
#pragma once

#include "journal/frame.h"
#include "journal/state.h"

/* ---- ledger: the segments that one generation folded, in canonical order ---- */

/* ret_body is emptied. */
bool ledger_encode(const struct part_name *name, const struct segment_key *keys, uint32_t count,
                   struct buffer *ret_body, struct error *error);
/* ret_keys points to memory that the caller frees; NULL when the ledger is empty. */
bool ledger_decode(struct span body, const struct part_name *name, struct segment_key **ret_keys, uint32_t *ret_count,
                   struct error *error);

/* ---- state: entries in the order of their keys ---- */

/* `keep_deleted`: false for the lowest layer, which hides nothing. */
bool state_part_encode(const struct part_name *name, const struct layer *layer, bool keep_deleted,
                       struct buffer *ret_body, struct error *error);
/* Adds to `layer` what is not in it yet, deleted entries as such: call it with the newest part first. */
bool state_part_decode(struct span body, const struct part_name *name, struct layer *layer, struct error *error);
