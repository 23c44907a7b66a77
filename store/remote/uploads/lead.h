/* store/remote/uploads/lead.h -- parts that nearly reach the smallest stored part, one after the other: which bytes of
 * those before they bring along.
 *
 * A part that shrinks to nearly 5 MiB cannot be copied into the backend's upload: it is too small. Sending each second
 * one again, in front of the next, would send half of all bytes twice. Less goes twice when stored parts end *within*
 * parts of the client. So a part's object may begin with a *lead*, the last bytes of the piece before, from memory:
 * 5 MiB of the object can be copied then, and what remains of the part is the lead of the next one.
 *
 *     pieces          A          B            C            D           E
 *     objects     [   A   ]
 *                 [   A       |  B        ]
 *                                  [ b    |   C        ]
 *                                              [   c   |   D       ]
 *     copied      |- - - - - - - - |- - - - - -|- - - - - - - - - -|
 *
 * From each to the next the lead has to be shorter by what a part lacks of 5 MiB; when there is none left, a part goes
 * alone (E), and is brought along whole by the next one. Nothing goes where it cannot be read: whatever the client
 * sends again or leaves out at Complete, the plan (plan.h) has all pieces, and a lead that is of no use stays unread.
 */
#pragma once

#include "store/remote/uploads/followed.h"

/* So much is left of a part for which it is worth it: below it, less goes in any way. */
enum { LED_BYTES_LEAST = 15 << 18 };

/* What waits of the upload shall be the lead of the part whose body the writer has, instead of going straight with
 * it. */
bool lead_is_better(const struct remote_writer *writer, const struct followed_upload *upload);

/* The upload whose waiting bytes are to be sent in front of the writer's body; facts->before says of them. It is to be
 * given to lead_sent, when the part has its name or could not get it. NULL: no lead. */
struct followed_upload *lead_take(const struct remote_writer *writer, struct part_facts *facts);
/* `name` as in followed_keep. */
void lead_sent(struct remote_writer *writer, struct followed_upload *upload, const struct part_facts *facts,
               struct span name, bool is_named);

/* How many bytes of a part of `bytes` the next one should bring along, when `object_bytes`, lead and all, were sent
 * with it; 0: none. `is_second`: of the upload, whose first part was sent with it once more. */
uint64_t lead_choose(uint64_t bytes, uint64_t object_bytes, bool is_second);
