/* journal/settings/change.h -- changes settings of one bucket in the journal: durable when it returns true.
 *
 * Of two changes of one setting at the same time one wins, whole, on every replica, and both have been made: the other
 * came just before it. One that begins after another was answered wins against it, through whatever replica. When a
 * change returns true this replica shows it, or one that won.
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
/* The records of a bucket that is gone, and is changed by nobody any more, are taken away. Errors as above. */
SUSPENDS bool settings_remove_bucket(struct journal *journal, const struct journal_environment *environment,
                                     uint64_t creation_id, deadline_t deadline, struct error *error);
