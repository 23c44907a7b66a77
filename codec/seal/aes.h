/* codec/seal/aes.h -- AES-256 as everything in this room uses it: single blocks, and GCM with XAES on it.
 *
 * GCM is NIST SP 800-38D with nonces of 12 bytes and tags of 16. XAES-256-GCM is C2SP's (c2sp.org/XAES-256-GCM): from
 * the key and the first 12 bytes of a nonce of 24, the salt, CMAC derives the key of a GCM that takes the other 12. So
 * nonces may be drawn at random for as long as a key lives.
 *
 * A struct aes is used by one thread at a time and belongs to whoever made it; about 2 KiB. Short messages, blocks and
 * keys take what they consist of, some 50 ns each, where the processor has instructions for them (aes_native.h,
 * gcm_native.h); what is left is libcrypto's, in contexts that are made once and keyed anew, about 0.3 us each time.
 * What libcrypto cannot do here, with contexts that are there already, is a broken promise (ASSERT), never bytes that
 * leave as they were. Keys on a stack are wiped before it is left. A struct aes has keys in clear, those of the last
 * uses too, until aes_forget or aes_destroy wipes them. */
#pragma once

#include "runtime/base/span.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    AES_KEY_BYTES = 32,
    AES_BLOCK_BYTES = 16,
    GCM_NONCE_BYTES = 12,
    GCM_TAG_BYTES = 16,
    XAES_SALT_BYTES = 12,
    XAES_NONCE_BYTES = XAES_SALT_BYTES + GCM_NONCE_BYTES,
};

struct aes;

struct aes *aes_create(void); /* NULL: no memory */
/* The same without instructions of the processor: what one has that lacks them. */
struct aes *aes_create_portable(void);
void aes_destroy(struct aes *aes); /* NULL: nothing is done */
/* No key that was set is in memory any more, nor what was computed of it: after those that must not outlast their use.
 */
void aes_forget(struct aes *aes);

/* Single blocks, each on its own (ECB): for deriving and masking, never for content. */
void aes_block_set_key(struct aes *aes, const uint8_t key[AES_KEY_BYTES]);
void aes_block_encrypt(struct aes *aes, const uint8_t block[AES_BLOCK_BYTES], uint8_t ret_block[AES_BLOCK_BYTES]);
/* So many blocks that lie behind each other, at once: a fraction of what one after the other takes. ret_blocks may be
 * the blocks themselves. */
void aes_blocks_encrypt(struct aes *aes, const uint8_t *blocks, size_t count, uint8_t *ret_blocks);

/* The key of all messages until the next one is set. */
void aes_gcm_set_key(struct aes *aes, const uint8_t key[AES_KEY_BYTES]);
/* ret_sealed may be the message itself, and is as long; no two messages under one key have the same nonce. */
void aes_gcm_seal(struct aes *aes, const uint8_t nonce[GCM_NONCE_BYTES], struct span associated, struct span message,
                  uint8_t *ret_sealed, uint8_t ret_tag[GCM_TAG_BYTES]);
/* False: message, nonce, associated data or key are not those of the tag; ret_message must not be used then. It may be
 * the sealed bytes themselves. */
bool aes_gcm_open(struct aes *aes, const uint8_t nonce[GCM_NONCE_BYTES], struct span associated, struct span sealed,
                  const uint8_t tag[GCM_TAG_BYTES], uint8_t *ret_message);
/* The same of a message that comes in pieces, with nothing else on this context in between. What a piece opens to is
 * not to be believed before aes_gcm_open_end has said that all of it is right. */
void aes_gcm_open_begin(struct aes *aes, const uint8_t nonce[GCM_NONCE_BYTES], struct span associated);
void aes_gcm_open_piece(struct aes *aes, struct span sealed, uint8_t *ret_message);
bool aes_gcm_open_end(struct aes *aes, const uint8_t tag[GCM_TAG_BYTES]);
/* Bytes from `offset` on, a multiple of AES_BLOCK_BYTES, of the message of this key and nonce. No tag is looked at:
 * they must be known to be what was proved to be right. */
void aes_gcm_decrypt_at(struct aes *aes, const uint8_t key[AES_KEY_BYTES], const uint8_t nonce[GCM_NONCE_BYTES],
                        uint64_t offset, struct span sealed, uint8_t *ret_message);

/* XAES's derived key for a salt. With a salt that names a use it makes of one key several, none of which tells of
 * another. */
void xaes_derive(struct aes *aes, const uint8_t key[AES_KEY_BYTES], const uint8_t salt[XAES_SALT_BYTES],
                 uint8_t ret_key[AES_KEY_BYTES]);
/* aes_gcm_set_key with it: all messages whose nonces begin with this salt. */
void xaes_set_key(struct aes *aes, const uint8_t key[AES_KEY_BYTES], const uint8_t salt[XAES_SALT_BYTES]);
/* One message alone: xaes_set_key and aes_gcm_seal or aes_gcm_open. What does not open is wiped. */
void xaes_seal(struct aes *aes, const uint8_t key[AES_KEY_BYTES], const uint8_t nonce[XAES_NONCE_BYTES],
               struct span associated, struct span message, uint8_t *ret_sealed, uint8_t ret_tag[GCM_TAG_BYTES]);
bool xaes_open(struct aes *aes, const uint8_t key[AES_KEY_BYTES], const uint8_t nonce[XAES_NONCE_BYTES],
               struct span associated, struct span sealed, const uint8_t tag[GCM_TAG_BYTES], uint8_t *ret_message);
