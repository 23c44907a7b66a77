/* store/remote/uploads/straight.h -- parts that go straight into the backend's upload, because they come in order.
 *
 * A part becomes an object of its own, which Complete has the backend copy; or, if it is small, reads and sends once
 * more. Neither is needed when it is known what lies left of it: then it goes into the backend's upload at once, under
 * its own number, and the small pieces that wait directly left of it go in front, from memory (followed.h). Parts in an
 * upload cannot be read back. So one goes there only when its left neighbour ends a stored part, or is large enough to
 * be one; and the small pieces stay objects as well, for they may be sent again.
 *
 * Of all replicas, one shard sends parts straight to an upload: it has made the record `straight`, which can be made
 * once. A number is sent to by nobody else and only once, so what was acknowledged is not written over by a late
 * attempt of a replica that was killed. When the shard is gone, or parts come in another order, or through another
 * shard, parts become objects of their own as before. */
#pragma once

#include "store/remote/uploads/followed.h"

/* May the part go straight, whose body the writer has? Then it is sent, `facts` say where it is, and *ret_upload is to
 * be given to straight_sent, when the part has its name or could not get it. True with *ret_upload NULL: it becomes an
 * object. False: it was sent, and that failed. */
SUSPENDS bool straight_send(struct remote_writer *writer, const struct upload_place *place, struct part_facts *facts,
                            struct followed_upload **ret_upload, struct error *error);
void straight_sent(struct remote_shard *shard, struct followed_upload *upload, bool is_named);
