/* bench/data/log_data.h -- the same log lines on every machine: compressible as real access logs are (about five to
 * one). */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* Fills `bytes` with whole and, at the end, one cut line. Same seed, same bytes. */
void log_data_fill(uint8_t *bytes, size_t size, uint64_t seed);
