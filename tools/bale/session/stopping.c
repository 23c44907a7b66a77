/* tools/bale/session/stopping.c -- a flag that a handler sets. */
#include "tools/bale/session/stopping.h"

#include <poll.h>
#include <signal.h>
#include <time.h>

static volatile sig_atomic_t is_asked;

static void note(int signal)
{
    (void)signal;
    is_asked = 1;
}

void stopping_watch(void)
{
    struct sigaction action = {.sa_handler = note, .sa_flags = (int)SA_RESETHAND | SA_RESTART};
    (void)sigaction(SIGTERM, &action, NULL);
    (void)sigaction(SIGINT, &action, NULL);
}

/* Signals are let in while it waits alone, so that none comes between the look and the wait. */
bool stopping_wait(uint64_t ms)
{
    const struct timespec time = {(time_t)(ms / 1000), (long)(ms % 1000) * 1000000};
    sigset_t ending;
    sigset_t before;
    sigemptyset(&ending);
    sigaddset(&ending, SIGTERM);
    sigaddset(&ending, SIGINT);
    (void)pthread_sigmask(SIG_BLOCK, &ending, &before);
    if (is_asked == 0)
        (void)ppoll(NULL, 0, &time, &before);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return is_asked == 0;
}

bool stopping_go_on(struct error *error)
{
    return is_asked == 0 || error_set(error, ERROR_CANCELLED, NULL, "stopped by a signal before the end");
}
