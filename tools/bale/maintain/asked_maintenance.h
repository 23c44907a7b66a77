/* tools/bale/maintain/asked_maintenance.h -- a walk that a running server does: it is told the policy, and watched.
 *
 * Where this command is killed the server's job goes on to its end; where a signal ends it, it stops the job. */
#pragma once

#include "server/maintenance/maintenance.h"
#include "tools/bale/session/control_call.h"
#include "tools/bale/view/progress.h"

#include <stdio.h>

struct asked_maintenance {
    struct control_place place;
    const char *policy; /* a file; so is the next one */
    const char *prices; /* NULL: the list */
    FILE *log;          /* NULL: none is kept */
    struct progress progress;
};

/* True: *ret_is_served says whether a server has the store. ERROR_DENIED: one has that does not know who asks. */
bool asked_maintenance_find(const struct control_place *place, bool *ret_is_served, struct error *error);
/* As maintenance_run; settings and policy of `maintenance` are what is asked for. ERROR_CLOSED: the server has gone. */
bool asked_maintenance_run(struct asked_maintenance *asked, struct maintenance *maintenance, struct error *error);
