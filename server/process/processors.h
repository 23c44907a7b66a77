/* server/process/processors.h -- how many processors this process may really use, and which.
 *
 * The machine's cores are not the answer: a container has an affinity mask (cpusets end up in it) and a quota of its
 * cgroup (v2: cpu.max; v1: cpu.cfs_quota_us), and whoever starts more threads than these leave is stopped for most of
 * every 100 ms. The quota of every group above ours counts as well. */
#pragma once

#include <stdbool.h>

struct processors {
    unsigned count;  /* at least 1: the smaller of mask and quota; a fraction of the quota is left to other threads */
    unsigned masked; /* processors of the affinity mask */
};

/* `root` is "" for the system; tests put a tree with proc/ and sys/ there. */
struct processors processors_available(const char *root);

/* Pins the calling thread to the n-th processor of the mask, which the process had when it asked first. */
void processors_pin(unsigned n);
