/* runtime/base/boot_id.c -- reads the kernel's id of its start: 32 hexadecimal digits with dashes between them. */
#include "runtime/base/boot_id.h"

#include "runtime/base/hex.h"
#include "runtime/base/read_file.h"

#include <string.h>

enum { TEXT_BYTES_MAX = 64 };

bool boot_id_read(uint8_t ret_id[BOOT_ID_BYTES])
{
    struct buffer text;
    struct error ignored;
    struct buffer digits = {0};
    memset(ret_id, 0, BOOT_ID_BYTES);
    if (!read_file("/proc/sys/kernel/random/boot_id", TEXT_BYTES_MAX, &text, &ignored))
        return false;
    for (size_t i = 0; i < text.size; i++) {
        if (hex_digit_value(text.data[i]) >= 0)
            buffer_append_byte(&digits, text.data[i]);
    }
    bool is_known = hex_decode(buffer_span(&digits), ret_id, BOOT_ID_BYTES);
    buffer_free(&digits);
    buffer_free(&text);
    return is_known;
}
