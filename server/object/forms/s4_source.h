/* server/object/forms/s4_source.h -- a body that S4 encrypted (codec/seal/s4_envelope.h), as a source of what it holds.
 *
 * Of S4E5 and S4E6 one chunk is held, of S4E1 to S4E4 the whole body, which has S4_WHOLE_BYTES_MAX at most:
 * nothing is handed out before its tag has proved right. Which key a body is encrypted under its envelope says; S4
 * gives new keys old names, so that all others are tried where that one does not open it.
 *
 * Memory for chunks is beside the budget for bodies, and so are few of these sources at a time (s4_source_begin waits).
 */
#pragma once

#include "codec/seal/s4_envelope.h"
#include "server/object/codecs_private.h"
#include "server/object/forms/stage.h"

enum {
    S4_WHOLE_BYTES_MAX = 8 << 20,
    S4_SOURCES_MAX = 4, /* of a shard */
};

struct s4_source {
    struct object_source source; /* first: what it holds; its size is that */
    struct object_source *stored;
    struct object_codecs *codecs;
    struct s4_envelope envelope;
    uint8_t key[AES_KEY_BYTES];
    bool has_key;
    uint8_t *chunk; /* a tag, and behind it what the chunk holds */
    uint32_t number;
    bool is_loaded; /* chunk `number` is there, and right */
    uint8_t head[S4_ENVELOPE_HEAD_BYTES_MAX];
};

/* NULL, with *error: NotImplemented for what is too large, and where there is no key; InvalidRequest where a customer's
 * key is needed (S4E3) and none came, or one came that is not; AccessDenied: it is another one's; InternalError for
 * damage; SlowDown. `stored` must live as long; `customer`, NULL if none came, is not kept. */
SUSPENDS struct s4_source *s4_source_begin(struct object_codecs *codecs, struct object_source *stored,
                                           const struct customer_key *customer, struct error *error);
void s4_source_end(struct s4_source *source); /* NULL: nothing is done */
