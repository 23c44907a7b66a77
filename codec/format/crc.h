/* codec/format/crc.h -- the three CRCs of original bytes. Each takes the value so far (0 at the start) and returns the
 * new one.
 *
 * CRC-32 (IEEE) and CRC-32C (Castagnoli) come from ISA-L, whose functions take `int` lengths, other argument orders
 * and, for CRC-32C, no inversions: hidden here. CRC-64/NVME is our own (ISA-L 2.30 has none): VPCLMULQDQ of AVX-512 or
 * PCLMULQDQ where the CPU has it, else a table. Check values of "123456789": cbf43926, e3069283, ae8b14860a799888. */
#pragma once

#include "runtime/base/span.h"

#include <stdbool.h>
#include <stdint.h>

uint32_t crc32_update(uint32_t crc, struct span bytes);
uint32_t crc32c_update(uint32_t crc, struct span bytes);
uint64_t crc64nvme_update(uint64_t crc, struct span bytes);

/* The CRC of first + second, from the CRC of each and the size of the second, without their bytes. */
uint32_t crc32_combine(uint32_t first, uint32_t second, uint64_t second_size);
uint32_t crc32c_combine(uint32_t first, uint32_t second, uint64_t second_size);
uint64_t crc64nvme_combine(uint64_t first, uint64_t second, uint64_t second_size);

/* Of `size` bytes whose CRC-32C differs from what it should be by `difference` (the exclusive or of the two): the one
 * bit of theirs that is wrong, counted from the first byte's lowest. False: it is not one bit of them. Where much more
 * is wrong, the chance that it looks like one bit is 8 * size / 2^32. Takes a nanosecond for each bit. */
bool crc32c_find_wrong_bit(uint32_t difference, uint64_t size, uint64_t *ret_bit);
