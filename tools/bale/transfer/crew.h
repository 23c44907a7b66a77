/* tools/bale/transfer/crew.h -- some fibers that do one piece of work together: each takes what is next until nothing
 * is left. When one fails, the others are cancelled, and its reason is what comes of it all. */
#pragma once

#include "runtime/base/error.h"
#include "runtime/fiber/fiber.h"

/* One member's share; it returns when there is nothing more to take. After a failure of another one every wait fails
 * with ERROR_CANCELLED. */
typedef SUSPENDS bool crew_work(void *context, struct error *error);

enum { CREW_MEMBERS_MAX = 256 };

/* Returns when all have ended. `name` is static. */
SUSPENDS bool crew_run(const char *name, unsigned members, crew_work *work, void *context, struct error *error);
