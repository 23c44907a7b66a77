/* tools/bale/maintain/local_maintenance.h -- a walk that this process does, on a store that it has opened itself. */
#pragma once

#include "server/maintenance/maintenance.h"
#include "tools/bale/view/progress.h"

#include <stdio.h>

struct local_maintenance {
    struct maintenance *maintenance; /* its watcher is set here */
    const char *folder;              /* NULL: it is a bucket */
    FILE *log;                       /* NULL: none is kept */
    unsigned walks_cut;              /* of a folder beside its server: snapshots under which bytes were written over */
    struct progress progress;
};

/* A session_work, with this as its context. A dry walk over a folder that meets what it cannot read is to be done anew
 * over a newer snapshot, and says ERROR_DAMAGED (backend_session_look); the last one counts. */
SUSPENDS bool local_maintenance_run(struct bucket_store *store, void *context, struct error *error);
