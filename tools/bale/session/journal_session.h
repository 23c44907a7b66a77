/* tools/bale/session/journal_session.h -- the journal of a backend, for the length of one piece of work. */
#pragma once

#include "journal/fiber_scheduler.h"
#include "journal/report/report.h"
#include "server/config/config.h"
#include "store/bucket.h"

struct journal_session {
    struct journal_environment environment;
    struct fiber_scheduler scheduler;
    struct spool *spool;     /* of a folder's store; NULL: there is none */
    struct journal *journal; /* while it is open */
};

/* Runs on a fiber. A folder is locked: no server has it. A bucket cannot be: others may serve it meanwhile. */
typedef SUSPENDS bool journal_work(struct journal_session *session, void *context, struct error *error);
bool journal_session_run(const struct config *where, journal_work *work, void *context, struct error *error);

/* The journal at work, in the session's backend; one at a time. `may_begin`: it makes a first head where there is none.
 */
SUSPENDS struct journal *journal_session_open(struct journal_session *session, bool may_begin);
SUSPENDS void journal_session_close(struct journal_session *session);

/* Beside a server or without one. A folder is read from a snapshot; where something is found, another snapshot is
 * looked at: bodies may have been written over under the first. A bucket is read as it is, and again likewise. */
bool journal_session_report(const struct config *where, bool verify, struct journal_report *ret_report,
                            struct error *error);
