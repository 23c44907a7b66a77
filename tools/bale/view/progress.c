/* tools/bale/view/progress.c -- a line that is written over. */
#include "tools/bale/view/progress.h"

#include "runtime/base/clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#define AGAIN_NS UINT64_C(200000000)

void progress_begin(struct progress *progress, const char *what, uint64_t all)
{
    *progress = (struct progress){.what = what, .all = all};
}

static bool is_due(struct progress *progress)
{
    uint64_t now_ns = clock_monotonic_ns(clock_system());
    if (now_ns - progress->shown_ns < AGAIN_NS || isatty(STDERR_FILENO) != 1)
        return false;
    progress->shown_ns = now_ns;
    return progress->is_shown = true;
}

void progress_show_within(struct progress *progress, uint64_t done, uint64_t bytes, uint64_t all_bytes)
{
    if (!is_due(progress))
        return;
    (void)fprintf(stderr, "\r%" PRIu64 " %s, %" PRIu64 " of %" PRIu64 " MiB of the next\033[K", done, progress->what,
                  bytes >> 20, all_bytes >> 20);
    (void)fflush(stderr);
}

void progress_show(struct progress *progress, uint64_t done)
{
    if (!is_due(progress))
        return;
    if (progress->all > 0)
        (void)fprintf(stderr, "\r%" PRIu64 " of %" PRIu64 " %s\033[K", done, progress->all, progress->what);
    else
        (void)fprintf(stderr, "\r%" PRIu64 " %s\033[K", done, progress->what);
    (void)fflush(stderr);
}

void progress_hide(struct progress *progress)
{
    if (progress->is_shown)
        (void)fputs("\r\033[K", stderr);
    (void)fflush(stderr);
    progress->is_shown = false;
}

void progress_end(struct progress *progress)
{
    progress_hide(progress);
}
