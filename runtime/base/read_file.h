/* runtime/base/read_file.h -- a whole small file at once: options, keys, tokens. */
#pragma once

#include "runtime/base/buffer.h"
#include "runtime/base/error.h"

/* `to` is made here, and may hold secrets: read_file_wipe instead of buffer_free then. On failure it is empty; ERROR_
 * NOT_FOUND: there is no such file; ERROR_TOO_LARGE: it has more than bytes_max. Blocks: for start and other threads.
 */
bool read_file(const char *path, size_t bytes_max, struct buffer *ret_bytes, struct error *error);
void read_file_wipe(struct buffer *bytes);
