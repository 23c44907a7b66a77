/* server/s3/list/continuation_token.h -- where a list goes on: a position as an opaque text that a client hands back.
 * Pure.
 *
 * The token holds the position itself, so it survives restarts and works through every process on the same store. A
 * check value makes a token that is not ours, or was damaged, an error instead of a wrong position. */
#pragma once

#include "runtime/base/buffer.h"
#include "runtime/base/span.h"

#include <stdbool.h>

/* What a token continues: one of one list is refused by the other. */
enum token_kind { TOKEN_OBJECTS = 'o', TOKEN_BUCKETS = 'b' };

enum { TOKEN_POSITION_BYTES_MAX = 1024 };

/* Appends the token's text, A-Z a-z 0-9 - and _. `position` has at most TOKEN_POSITION_BYTES_MAX bytes. */
void continuation_token_write(enum token_kind kind, struct span position, struct buffer *to);

/* False: not one of ours. ret_position has room for TOKEN_POSITION_BYTES_MAX bytes. */
bool continuation_token_read(enum token_kind kind, struct span token, uint8_t *ret_position, size_t *ret_size);
