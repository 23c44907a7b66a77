/* tools/bale/journal_session.h -- the journal of a folder, for the length of one piece of work. */
#pragma once

#include "journal/fiber_scheduler.h"
#include "journal/report/report.h"
#include "store/bucket.h"

struct journal_session {
    struct journal_environment environment;
    struct fiber_scheduler scheduler;
    struct spool *spool;     /* of the folder's store */
    struct journal *journal; /* while it is open */
};

/* Runs on a fiber, with the folder locked: no server has it. */
typedef SUSPENDS bool journal_work(struct journal_session *session, void *context, struct error *error);
bool journal_session_run(const char *folder, journal_work *work, void *context, struct error *error);

/* The journal at work, on the session's folder; one at a time. */
SUSPENDS struct journal *journal_session_open(struct journal_session *session);
SUSPENDS void journal_session_close(struct journal_session *session);

/* From a snapshot, beside a server or without one. Where something is found, another snapshot is looked at: bodies may
 * have been written over under the first. */
bool journal_session_report(const char *folder, bool verify, struct journal_report *ret_report, struct error *error);
