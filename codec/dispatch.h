/* codec/dispatch.h -- is it worth compressing? Decided from the first bytes of a body (spec/s4-format.md, section 7).
 */
#pragma once

#include "runtime/base/span.h"

#include <stdbool.h>
#include <stdint.h>

enum { DISPATCH_SAMPLE_BYTES = 4096 };

/* The sampling dispatcher: CODEC_PASSTHROUGH or `codec_default`. `sample` is the first min(4096, size) bytes. */
uint32_t dispatch_by_sample(struct span sample, uint32_t codec_default);

/* Shannon entropy of the byte histogram, in bits per byte. */
double dispatch_entropy(struct span bytes);
