/* runtime/io/pace.h -- background work at its own speed: a budget of units (bytes, objects) per second, one shard. */
#pragma once

#include "runtime/fiber/fiber.h"

struct pace {
    uint64_t units_per_second; /* 0: no limit, but it still yields */
    uint64_t credit;
    uint64_t refilled_ns;
};

void pace_init(struct pace *pace, uint64_t units_per_second);
/* Sleeps until `units` are within the budget. False only with ERROR_CANCELLED. */
SUSPENDS bool pace_spend(struct pace *pace, uint64_t units, struct error *error);
