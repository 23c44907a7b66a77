/* codec/choice/columns_search.h -- which fields has a record? The plan of least entropy for one stride, by dynamic
 * programming.
 *
 * For each position in a record, each width and each operation the entropy of the planes is measured on a sample; then
 * the cheapest row of fields around the record is taken, wherever it begins. It is an estimate: entropy does not see
 * matches, and whether columns pay at all only a trial says (codec/choice/columns_look.h). Pure; nothing is allocated
 * but the context. */
#pragma once

#include "codec/columns/columns.h"
#include "runtime/base/span.h"

#include <stdbool.h>

/* Of a frame the whole, if it is short, else so many pieces of it, evenly apart. */
enum {
    COLUMNS_SAMPLE_PIECES = 4,
    COLUMNS_SAMPLE_PIECE_BYTES = 16 << 10,
    COLUMNS_SAMPLE_BYTES = COLUMNS_SAMPLE_PIECES * COLUMNS_SAMPLE_PIECE_BYTES,
};

/* A piece for records of `stride` bytes: it begins with one (counted from the frame's start) and holds whole ones only,
 * so that pieces put together are records again. `index` is below columns_sample_pieces. */
struct span columns_sample_piece(struct span frame, unsigned stride, unsigned index);
unsigned columns_sample_pieces(struct span frame);

struct columns_search; /* 50 KiB */

struct columns_search *columns_search_create(void);
void columns_search_destroy(struct columns_search *search);

/* `stride` is 2 to COLUMNS_STRIDE_MAX; the frame, of at least 4 KiB, stays where it is until the last step. `is_text`:
 * fields are single letters. */
void columns_search_begin(struct columns_search *search, struct span frame, unsigned stride, bool is_text);
/* Some positions more, for about 0.2 ms; false after the last. */
bool columns_search_step(struct columns_search *search);
/* After the last: the plan, whose lead is that of the frame, and what it comes to in bits for each original byte. */
double columns_search_end(const struct columns_search *search, struct columns_plan *ret_plan);
