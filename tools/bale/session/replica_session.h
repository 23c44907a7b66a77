/* tools/bale/session/replica_session.h -- one piece of work on the bucket of an S3 server, as one of those who serve
 * it: what it does is in the savings ledger.
 *
 * For so long the process is a replica that listens to nobody, as `bale fleet` shows, with a state folder of its own,
 * which is made. There the ledger's amounts lie until the journal has them: what a run that was killed had done, the
 * next one with the same folder brings in. Where the backend has not done all that such a run had asked of it, that one
 * lasts 40 s at least, for so long it may still do it. Nothing is begun while the journal stands still. */
#pragma once

#include "server/config/config.h"
#include "tools/bale/session/session.h"

/* `where` names a bucket. ERROR_BUSY: another process has the folder, or the journal does not run. */
bool replica_session_run(const struct config *where, const char *state, session_work *work, void *context,
                         struct error *error);
