/* server/lifecycle/hold.h -- may a sweep go on? Its record, its rules, the clock and the process stand as they did when
 * it began; and its record is written anew, so that they go on to. Shard 0. */
#pragma once

#include "server/lifecycle/sweep.h"

enum { SWEEP_TURN_MS = 30000 }; /* so long a sweep waits for its turn among changes of settings */

/* Which configuration the bucket has now. False: none. */
bool sweep_find_rules(const struct lifecycle_runner *runner, uint64_t creation_id, uint64_t *ret_rules);

/* ERROR_CHANGED: its rules were replaced. ERROR_CONFLICT: another process has it. ERROR_BUSY: not at the moment.
 * ERROR_CANCELLED: the process ends. */
bool sweep_may_go_on(struct lifecycle_sweep *sweep, struct error *error);
/* The same, and from now on no rules change until keeper_give_turn: they have before, or will after. */
SUSPENDS bool sweep_take_turn(struct lifecycle_sweep *sweep, struct error *error);

/* Where it is. Errors as of sweep_record_put. */
SUSPENDS bool sweep_write_record(struct lifecycle_sweep *sweep, struct error *error);
/* When the record must be written again, so that nobody takes it over. */
deadline_t sweep_renewal_due_ns(const struct lifecycle_sweep *sweep);
/* If it is time. */
SUSPENDS bool sweep_renew(struct lifecycle_sweep *sweep, struct error *error);
