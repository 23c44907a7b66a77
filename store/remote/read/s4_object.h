/* store/remote/read/s4_object.h -- objects that S4 wrote: their sidecars, and sizes that were never recorded. */
#pragma once

#include "store/remote/store.h"

/* Finds the original size of an S4 object whose metadata have none, from its sidecar, else by a walk over the headers
 * of its frames. Others are left alone. Where that fails the size stays unknown: only the backend's failures are
 * errors. */
SUSPENDS bool s4_object_complete(struct remote_key *key, struct remote_state *state, struct error *error);

/* Appends `<key>.s4index`, if it is bound to just this revision of the object; nothing when there is none. */
SUSPENDS bool s4_object_read_sidecar(struct remote_key *key, const struct remote_state *state,
                                     struct buffer *ret_sidecar, struct error *error);

/* Writes it; a key that is too long for one is left without. */
SUSPENDS bool s4_object_write_sidecar(struct remote_key *key, struct span sidecar, struct error *error);

/* Could the object have a sidecar, which must go when it is replaced or deleted? */
bool s4_object_may_have_sidecar(const struct remote_key *key);
/* Removes it; nothing depends on that. */
SUSPENDS void s4_object_remove_sidecar(struct remote_key *key);
