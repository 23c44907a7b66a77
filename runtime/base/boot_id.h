/* runtime/base/boot_id.h -- which start of the machine this is. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum { BOOT_ID_BYTES = 16 };

/* The kernel draws it anew at each start of the machine; containers on it have the same. False, and zeros: it does not
 * say (no /proc). Blocks. */
bool boot_id_read(uint8_t ret_id[BOOT_ID_BYTES]);
