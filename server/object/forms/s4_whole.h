/* server/object/forms/s4_whole.h -- a body that S4 encrypted as one message (S4E1 to S4E4), or a chunk of one (S4E5,
 * S4E6), too large to be held: proved first, then read by pieces. A body of one message is one chunk here.
 *
 * Nothing of it may leave before its tag, which stands in front, has proved right over all of it. So it is read twice:
 * from end to end through the cipher, in pieces that are opened and thrown away; then what is wanted, each piece
 * compared with the first reading (s4_proof.h) and decrypted alone, which GCM's counter allows anywhere. A backend that
 * gives other bytes the second time, under whatever ETag, is noticed by the piece.
 *
 * The first reading costs 0.35 ms of a processor for each MiB, 0.23 more for each further key that is tried, in slices,
 * and lasts as long as reading the chunk does; a client waits for its first byte until then. Later ones cost 0.25 ms.
 */
#pragma once

#include "server/object/forms/s4_source.h"

/* Proves the chunk, or finds that this has been done, and which key opens it; it is source->proved then, in place of
 * what was. Takes the source's memory if it has none, and has none while another one's reading is waited for then.
 * Refused as s4_source_begin does. */
SUSPENDS bool s4_whole_prove(struct s4_source *source, const struct s4_chunk *chunk, struct error *error);
/* Loads a piece of it as s4_source.c loads chunks. ERROR_DAMAGED: it is not what was proved. */
SUSPENDS bool s4_whole_load(struct s4_source *source, const struct s4_chunk *piece, struct error *error);
