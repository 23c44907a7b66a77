/* store/remote/write/place.h -- which storage class the backend is told of an object that is written, when clients are
 * told another one perhaps.
 *
 * What --class names goes where that says (remote_settings.places). What is small would be billed as more than it is in
 * some classes, and stays in STANDARD. Any other class that a client asks for is the backend's own where it keeps that
 * (VERDICT_CLASS_...), else a name. What nobody asked a class for goes to remote_settings.default_class. */
#pragma once

#include "store/remote/store.h"

/* Of an object that is not known yet to be small. */
#define PLACE_BYTES_UNKNOWN UINT64_MAX

/* Of a new object: `shown` is the class that clients are to see ("STANDARD": none was asked for), `stored_bytes` what
 * it takes. Empty: the backend is told none. The text outlives the store's shards. */
struct span place_choose(const struct remote *remote, struct span shown, uint64_t stored_bytes);
/* Of one that is written again, and lies in `now` (empty: STANDARD): it stays there unless it goes to a class that has
 * a place. */
struct span place_choose_again(const struct remote *remote, struct span now, struct span shown_before,
                               struct span shown, uint64_t stored_bytes);
/* What the stamp says of the class, beside that place. */
void place_note(struct span place, struct span shown, char ret_storage_class[STORAGE_CLASS_BYTES]);

/* True: --class places objects where the backend cannot be seen to keep them; the sentence says where. */
bool place_is_lacking(const struct remote *remote, struct error *ret_reason);
/* Is the backend known to keep this class? */
bool place_is_kept(const struct remote *remote, const struct storage_class *class);
