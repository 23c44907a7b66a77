/* codec/seal/gcm_native.h -- GCM (NIST SP 800-38D) by the processor's own instructions: messages that are sealed and
 * opened at once, under nonces of 12 bytes.
 *
 * Short ones cost what they consist of: libcrypto's way to them takes 2,000 instructions. Of long ones sixteen blocks
 * at a time are in registers of 512 bits, where the processor has VAES and VPCLMULQDQ, at twice the speed of libcrypto
 * 3.0; where it has not, libcrypto is faster. The secret decides no branch and no address. */
#pragma once

#include "codec/seal/aes_native.h"
#include "runtime/base/span.h"

enum { GCM_NATIVE_STRIDE_BLOCKS = 16 };

/* A key, and what is computed of it: to be wiped. */
struct gcm_native {
    struct aes_schedule schedule;
    /* Of the hash's key, so that sixteen blocks are summed up at once: the first power lies last, each before it is the
     * next one; as many as were needed so far. In the order of bits and times x, as multiply() takes them. */
    _Alignas(64) uint8_t powers[GCM_NATIVE_STRIDE_BLOCKS][16];
    unsigned powers_count;
};

/* Is that at hand, and faster than libcrypto for so many bytes? */
bool gcm_native_suits(size_t associated_size, size_t message_size);

void gcm_native_set_key(struct gcm_native *gcm, const uint8_t key[32]);
/* As aes_gcm_seal and aes_gcm_open (aes.h). A message is shorter than 2^32 blocks. */
void gcm_native_seal(struct gcm_native *gcm, const uint8_t nonce[12], struct span associated, struct span message,
                     uint8_t *ret_sealed, uint8_t ret_tag[16]);
bool gcm_native_open(struct gcm_native *gcm, const uint8_t nonce[12], struct span associated, struct span sealed,
                     const uint8_t tag[16], uint8_t *ret_message);
