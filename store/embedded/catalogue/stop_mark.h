/* store/embedded/catalogue/stop_mark.h -- the file `catalogue/stopped`: data.mdb is as a clean stop left it, after all
 * its pages had been looked at.
 *
 * It says which file that was, how large, when it was last written, and in which start of the machine. Whatever writes
 * to the file, by whatever program, changes the time; another file in its place is another file; what a loss of power
 * may have left belongs to another start of the machine. So who finds it holds is where a process would be that had
 * never stopped: what the disk alone does to the bytes is not seen by it. */
#pragma once

#include <stdbool.h>

enum { STOP_MARK_PAGES_LEAST = 1024 /* a smaller catalogue is looked at in a millisecond or two, and has none */ };

/* Does the mark hold? It is gone afterwards, on the disk as well: a process that is killed leaves none. One that cannot
 * be removed does not hold. `folder` is the store's path. */
bool stop_mark_take(const char *folder);
/* Nobody has data.mdb open any more, or will before this returns. Best effort, and not synced: without a mark the next
 * start looks at all pages. Blocks for 20 ms where the file has just been written. */
void stop_mark_leave(const char *folder);
