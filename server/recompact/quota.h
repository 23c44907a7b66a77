/* server/recompact/quota.h -- the processor time that this process may take: a cgroup's cpu.max, and what of it is
 * used.
 *
 * Under a quota idle work is not free: what it takes, requests do not get any more in this period, and all threads
 * stand still. Pure but for quota_find_folder and quota_read, which block as long as files of the kernel take. */
#pragma once

#include "runtime/base/span.h"

#include <stdbool.h>
#include <stdint.h>

enum { QUOTA_PATH_BYTES = 512 };

struct quota {
    bool has_limit;
    uint64_t limit_us; /* of processor time in each period */
    uint64_t period_us;
    uint64_t used_us; /* since the cgroup began, as is the next */
    uint64_t throttled;
};

/* The cgroup (version 2) of this process, from /proc/self/cgroup. False: there is none. */
bool quota_find_folder(char ret_path[QUOTA_PATH_BYTES]);
/* False: it cannot be read. */
bool quota_read(const char *folder, struct quota *ret_quota);

/* "100000 100000" or "max 100000". */
bool quota_parse_limit(struct span text, struct quota *quota);
/* Lines "NAME NUMBER", of which usage_usec must be there. */
bool quota_parse_usage(struct span text, struct quota *quota);

/* Between two looks, so far apart: was it throttled, or was more than half of it used? */
bool quota_is_pressed(const struct quota *before, const struct quota *now, uint64_t apart_us);
