/* tests/servers/ahead.c -- a baled whose clock is wrong: CLOCK_AHEAD_S of its environment says by how many seconds,
 * below zero if it is behind; or CLOCK_FILE names a file of 8 bytes that does, and may be changed while it runs.
 *
 * The linker puts wrong_clock in the place of clock_gettime (meson.build). */
#include "server/baled.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

enum { DECIMAL = 10 };

int right_clock(clockid_t clock, struct timespec *ret_now) __asm__("__real_clock_gettime");
int wrong_clock(clockid_t clock, struct timespec *ret_now) __asm__("__wrap_clock_gettime");

static _Atomic int64_t given_s;
static _Atomic int64_t *ahead_s = &given_s;

int wrong_clock(clockid_t clock, struct timespec *ret_now)
{
    int result = right_clock(clock, ret_now);
    if (result == 0 && clock == CLOCK_REALTIME)
        ret_now->tv_sec += atomic_load_explicit(ahead_s, memory_order_relaxed);
    return result;
}

static bool watch(const char *path)
{
    int file = open(path, O_RDONLY | O_CLOEXEC);
    void *bytes = file < 0 ? MAP_FAILED : mmap(NULL, sizeof *ahead_s, PROT_READ, MAP_SHARED, file, 0);
    if (file >= 0)
        (void)close(file);
    if (bytes == MAP_FAILED)
        return false;
    ahead_s = bytes;
    return true;
}

int main(int argc, char **argv)
{
    const char *text = getenv("CLOCK_AHEAD_S");
    const char *path = getenv("CLOCK_FILE");
    given_s = text == NULL ? 0 : strtol(text, NULL, DECIMAL);
    if (path != NULL && !watch(path)) {
        perror(path);
        return EXIT_FAILURE;
    }
    return baled_run(argc, argv, backend_open);
}
