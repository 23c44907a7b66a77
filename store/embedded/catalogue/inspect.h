/* store/embedded/catalogue/inspect.h -- is the catalogue's file one that LMDB may be let loose on?
 *
 * Walks every page that the newest meta leads to: each must be of the kind that its place asks for, its entries must
 * lie in it and be in order, between the keys that its parent says; each page must be led to once, by one tree or by
 * one list of free pages; and what a tree says of itself must be what is there. So a bit that was flipped in what LMDB
 * itself keeps is found before it can do harm. Rows are compared with their checksums on the way. A damaged one is no
 * reason not to open: whoever asks for it is told (seek.h); it alone may be out of order.
 *
 * It reads all of the file, as fast as the disk gives it: a GiB, of two or three million objects, takes most of a
 * second of one processor. Nobody else may write meanwhile. */
#pragma once

#include "runtime/base/clock.h"
#include "runtime/base/error.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct inspection {
    uint64_t pages;        /* in use */
    uint64_t rows;         /* in all tables */
    uint64_t damaged_rows; /* of them */
    uint64_t lost_pages;   /* that nothing leads to: harmless */
    bool is_cut_off;       /* the time was over: what was looked at is sound, the rest is believed */
};
enum { INSPECTION_MS_MAX = 30000 /* what a start takes for it */ };
/* From now on. */
uint64_t inspection_until_ns(void);
/* In the log: what was damaged, and whether it came to the end. */
void inspection_tell(const struct inspection *inspection, const char *path);
/* Until `until_ns` (monotonic; UINT64_MAX: to the end). False: ERROR_DAMAGED with a sentence that names the page, or
 * the system's error. */
bool catalogue_inspect(const char *path, uint64_t until_ns, struct inspection *ret_inspection, struct error *error);

/* ---- beside the writer ---- */

struct inspecting;
/* Opens the file and looks at both metas; nobody may write until it returns. NULL with ERROR_DAMAGED or the system's
 * error. */
struct inspecting *inspecting_begin(const char *path, struct error *error);
/* The rest of catalogue_inspect, on any thread, of what the newest meta said at the beginning: the process's own writer
 * may go on, if a reading transaction of that time keeps the pages from being used again. Ends, cut off, at
 * `until_ns`, and soon after *is_stopped was set. */
bool inspecting_walk(struct inspecting *inspecting, uint64_t until_ns, const _Atomic bool *is_stopped,
                     struct inspection *ret_inspection, struct error *error);
/* NULL: nothing. On the thread that began it. */
void inspecting_end(struct inspecting *inspecting);

/* ---- out of order ---- */

/* The same as catalogue_inspect of everything but the order of rows' keys, to the end, and no page may be lost: whoever
 * walks over it meets every row once. */
bool catalogue_inspect_pages(const char *path, struct inspection *ret_inspection, struct error *error);
