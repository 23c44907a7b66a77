/* journal/settings/change.c -- compare, put, look, and again. */
#include "journal/settings/change.h"

#include "journal/mutation.h"

enum { LOOKS = 4, LOOK_PAUSE_NS = 200000000 };

static bool are_done(const struct journal *journal, uint64_t creation_id, const struct setting_change *changes,
                     unsigned count)
{
    const struct state *state = journal_state(journal);
    return state != NULL && settings_are(state, creation_id, changes, count);
}

/* One try. The error is only filled in when the batch was refused. */
SUSPENDS static enum journal_outcome try(struct journal *journal, const struct journal_environment *environment,
                                         uint64_t creation_id, const struct setting_change *changes, unsigned count,
                                         struct error *error)
{
    const struct state *state = journal_state(journal);
    if (state == NULL) {
        (void)error_set(error, ERROR_BUSY, NULL, "the journal has not been read yet");
        return JOURNAL_REFUSED;
    }
    struct buffer ops;
    buffer_init(&ops, 0);
    settings_put_changes(&ops, state, creation_id, changes, count, random_u64(environment->random));
    const struct journal_batch batch = {.ops = buffer_span(&ops)};
    struct journal_answer answer = journal_submit(journal, &batch, error);
    buffer_free(&ops);
    if (answer.outcome == JOURNAL_UNKNOWN && answer.has_key)
        answer = journal_resolve(journal, &answer.key); /* that it shows would not mean that it stays */
    return answer.outcome;
}

/* A view that has everything which was committed before the call. That what we committed neither is nor was in it means
 * that somebody else came first. */
SUSPENDS static bool look(struct journal *journal, const struct journal_environment *environment, uint64_t creation_id,
                          const struct setting_change *changes, unsigned count, bool *ret_is_done, struct error *error)
{
    struct journal_scheduler *scheduler = environment->scheduler;
    bool is_flushed = journal_flush(journal, error);
    for (unsigned attempt = 1;
         attempt < LOOKS && !is_flushed &&
         scheduler->sleep_until(scheduler, clock_monotonic_ns(environment->clock) + LOOK_PAUSE_NS);
         attempt++)
        is_flushed = journal_flush(journal, error);
    const struct state *state = journal_state(journal);
    *ret_is_done = is_flushed && state != NULL && settings_were(state, creation_id, changes, count);
    return is_flushed;
}

static bool is_late(const struct journal_environment *environment, deadline_t deadline)
{
    return clock_monotonic_ns(environment->clock) >= deadline;
}

bool settings_change(struct journal *journal, const struct journal_environment *environment, uint64_t creation_id,
                     const struct setting_change *changes, unsigned count, deadline_t deadline, struct error *error)
{
    bool is_done = false;
    if (MUTATED(setting_changed_by_view))
        is_done = are_done(journal, creation_id, changes, count);
    /* what was answered before, also by another replica, must be seen: else our batch may come to count before it */
    else if (!look(journal, environment, creation_id, changes, count, &is_done, error))
        return false;
    while (!is_done) {
        if (is_late(environment, deadline))
            return error_set(error, ERROR_BUSY, NULL, "others change the same settings all the time");
        enum journal_outcome outcome = try(journal, environment, creation_id, changes, count, error);
        if (outcome == JOURNAL_REFUSED)
            return false;
        if (outcome == JOURNAL_REJECTED)
            continue;
        if (MUTATED(setting_not_looked_at) && outcome == JOURNAL_COMMITTED)
            return true;
        if (outcome != JOURNAL_COMMITTED || !look(journal, environment, creation_id, changes, count, &is_done, error))
            return error_set(error, ERROR_BUSY, NULL,
                             "the journal does not say whether the change was made; it may show later");
    }
    return true;
}
