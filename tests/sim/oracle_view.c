/* tests/sim/oracle_view.c -- what each replica serves, looked at after every step. */
#include "tests/sim/oracle.h"

/* Marks what the list holds; -1, or the batch that is there twice. */
static int list_read(const struct state *state, struct span name, bool *ret_visible, unsigned *ret_count,
                     int *ret_order)
{
    struct cursor cursor = cursor_of(state_list(state, SPACE_TEST, SPAN("order"), name));
    int twice = -1;
    *ret_count = 0;
    memset(ret_visible, 0, BATCHES_MAX);
    while (cursor.rest.size > 0 && !cursor.failed) {
        (void)cursor_u32(&cursor);
        uint32_t number = cursor_u32(&cursor);
        if (number >= BATCHES_MAX)
            return (int)number;
        if (ret_visible[number])
            twice = (int)number;
        ret_visible[number] = true;
        if (ret_order != NULL)
            ret_order[number] = (int)*ret_count;
        ++*ret_count;
    }
    return twice;
}

void check_state(const struct state *state, bool *ret_visible, int *ret_order)
{
    static bool twins[BATCHES_MAX];
    unsigned count, twins_count;
    int twice = list_read(state, SPAN("all"), ret_visible, &count, ret_order);
    if (twice >= 0)
        violate("J11", twice, "counts twice");
    (void)list_read(state, SPAN("twin"), twins, &twins_count, NULL);
    if (count != twins_count || memcmp(twins, ret_visible, sizeof twins) != 0)
        violate("J4", -1, "a batch is visible in part");
    int64_t sum = state_counter(state, SPACE_TEST, SPAN("sum"), SPAN("all"));
    int64_t expected = 0;
    for (unsigned i = 0; i < sim.truths_count; i++) {
        expected += ret_visible[i] ? (i % 3 == 0 ? -100 : 70) : 0;
        if (ret_visible[i] && !sim.truths[i].is_submitted)
            violate("J6", (int)i, "was never submitted");
    }
    if (sum != expected)
        violate("J11", -1, "the counter is not the sum of what is visible");
}

/* What a try showed that was never committed may be withdrawn (J6), also when another try of the same batch has been
 * committed meanwhile. */
static bool was_tried_again(const struct truth *truth)
{
    return truth->tries > 1;
}

void check_replica(struct actor *actor)
{
    struct journal *journal = actor->journal;
    const struct state *state = journal == NULL ? NULL : journal_state(journal);
    if (state == NULL || actor->process.is_dead)
        return;
    static bool visible[BATCHES_MAX];
    if (state->digest != actor->seen_digest || journal->head->generation != actor->seen_generation ||
        journal->applied_count != actor->seen_applied) {
        check_state(state, visible, NULL);
        for (unsigned i = 0; i < sim.truths_count; i++) {
            if (actor->visible[i] && sim.truths[i].is_committed && !visible[i] && !was_tried_again(&sim.truths[i]))
                violate("J19", (int)i, "was visible, is committed, and went away");
        }
        memcpy(actor->visible, visible, sizeof visible);
        actor->seen_digest = state->digest;
        actor->seen_generation = journal->head->generation;
        actor->seen_applied = journal->applied_count;
    }
    if (journal->good_tick_ns == actor->seen_good_tick)
        return;
    actor->seen_good_tick = journal->good_tick_ns;
    for (unsigned i = 0; i < sim.truths_count; i++) {
        if (sim.truths[i].is_committed && sim.truths[i].committed_at < journal->good_tick_ns && !actor->visible[i])
            violate("J20", (int)i, "was committed before a good poll, and is not visible");
    }
}
