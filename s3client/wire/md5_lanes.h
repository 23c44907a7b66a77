/* s3client/wire/md5_lanes.h -- MD5 of several texts at once.
 *
 * MD5 is one long chain of dependent instructions: a processor has most of its units idle while it computes one. In
 * vectors of four words it computes four in the time of one and a third (2.3 GB/s instead of 0.77 on a Sapphire
 * Rapids). It is only of use to whoever has several texts at one time; one text has no second lane. */
#pragma once

#include "s3client/wire/checksum.h"

enum { MD5_LANES = 4 };

struct md5_lane {
    struct md5_sum *sum; /* begun; each another one */
    struct span bytes;
    struct sha256_sum *beside; /* of the same bytes; NULL: none */
};

/* Does to each lane what md5_update(lane.sum, lane.bytes) does, and sha256_update(lane.beside, lane.bytes), block by
 * block in turn, since the two do not wait for each other. Any count; the lanes are used up. Fastest where texts have
 * one length, in groups of MD5_LANES. */
void md5_update_lanes(struct md5_lane *lanes, unsigned count);
