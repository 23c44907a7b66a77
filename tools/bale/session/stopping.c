/* tools/bale/session/stopping.c -- a flag that a handler sets. */
#include "tools/bale/session/stopping.h"

#include <signal.h>

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

bool stopping_go_on(struct error *error)
{
    return is_asked == 0 || error_set(error, ERROR_CANCELLED, NULL, "stopped by a signal before the end");
}
