/* bench/figures/process_cost.h -- what a server costs while it is loaded: CPU of all its threads, and its anonymous
 * memory. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum { PROCESSES_MAX = 16 };

/* The processes that are the server (a master and its workers, say). */
struct process_set {
    unsigned count;
    int pids[PROCESSES_MAX];
};

/* "123,124": false when it is not a list of process ids. */
bool process_set_parse(struct process_set *set, const char *text);

/* Nanoseconds on a processor of every thread that lives or has lived in these processes, kernel workers of io_uring
 * included: to the nanosecond for living threads (schedstat), to the tick for those that ended. */
uint64_t process_cpu_ns(const struct process_set *set);

/* RssAnon of all, in bytes. */
uint64_t process_anonymous_bytes(const struct process_set *set);
