/* server/object/forms/s4_source.h -- a body that S4 encrypted (codec/seal/s4_envelope.h), as a source of what it holds.
 *
 * Of S4E5 and S4E6 one chunk is held, of S4E1 to S4E4 the whole body, up to S4_WHOLE_BYTES_MAX; a larger body or chunk
 * is proved by a reading of its own, and then read by pieces (s4_whole.h). Nothing is handed out before its tag has
 * proved right.
 * Which key a body is encrypted under its envelope says; S4 gives new keys old names, so that all others are tried
 * where that one does not open it.
 *
 * Memory for them is beside the budget for bodies, S4_MEMORY_BYTES of a shard, for which s4_source_begin waits. */
#pragma once

#include "codec/format/frame.h"
#include "codec/seal/s4_envelope.h"
#include "server/object/codecs_private.h"
#include "server/object/forms/frame_index.h"
#include "server/object/forms/stage.h"

enum {
    S4_WHOLE_BYTES_MAX = 8 << 20,
    /* The longest head, the tag behind it, and as much as shows whether frames begin. */
    S4_SOURCE_HEAD_BYTES = S4_ENVELOPE_HEAD_BYTES_MAX + GCM_TAG_BYTES + FRAME_HEADER_BYTES,
    S4_MEMORY_BYTES = 4 * 2 * (S4_WHOLE_BYTES_MAX + GCM_TAG_BYTES),
};

struct s4_source {
    struct object_source source; /* first: what it holds; its size is that */
    struct store_source *stored;
    struct object_codecs *codecs;
    struct s4_envelope envelope;
    uint8_t key[AES_KEY_BYTES];
    bool has_key;
    uint8_t *chunk;                     /* twice room_bytes: as it is stored, and opened */
    size_t room_bytes;                  /* of a chunk with its tag, or of a piece */
    size_t memory_bytes;                /* taken from the budget */
    struct s4_chunk loaded;             /* the chunk or piece that is there, and right; of no bytes: there is none */
    uint64_t window_end;                /* as it was said last */
    struct s4_chunk proved;             /* the chunk that is read by pieces */
    struct s4_proof *proof;             /* of that, held; NULL: there is none */
    uint8_t tag[GCM_TAG_BYTES];         /* of that, too */
    uint8_t head[S4_SOURCE_HEAD_BYTES]; /* the body's first bytes, read at once */
};

/* NULL, with *error: NotImplemented where there is no key; InvalidRequest where a customer's
 * key is needed (S4E3) and none came, or one came that is not; AccessDenied: it is another one's; InternalError for
 * damage; SlowDown. `stored` must live as long; `customer`, NULL if none came, is not kept. */
SUSPENDS struct s4_source *s4_source_begin(struct object_codecs *codecs, struct store_source *stored,
                                           const struct customer_key *customer, struct error *error);
void s4_source_end(struct s4_source *source); /* NULL: nothing is done */

/* bucket_read_window, of what the source holds. */
void s4_source_say_window(struct s4_source *source, uint64_t first, uint64_t end);
/* As frame_index_find, of a body in frames; range->first has offsets alone. False: nothing is known of its frames. */
bool s4_source_find_frames(const struct s4_source *source, uint64_t position, uint64_t end,
                           struct frame_range *ret_range);

/* ---- for s4_whole.c ---- */

/* For a chunk or a piece as it is stored and opened, and for what is kept of the body. Refused: SlowDown. */
SUSPENDS bool s4_source_take_memory(struct s4_source *source, struct error *error);
void s4_source_give_memory(struct s4_source *source); /* none was taken: nothing is done */
/* Finds the data key of S4E4, if a key of the keyring wraps it. */
bool s4_source_unwrap(struct s4_source *source);
bool s4_source_refuse_damage(struct error *error);
/* keyring_give_aes, after a chunk or a piece: a client's key does not stay in the context. */
void s4_source_give_aes(const struct s4_source *source, struct aes *aes);
