/* store/remote/uploads/plan.h -- which stored parts an object is joined from: decisions, without any I/O.
 *
 * Large stretches of what clients sent are copied by the backend itself; what is smaller than a stored part may be is
 * read and sent together with its neighbours, which lend the bytes that it lacks. Frames may cross stored parts. The
 * trailer ends the last one, which may be of any size. */
#pragma once

#include "runtime/base/buffer.h"

#include <stdbool.h>
#include <stdint.h>

enum { STORED_PARTS_MAX = 10000, STORED_PART_BYTES_LEAST = 5 << 20 };
#define STORED_PART_BYTES_MAX (UINT64_C(5) << 30)

/* One stored part: bytes [offset, offset + size) of the pieces behind each other, from the `first` one on. */
struct join_step {
    bool is_copy; /* of one piece, by the backend */
    bool is_last; /* the trailer is behind it */
    unsigned first;
    uint64_t offset; /* in the first piece */
    uint64_t size;
};

/* Appends struct join_step. `uniform` not 0: all stored parts but the last are of just this size, and none is copied.
 * False: there would be more than STORED_PARTS_MAX. */
bool join_plan(const uint64_t *sizes, unsigned count, uint64_t uniform, struct buffer *ret_steps);
