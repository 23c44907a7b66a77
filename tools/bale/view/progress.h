/* tools/bale/view/progress.h -- how far a command has come: one line on standard error, and only where that is a
 * terminal. Redrawn a few times a second, gone when it ends. One at a time. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct progress {
    const char *what; /* "objects": static text */
    uint64_t all;     /* how many there are; 0: nobody knows */
    uint64_t shown_ns;
    bool is_shown;
};

void progress_begin(struct progress *progress, const char *what, uint64_t all);
void progress_show(struct progress *progress, uint64_t done);
/* In the midst of the next one, of which so many of so many bytes are done. */
void progress_show_within(struct progress *progress, uint64_t done, uint64_t bytes, uint64_t all_bytes);
void progress_end(struct progress *progress);
/* Before something else is printed: the line goes, until it is shown again. */
void progress_hide(struct progress *progress);
