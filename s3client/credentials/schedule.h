/* s3client/credentials/schedule.h -- when keys are renewed. */
#pragma once

#include "runtime/base/random.h"

#include <stdint.h>

#define SCHEDULE_NEVER INT64_MAX

/* After keys came, at `now_ms` (wall clock): 15 minutes before they expire, less up to a tenth of that; at half of what
 * is left, less up to a tenth of it, where they live for less than 30 minutes; 5 to 10 minutes from now where they have
 * expired; SCHEDULE_NEVER where they never do. */
int64_t schedule_renewal_ms(int64_t now_ms, int64_t expires_ms, const struct random_source *random);

/* After the attempt that failed for the n-th time (from 1): half to all of 1, 2, 4, ... 60 seconds from now, and at
 * most a quarter of what is left of keys that still live. */
int64_t schedule_attempt_ms(int64_t now_ms, int64_t expires_ms, unsigned failures, const struct random_source *random);
