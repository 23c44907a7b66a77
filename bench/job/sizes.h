/* bench/job/sizes.h -- how large objects are: one size, any of a range, a list with weights, or a file of sizes.
 *
 *     4K                  all of 4096 bytes (K, M and G are powers of 1024)
 *     1K-64K              uniform, both ends included
 *     4K:80,1M:19,64M:1   by weight
 *     @FILE               one of the sizes in FILE, one a line, each as likely as another
 *
 * The size of an object is drawn from a number that belongs to its key, so that whoever reads it knows its size. */
#pragma once

#include "runtime/base/error.h"
#include "runtime/base/span.h"

#include <stdbool.h>
#include <stdint.h>

#define SIZE_BYTES_MAX (UINT64_C(5) << 30) /* what one PUT takes */
enum { SIZES_MAX = 100000, SIZES_FILE_BYTES_MAX = 4 << 20, SIZE_WEIGHT_MAX = 1000000 };

struct size_choice {
    uint64_t least;
    uint64_t most;
    uint64_t weight_until; /* of this one and all before it */
};

struct size_spread {
    struct size_choice *choices; /* at least one */
    unsigned count;
    uint64_t least;
    uint64_t largest;
};

/* On failure *ret_spread is empty. On success it belongs to the caller. Reads the file of "@FILE". */
bool size_spread_parse(const char *text, struct size_spread *ret_spread, struct error *error);
/* The same from the text of such a file, which refusals call `path`. */
bool size_spread_parse_lines(const char *path, struct span text, struct size_spread *ret_spread, struct error *error);
void size_spread_free(struct size_spread *spread);
/* `random` is any number, uniform. Same number, same size. */
uint64_t size_spread_draw(const struct size_spread *spread, uint64_t random);

/* "64K": bytes, or with K, M or G behind the number; up to SIZE_BYTES_MAX. */
bool size_parse(struct span text, uint64_t *ret_bytes);
