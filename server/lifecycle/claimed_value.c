/* server/lifecycle/claimed_value.c -- map-put-if, and the wait until the state has it. */
#include "server/lifecycle/claimed_value.h"

enum { FLUSHES = 4, FLUSH_PAUSE_NS = 200000000, RENEWALS = 5 /* in the time after which it is another's */ };

static const uint64_t RENEWAL_NS_MAX = UINT64_C(60) * 1000000000;

uint64_t claimed_value_renewal_ns(uint64_t takeover_ms)
{
    uint64_t pause_ns = takeover_ms * 1000000 / RENEWALS;
    return pause_ns < RENEWAL_NS_MAX ? pause_ns : RENEWAL_NS_MAX;
}

SUSPENDS bool claimed_value_submit(struct journal *journal, const struct buffer *ops, struct error *error)
{
    const struct journal_batch batch = {.ops = buffer_span(ops)};
    struct journal_answer answer = journal_submit(journal, &batch, error);
    if (answer.outcome == JOURNAL_UNKNOWN && answer.has_key)
        answer = journal_resolve(journal, &answer.key);
    if (answer.outcome == JOURNAL_COMMITTED || answer.outcome == JOURNAL_REFUSED)
        return answer.outcome == JOURNAL_COMMITTED;
    return error_set(error, ERROR_BUSY, NULL, "the journal did not take it, or does not say whether it did");
}

/* What was committed is in the state. */
SUSPENDS static bool flush(struct journal *journal, const struct journal_environment *environment, struct error *error)
{
    struct journal_scheduler *scheduler = environment->scheduler;
    for (unsigned i = 0; i < FLUSHES; i++) {
        if (journal_flush(journal, error))
            return true;
        if (!scheduler->sleep_until(scheduler, clock_monotonic_ns(environment->clock) + FLUSH_PAUSE_NS))
            break;
    }
    return false;
}

SUSPENDS bool claimed_value_put(struct journal *journal, const struct journal_environment *environment,
                                const struct claimed_value *claimed, struct span value, struct error *error)
{
    struct buffer ops;
    const struct op_condition condition = {claimed->is_there, claimed->before, true, value};
    buffer_init(&ops, 0);
    op_put_map_put_if(&ops, SPACE_LIFECYCLE, claimed->table, claimed->key, &condition);
    bool done = claimed_value_submit(journal, &ops, error) && flush(journal, environment, error);
    buffer_free(&ops);
    return done;
}
