/* journal/settings/change.h -- changes settings of one bucket in the journal: durable when it returns true.
 *
 * Whoever loses against another change of the same setting tries again, until it is its turn: callers never see a lost
 * comparison. Of two changes at the same time one is the last, whole; one that begins after another was answered comes
 * after it, through whatever replica.
 *
 * Several changes of one call appear in one step if nobody else changes the same settings meanwhile, as in a bucket
 * that does not exist yet. */
#pragma once

#include "journal/journal.h"
#include "journal/settings/records.h"

/* ERROR_BUSY: it was not done, or, when the message says so, may be done later; also when `deadline` (monotonic) has
 * passed. */
SUSPENDS bool settings_change(struct journal *journal, const struct journal_environment *environment,
                              uint64_t creation_id, const struct setting_change *changes, unsigned count,
                              deadline_t deadline, struct error *error);
