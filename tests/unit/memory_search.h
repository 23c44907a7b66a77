/* tests/unit/memory_search.h -- is a secret still anywhere in this process? */
#pragma once

#include <check.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Sanitizers spill to frames that they keep: there a copy is nobody's fault, and nothing is searched. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { MEMORY_IS_SEARCHED = 0 };
#else
enum { MEMORY_IS_SEARCHED = 1 };
#endif

enum { MEMORY_REGION_BYTES_MAX = 64 << 20 };

/* Of the secret, every byte with `mask` on it, so that the test's own copy is not found; 0: that lies in constants.
 * Reads what lies between objects, too, which sanitizers would call a fault. */
__attribute__((no_sanitize("address", "undefined", "thread"))) static unsigned memory_count_in(
    const volatile uint8_t *bytes, size_t size, const uint8_t *masked, size_t length, uint8_t mask)
{
    unsigned count = 0;
    for (size_t at = 0; at + length <= size; at++) {
        size_t same = 0;
        while (same < length && (uint8_t)(bytes[at + same] ^ mask) == masked[same])
            same++;
        count += same == length;
    }
    return count;
}

/* How often it is there, in all memory of this process that can be written. */
static inline unsigned memory_count(const uint8_t *masked, size_t length, uint8_t mask)
{
    unsigned count = 0;
    char line[512];
    FILE *maps = fopen("/proc/self/maps", "r");
    ck_assert_ptr_nonnull(maps);
    while (fgets(line, sizeof line, maps) != NULL) {
        char *end;
        uintptr_t first = strtoul(line, &end, 16);
        uintptr_t last = strtoul(end + 1, &end, 16);
        if (strncmp(end, " rw", 3) == 0 && last - first <= MEMORY_REGION_BYTES_MAX)
            count += memory_count_in((const uint8_t *)first, last - first, masked, length,
                                     mask); // NOLINT(performance-no-int-to-ptr)
    }
    (void)fclose(maps);
    return count;
}
