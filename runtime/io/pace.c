/* runtime/io/pace.c -- credit that grows with time, up to one second's worth, or what one caller asks for. */
#include "runtime/io/pace.h"

#include "runtime/fiber/loop.h"
#include "runtime/io/io.h"

enum { NS_PER_SECOND = 1000000000 };

void pace_init(struct pace *pace, uint64_t units_per_second)
{
    *pace = (struct pace){.units_per_second = units_per_second};
}

/* `most`: beyond it, credit is not saved up. */
static void refill(struct pace *pace, uint64_t now_ns, uint64_t most)
{
    if (pace->refilled_ns == 0)
        pace->refilled_ns = now_ns;
    unsigned __int128 earned = (unsigned __int128)(now_ns - pace->refilled_ns) * pace->units_per_second / NS_PER_SECOND;
    if (pace->credit + earned >= most) {
        pace->credit = pace->credit < most ? most : pace->credit;
        pace->refilled_ns = now_ns;
        return;
    }
    pace->credit += (uint64_t)earned;
    /* only the time that was turned into units: the rest of it counts the next time */
    pace->refilled_ns += (uint64_t)(earned * NS_PER_SECOND / pace->units_per_second);
}

bool pace_spend(struct pace *pace, uint64_t units, struct error *error)
{
    if (pace->units_per_second == 0) {
        fiber_yield();
        return fiber_is_cancelled() ? error_set(error, ERROR_CANCELLED, NULL, "stopped") : true;
    }
    uint64_t most = units > pace->units_per_second ? units : pace->units_per_second;
    for (;;) {
        refill(pace, loop_now_ns(), most);
        if (pace->credit >= units) {
            pace->credit -= units;
            return true;
        }
        uint64_t missing = units - pace->credit;
        unsigned __int128 wait_ns =
            ((unsigned __int128)missing * NS_PER_SECOND + pace->units_per_second - 1) / pace->units_per_second;
        if (io_sleep_until(pace->refilled_ns + (uint64_t)wait_ns) < 0)
            return error_set(error, ERROR_CANCELLED, NULL, "stopped");
    }
}
