/* server/object/forms/s4_proof.h -- what is kept of a body or chunk of S4's that is too large to be held: once all of
 * it has proved right, by its one tag, a tag of our own for each piece, by which the piece is known when it is read
 * again.
 *
 * A proof belongs to bytes, not to a name: to the head, the tag, the size and the chunk's number of what was read, and
 * to the key that opened it. So whoever opens the same body next on this shard reads his range alone; and whoever comes
 * while it is being proved waits for that. Its tags are GMACs under a key that is drawn for it and never leaves: of
 * bytes that the backend has changed since, however long ago, none is taken for what was proved. No key of S4's or of a
 * client's is kept, but a hash by which it is known again.
 *
 * A reading goes on as long as somebody waits for it, be it for another one's; what nobody waits for any more ends
 * without an outcome. Whoever waits holds nothing but his connection.
 *
 * It takes 32 bytes for each S4_PIECE_BYTES, 640 KiB of a body of 5 GiB, which its readers have taken from the budget
 * for what S4 encrypted; S4_PROOFS_MAX are kept that nobody uses. One shard's. */
#pragma once

#include "codec/seal/aes.h"
#include "runtime/fiber/wait.h"
#include "s3client/wire/checksum.h"

enum {
    S4_PIECE_BYTES = 256 << 10, /* of the encrypted bytes */
    S4_PROOFS_MAX = 8,
    S4_WAITERS_MAX = 64, /* of a shard, for readings of others */
};

/* Where a frame begins, of the bytes that were encrypted. */
struct s4_landmark {
    uint64_t offset; /* of its header */
    uint64_t original_offset;
};

struct s4_piece {
    uint8_t tag[GCM_TAG_BYTES];
    struct s4_landmark landmark; /* the last frame that begins in this piece, or in one before it */
};

static inline size_t s4_pieces_count(uint64_t bytes)
{
    return (size_t)((bytes + S4_PIECE_BYTES - 1) / S4_PIECE_BYTES);
}

enum s4_proof_state { S4_PROOF_PENDING, S4_PROOF_RIGHT, S4_PROOF_FAILED };

struct s4_proof {
    struct list_link link; /* in s4_proofs, while it may be found */
    enum s4_proof_state state;
    struct error failure; /* of S4_PROOF_FAILED */
    unsigned users;
    struct wait_queue waiters;
    uint8_t body[SHA256_BYTES];   /* of head, tag, size and the chunk's number */
    uint8_t opener[SHA256_BYTES]; /* of these and the key that opened it */
    uint8_t key[AES_KEY_BYTES];   /* of the tags */
    size_t pieces_count;
    struct s4_piece pieces[];
};

struct s4_proofs {
    struct list_link list; /* those that were used last stand at the end */
    unsigned count;
    unsigned waiters_count;
};

void s4_proofs_init(struct s4_proofs *proofs);
void s4_proofs_free(struct s4_proofs *proofs); /* nobody uses one any more */

/* That of this body, held, be it pending; NULL: there is none. */
struct s4_proof *s4_proofs_find(struct s4_proofs *proofs, const uint8_t body[SHA256_BYTES]);
bool s4_proofs_have(const struct s4_proofs *proofs, const uint8_t body[SHA256_BYTES]);
/* A pending one, held, which s4_proof_settle must end. NULL: no memory. */
struct s4_proof *s4_proofs_begin(struct s4_proofs *proofs, const uint8_t body[SHA256_BYTES], size_t pieces_count);
void s4_proofs_drop(struct s4_proofs *proofs, struct s4_proof *proof); /* NULL: nothing is done */

/* A piece of what is being proved: as it was read, and no other bytes than those that went to the cipher. */
void s4_proof_add(struct s4_proof *proof, struct aes *aes, size_t number, struct span sealed);
/* The outcome. `opener` NULL: it failed so; it is found no more, and those who wait are told. */
void s4_proof_settle(struct s4_proofs *proofs, struct s4_proof *proof, const uint8_t *opener,
                     const struct error *failure);
/* Until a pending one is settled. Refused: SlowDown, where S4_WAITERS_MAX wait, or the client of this fiber has left.
 */
SUSPENDS bool s4_proof_wait(struct s4_proofs *proofs, struct s4_proof *proof, struct error *error);
/* Asked by whoever reads: have all left that wait for this pending one? */
bool s4_proof_is_in_vain(const struct s4_proof *proof);
bool s4_proof_refuse_left(struct error *error);
/* Are these the bytes that were proved? If not, the proof is found no more. */
bool s4_proof_check(struct s4_proofs *proofs, struct s4_proof *proof, struct aes *aes, size_t number,
                    struct span sealed);

/* The last frame known to begin at or before this byte of the original, and where one begins that is at or behind
 * `original_end` (UINT64_MAX: none is known). */
struct s4_landmark s4_proof_find_frame(const struct s4_proof *proof, uint64_t original_offset, uint64_t original_end,
                                       uint64_t *ret_end);
