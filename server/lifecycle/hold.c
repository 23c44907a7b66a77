/* server/lifecycle/hold.c -- looks at all on which a sweep stands. */
#include "server/lifecycle/hold.h"

#include "runtime/fiber/loop.h"
#include "server/lifecycle/claimed_value.h"

static const uint64_t VIEW_NS = UINT64_C(10) * 1000000000; /* by an older view of the rules nothing is done */

bool sweep_find_rules(const struct lifecycle_runner *runner, uint64_t creation_id, uint64_t *ret_rules)
{
    struct setting_record setting;
    const struct state *state = journal_state(runner->journal);
    bool is_set = setting_record_find(state, creation_id, SETTING_LIFECYCLE, &setting);
    *ret_rules = is_set ? setting.document : 0;
    return is_set;
}

/* A process that stood still, and wakes up: its view is old, and somebody else may have taken the sweep. */
static bool has_claim(const struct lifecycle_sweep *sweep, struct error *error)
{
    const struct journal *journal = sweep->runner->journal;
    if (!sweep_is_shared(sweep->runner))
        return true;
    if (journal_age_ns(journal) > VIEW_NS)
        return error_set(error, ERROR_BUSY, NULL, "the journal was not read for a while");
    return sweep_record_stands(journal_state(journal), sweep->bucket.creation_id, sweep->record.nonce) ||
           error_set(error, ERROR_CONFLICT, NULL, "another process has taken the sweep over");
}

/* Does everything stand as it did when this sweep began? */
bool sweep_may_go_on(struct lifecycle_sweep *sweep, struct error *error)
{
    struct lifecycle_runner *runner = sweep->runner;
    uint64_t rules;
    if (runner->is_ending)
        return error_set(error, ERROR_CANCELLED, NULL, "the process is ending");
    if (lifecycle_halt_of(runner) != LIFECYCLE_RUNS)
        return error_set(error, ERROR_BUSY, NULL, "%s", lifecycle_halt_text(runner));
    if (!sweep_find_rules(runner, sweep->bucket.creation_id, &rules) || rules != sweep->record.rules)
        return error_set(error, ERROR_CHANGED, NULL, "its rules were replaced");
    return has_claim(sweep, error);
}

SUSPENDS bool sweep_write_record(struct lifecycle_sweep *sweep, struct error *error)
{
    struct lifecycle_runner *runner = sweep->runner;
    sweep->renewed_ns = loop_now_ns();
    return sweep_record_put(runner->journal, runner->environment, sweep->bucket.creation_id, &sweep->record, error);
}

deadline_t sweep_renewal_due_ns(const struct lifecycle_sweep *sweep)
{
    return sweep->renewed_ns + claimed_value_renewal_ns(sweep->runner->takeover_ms);
}

SUSPENDS bool sweep_renew(struct lifecycle_sweep *sweep, struct error *error)
{
    return loop_now_ns() < sweep_renewal_due_ns(sweep) || sweep_write_record(sweep, error);
}

SUSPENDS bool sweep_take_turn(struct lifecycle_sweep *sweep, struct error *error)
{
    struct lifecycle_runner *runner = sweep->runner;
    if (!keeper_take_turn(runner->keeper, sweep->bucket.creation_id, deadline_after_ms(SWEEP_TURN_MS)))
        return error_set(error, ERROR_BUSY, NULL, "settings of the bucket are being changed all the time");
    if (sweep_may_go_on(sweep, error))
        return true;
    keeper_give_turn(runner->keeper, sweep->bucket.creation_id);
    return false;
}
