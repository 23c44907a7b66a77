/* store/remote/uploads/sweep.h -- what is left of uploads, when whoever ended or began them did not tidy up.
 *
 * Any replica sweeps, each for itself: what one has removed, another does not find. Errors end a pass; the next one
 * comes. Times and pace: remote_settings. */
#pragma once

#include "store/remote/uploads/upload.h"

/* One pass over every bucket: removes what is left of uploads that ended sweep_after_ms ago (so long, a Complete whose
 * answer was lost can still ask what became of it), and gives up uploads of the backend that nobody knows. One LIST a
 * thousand uploads, and some hundred requests at most. */
SUSPENDS void uploads_sweep(struct remote *remote);

/* ---- forgotten.c ---- */

/* Uploads of the backend that are older than forgotten_after_ms, were initiated by our own principal, and that no
 * descriptor names: between Create and the descriptor somebody was killed, whose state folder is gone. */
SUSPENDS void uploads_give_up_forgotten(struct remote *remote, struct span bucket);
/* All ids of uploads in the bucket, as text without zeros, UPLOAD_ID_BYTES - 1 each. False: not all of them. */
SUSPENDS bool uploads_list_ids(const struct upload_place *place, struct buffer *ret_ids);
