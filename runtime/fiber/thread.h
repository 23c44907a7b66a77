/* runtime/fiber/thread.h -- a thread beside the shards. */
#pragma once

#include "runtime/base/error.h"

#include <pthread.h>
#include <stdbool.h>

/* With all signals blocked: they are for the thread that waits for them. `name` has at most 15 characters, which tools
 * show. The caller joins it. */
bool thread_start(const char *name, void *(*entry)(void *argument), void *argument, pthread_t *ret_thread,
                  struct error *error);
