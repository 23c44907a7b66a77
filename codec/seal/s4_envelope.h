/* codec/seal/s4_envelope.h -- S4's encryption of bodies, to be read: S4E1 to S4E6 (spec/s4-format.md, section 6).
 *
 * An envelope encrypts a whole body, frames and all. S4E1 to S4E4 are one message of AES-256-GCM with its tag in front,
 * so nothing of it may be believed before all of it has been seen; they differ in whose the key is. S4E5 and S4E6 are
 * chunks, each a message of its own whose number and count are authenticated, so that any range is read by its chunks.
 * A chunk may be as large as a body; S4 writes 1 MiB, unless it was told otherwise.
 * Names are bound by none of them. Bale never writes one.
 *
 * Pure functions over byte ranges; nothing is allocated, and no size that an envelope claims is believed before it has
 * been compared with the size of the body. */
#pragma once

#include "codec/seal/aes.h"
#include "runtime/base/error.h"

enum {
    S4_ENVELOPE_HEAD_BYTES_MAX = 1024, /* of the body, enough for s4_envelope_parse */
    S4_WRAPPED_KEY_BYTES = GCM_NONCE_BYTES + AES_KEY_BYTES + GCM_TAG_BYTES, /* by S4's local keys */
    S4_KEY_MD5_BYTES = 16,
};
#define S4_ENVELOPE_BYTES_MAX (UINT64_C(5) << 30) /* of what it holds */

enum s4_envelope_kind { S4E1 = 1, S4E2, S4E3, S4E4, S4E5, S4E6 };

struct s4_envelope {
    enum s4_envelope_kind kind;
    unsigned key_id;                   /* S4E2, S4E5, S4E6: in S4's keyring */
    uint8_t key_md5[S4_KEY_MD5_BYTES]; /* S4E3: of the customer's key */
    struct span key_name;              /* S4E4: of the key that wraps the data key; points into the head */
    struct span wrapped_key;           /* S4E4: likewise */

    uint64_t plain_size;   /* of what it holds */
    uint64_t chunk_size;   /* of plain bytes; all chunks but the last. S4E1 to S4E4: plain_size */
    uint32_t chunks_count; /* S4E1 to S4E4: one */

    struct span head;   /* up to the first tag but without nonce or salt; points into what was parsed */
    uint64_t head_size; /* where the first tag begins */
    struct span nonce;  /* GCM_NONCE_BYTES, or the salt of the chunks' nonces; points into what was parsed */
};

/* A chunk's place in the stored body: its tag and then as many bytes as it holds. */
struct s4_chunk {
    uint32_t number;        /* counts from 0 */
    uint64_t stored_offset; /* of the tag */
    uint64_t plain_offset;
    uint64_t plain_size;
};

/* `head` is the first bytes of a body of stored_size bytes: S4_ENVELOPE_HEAD_BYTES_MAX, or all; it must live as long as
 * the envelope. ERROR_DAMAGED: no envelope, or one whose sizes are not those of the body. ERROR_UNSUPPORTED: of a kind
 * that is not known. */
bool s4_envelope_parse(struct span head, uint64_t stored_size, struct s4_envelope *ret_envelope, struct error *error);
static inline bool s4_envelope_is_chunked(const struct s4_envelope *envelope)
{
    return envelope->kind >= S4E5;
}
/* `number` is below chunks_count. */
struct s4_chunk s4_envelope_chunk(const struct s4_envelope *envelope, uint32_t number);
/* Opens chunk `number`: `stored` is its tag and what follows it, ret_plain takes stored.size - GCM_TAG_BYTES. False:
 * the key is another one, or the bytes are not what was encrypted. */
bool s4_envelope_open(const struct s4_envelope *envelope, struct aes *aes, const uint8_t key[AES_KEY_BYTES],
                      uint32_t number, struct span stored, uint8_t *ret_plain);
/* One that may be too large to be held: begins to open it, with aes_gcm_open_piece and aes_gcm_open_end to follow. The
 * envelope may go meanwhile. */
void s4_envelope_open_begin(const struct s4_envelope *envelope, struct aes *aes, const uint8_t key[AES_KEY_BYTES],
                            uint32_t number);
/* Bytes of it from `offset` of the chunk on, as aes_gcm_decrypt_at. */
void s4_envelope_decrypt_at(const struct s4_envelope *envelope, struct aes *aes, const uint8_t key[AES_KEY_BYTES],
                            uint32_t number, uint64_t offset, struct span sealed, uint8_t *ret_plain);
/* S4E4's data key, that S4 wrapped itself. False: not wrapped by this key under this name, or not by S4. */
bool s4_envelope_unwrap(const struct s4_envelope *envelope, struct aes *aes, const uint8_t wrapping_key[AES_KEY_BYTES],
                        uint8_t ret_key[AES_KEY_BYTES]);
