/* store/embedded/change/upload_batch.h -- what changes of uploads do inside the committer's transaction.
 *
 * A part takes its extents when it is put and keeps them through completion: the object that a Complete makes names the
 * same blocks, so nothing is copied, taken or freed but what was replaced or not chosen. */
#pragma once

#include "store/embedded/catalogue/upload_rows.h"
#include "store/embedded/change/batch.h"

bool upload_create(struct batch *batch, struct change *change, struct error *error);
bool upload_put_part(struct batch *batch, struct change *change, struct error *error);
bool upload_complete(struct batch *batch, struct change *change, struct error *error);
bool upload_abort(struct batch *batch, struct change *change, struct error *error);

/* About how much a change of these kinds makes the catalogue grow, beyond the pages on the way to its row. */
uint64_t upload_growth(const struct change *change);

/* Removes every upload of a bucket that goes, or as many as there are steps left. */
bool uploads_free_all(struct batch *batch, uint64_t bucket, struct error *error);
