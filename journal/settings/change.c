/* journal/settings/change.c -- read what was committed, write what is greater. */
#include "journal/settings/change.h"

#include "journal/settings/rules.h"

enum { FLUSHES = 4, PAUSE_NS = 200000000 };

/* What a batch is to do to one bucket. */
struct edit {
    uint64_t creation_id;
    const struct setting_change *changes; /* NULL: the bucket is gone */
    unsigned count;
};

static bool is_late(const struct journal_environment *environment, deadline_t deadline)
{
    return clock_monotonic_ns(environment->clock) >= deadline;
}

/* False: everything is being stopped. */
SUSPENDS static bool pause(const struct journal_environment *environment)
{
    struct journal_scheduler *scheduler = environment->scheduler;
    return scheduler->sleep_until(scheduler, clock_monotonic_ns(environment->clock) + PAUSE_NS);
}

/* A view that has everything which was committed before the call, through whatever replica. */
SUSPENDS static bool read_all(struct journal *journal, const struct journal_environment *environment,
                              struct error *error)
{
    bool is_flushed = journal_flush(journal, error);
    for (unsigned i = 1; i < FLUSHES && !is_flushed && pause(environment); i++)
        is_flushed = journal_flush(journal, error);
    if (is_flushed && journal_state(journal) == NULL)
        return error_set(error, ERROR_BUSY, NULL, "the journal has not been read yet");
    return is_flushed;
}

/* After an upgrade it takes a generation until the head permits a new kind of op (journal/replica/fold.c). */
SUSPENDS static bool wait_for_permission(struct journal *journal, const struct journal_environment *environment,
                                         deadline_t deadline, struct error *error)
{
    while (journal_head(journal)->op_kind_last < OP_MAP_PUT_GREATER) {
        if (is_late(environment, deadline) || !pause(environment))
            return error_set(error, ERROR_BUSY, NULL, "the journal's head does not permit changes of settings yet");
    }
    return true;
}

/* One try. The error is only filled in when the batch was refused. */
SUSPENDS static enum journal_outcome try(struct journal *journal, const struct journal_environment *environment,
                                         const struct edit *edit, struct error *error)
{
    const struct state *state = journal_state(journal);
    uint64_t stamp = random_u64(environment->random);
    struct buffer ops;
    struct journal_answer answer = {.outcome = JOURNAL_COMMITTED}; /* where there is nothing to do */
    buffer_init(&ops, 0);
    if (edit->changes != NULL)
        settings_put_changes(&ops, state, edit->creation_id, edit->changes, edit->count, stamp);
    else
        settings_put_removal(&ops, state, edit->creation_id, stamp);
    const struct journal_batch batch = {.ops = buffer_span(&ops)};
    if (ops.size > 0)
        answer = journal_submit(journal, &batch, error);
    buffer_free(&ops);
    if (answer.outcome == JOURNAL_UNKNOWN && answer.has_key)
        answer = journal_resolve(journal, &answer.key); /* that it shows would not mean that it stays */
    return answer.outcome;
}

SUSPENDS static bool commit(struct journal *journal, const struct journal_environment *environment,
                            const struct edit *edit, deadline_t deadline, struct error *error)
{
    enum journal_outcome outcome;
    do {
        if (is_late(environment, deadline))
            return error_set(error, ERROR_BUSY, NULL, "the journal did not take the change in time");
        if (rule_reads_before_change() && !read_all(journal, environment, error))
            return false;
        if (edit->changes != NULL && !wait_for_permission(journal, environment, deadline, error))
            return false;
        outcome = try(journal, environment, edit, error);
    } while (outcome == JOURNAL_REJECTED);
    if (outcome == JOURNAL_REFUSED)
        return false;
    return outcome == JOURNAL_COMMITTED ||
           error_set(error, ERROR_BUSY, NULL,
                     "the journal does not say whether the change was made; it may show later");
}

bool settings_change(struct journal *journal, const struct journal_environment *environment, uint64_t creation_id,
                     const struct setting_change *changes, unsigned count, deadline_t deadline, struct error *error)
{
    const struct edit edit = {creation_id, changes, count};
    return commit(journal, environment, &edit, deadline, error);
}

bool settings_remove_bucket(struct journal *journal, const struct journal_environment *environment,
                            uint64_t creation_id, deadline_t deadline, struct error *error)
{
    const struct edit edit = {.creation_id = creation_id};
    return commit(journal, environment, &edit, deadline, error);
}
