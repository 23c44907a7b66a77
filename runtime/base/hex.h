/* runtime/base/hex.h -- bytes as hexadecimal text. Output is lower case; input may be either where stated. */
#pragma once

#include "runtime/base/span.h"

/* Writes 2 * bytes.size characters, no terminating zero. */
void hex_encode(struct span bytes, char *ret_text);

/* Text of exactly 2 * size hex digits, either case, into ret_bytes; false for anything else. */
bool hex_decode(struct span text, uint8_t *ret_bytes, size_t size);

/* -1 when the byte is no hex digit. */
int hex_digit_value(uint8_t digit);
