/* runtime/fiber/thread.c -- starts a thread that no signal interrupts. */
#include "runtime/fiber/thread.h"

#include <signal.h>

bool thread_start(const char *name, void *(*entry)(void *argument), void *argument, pthread_t *ret_thread,
                  struct error *error)
{
    sigset_t all;
    sigset_t before;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    int failed = pthread_create(ret_thread, NULL, entry, argument);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (failed != 0)
        return error_set_errno(error, failed, "cannot start the thread %s", name);
    (void)pthread_setname_np(*ret_thread, name); /* more than 15 characters: it keeps its parent's */
    return true;
}
