/* tests/unit/object/s4_envelopes.h -- bodies as S4 encrypts them, for tests of what reads them. */
#pragma once

#include "codec/seal/aes.h"
#include "runtime/base/buffer.h"

extern const uint8_t s4_data_key[AES_KEY_BYTES]; /* 00 .. 1f; S4E4's is wrapped by 40 .. 5f */

/* S4E1 to S4E4; `nonce_byte` tells bodies apart. Returns where the encrypted bytes begin. */
size_t s4_encrypt(int kind, uint8_t nonce_byte, struct span plain, struct buffer *ret_body);
/* S4E5 and S4E6. Returns where the bytes of the last chunk begin. */
size_t s4_encrypt_chunks(int kind, uint8_t salt_byte, uint32_t chunk_size, struct span plain, struct buffer *ret_body);
/* The original in frames, as it is. */
void s4_append_frames(struct buffer *body, struct span original, size_t frame_bytes);
