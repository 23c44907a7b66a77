/* tests/servers/ahead.c -- a baled whose clock is wrong: CLOCK_AHEAD_S of its environment says by how many seconds.
 *
 * Below zero it is behind. The linker puts wrong_clock in the place of clock_gettime (meson.build). */
#include "server/baled.h"

#include <stdlib.h>
#include <time.h>

enum { DECIMAL = 10 };

int right_clock(clockid_t clock, struct timespec *ret_now) __asm__("__real_clock_gettime");
int wrong_clock(clockid_t clock, struct timespec *ret_now) __asm__("__wrap_clock_gettime");

static long ahead_s;

int wrong_clock(clockid_t clock, struct timespec *ret_now)
{
    int result = right_clock(clock, ret_now);
    if (result == 0 && clock == CLOCK_REALTIME)
        ret_now->tv_sec += ahead_s;
    return result;
}

int main(int argc, char **argv)
{
    const char *text = getenv("CLOCK_AHEAD_S");
    ahead_s = text == NULL ? 0 : strtol(text, NULL, DECIMAL);
    return baled_run(argc, argv, backend_open);
}
