/* bench/journal/journal_watch.h -- stands between a journal and its store and scheduler, and measures: what is written,
 * how often it asks, and for how long one of its tasks keeps the thread without letting others run (CPU time of the
 * thread).
 *
 * One thread. Not measured is what callers compute inside journal_submit. */
#pragma once

#include "journal/store.h"

struct fiber;

enum { WATCHED_TASKS_MAX = 8 };

struct journal_watch {
    struct journal_store store;
    struct journal_scheduler scheduler;
    struct journal_store *inner_store;
    struct journal_scheduler *inner_scheduler;
    const struct fiber *tasks[WATCHED_TASKS_MAX]; /* of the journal, while they run */
    uint64_t resumed_ns;
    uint64_t longest_ns; /* without a suspension */
    uint64_t requests, conditional_gets;
    uint64_t segments, segment_bytes, part_bytes, head_bytes_largest;
};

void journal_watch_init(struct journal_watch *watch, struct journal_store *store, struct journal_scheduler *scheduler);
/* Counters begin again. */
void journal_watch_reset(struct journal_watch *watch);

/* CPU time of the calling thread. */
uint64_t thread_cpu_ns(void);
/* RssAnon of this process. */
uint64_t anonymous_bytes(void);
