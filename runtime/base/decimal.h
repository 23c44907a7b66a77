/* runtime/base/decimal.h -- unsigned 64-bit numbers as decimal text. */
#pragma once

#include "runtime/base/span.h"

#include <stdbool.h>
#include <stdint.h>

enum { DECIMAL_BYTES_MAX = 20 };

/* Writes the digits, no terminating zero; returns how many (at most DECIMAL_BYTES_MAX). */
size_t decimal_format(uint64_t value, char *ret_digits);

/* Only digits, at least one; leading zeros are allowed. False when the text is anything else or above 2^64-1. */
bool decimal_parse(struct span text, uint64_t *ret_value);

/* The same with a least and a greatest value allowed. */
bool decimal_parse_range(struct span text, uint64_t least, uint64_t most, uint64_t *ret_value);
