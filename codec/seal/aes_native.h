/* codec/seal/aes_native.h -- AES-256 by the processor's own instructions, which take the same time whatever the key.
 *
 * libcrypto uses them, too, but takes a thousand instructions of its own to find a context's parameters by their names
 * at each keying, ten times what keying takes: all that is short is done here. FIPS 197, and Intel's "Advanced
 * Encryption Standard New Instructions Set". */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { AES_ROUND_KEYS = 15, AES_NATIVE_LANES = 8 };

/* The keys of all rounds: as secret as the key, to be wiped. */
struct aes_schedule {
    _Alignas(16) uint8_t rounds[AES_ROUND_KEYS][16];
};

/* Does the processor have them, and those of gcm_native.h? Nothing below may be called else. */
bool aes_native_exists(void);

void aes_schedule_make(struct aes_schedule *schedule, const uint8_t key[32]);
/* So many blocks, each on its own; ret_blocks may be the blocks themselves. */
void aes_schedule_encrypt(const struct aes_schedule *schedule, const uint8_t *blocks, size_t count,
                          uint8_t *ret_blocks);
