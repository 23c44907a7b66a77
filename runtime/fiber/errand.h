/* runtime/fiber/errand.h -- for whom a fiber works: long computations ask whether anybody still waits for them.
 *
 * Who has left is noticed by itself only when something is sent to him. Work that goes on for minutes before that asks
 * now and then, and may end; nothing is cancelled, and who never asks goes on. */
#pragma once

#include "runtime/fiber/fiber.h"

struct errand {
    bool (*is_in_vain)(void *argument); /* must not suspend */
    void *argument;
};

/* Of the calling fiber, from now on; it must live until the next call or the fiber's end. NULL: for nobody. */
void errand_set(const struct errand *errand);
/* Has he left for whom this fiber works? Costs what asking costs, a system call for a connection. */
bool errand_is_in_vain(void);
