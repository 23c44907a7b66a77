/* codec/columns/decimal.h -- floats and doubles that were decimals: 12.34 is 1234 / 10^2.
 *
 * A value x is taken as the integer i next to x * 10^exponent, |i| below 2^31 (floats) or 2^51 (doubles). Back it
 * becomes (double)i / 10^exponent, rounded to a float where it is one: IEEE 754 division, the same on every machine.
 * Where that is not x to the bit (-0, NaN, infinities, more decimals) x is an exception, stored beside. Its i repeats
 * the last one, so that the differences stay small. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* `width` is 4 or 8: of the values and of the integers. *last is the integer before, 0 at first, and is moved on.
 * Returns how many are exceptions. */
size_t columns_decimals_to_integers(const uint8_t *values, size_t count, unsigned width, unsigned exponent,
                                    uint64_t *last, uint8_t *ret_integers);
/* Is value `index` an exception, by what the above made of it? */
bool columns_decimal_is_exception(const uint8_t *values, const uint8_t *integers, size_t index, unsigned width,
                                  unsigned exponent);
/* In place; any integers. */
void columns_decimals_to_values(uint8_t *words, size_t count, unsigned width, unsigned exponent);
