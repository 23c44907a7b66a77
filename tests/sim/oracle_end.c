/* tests/sim/oracle_end.c -- what must be so when faults have stopped and all is delivered. */
#include "tests/sim/oracle.h"

#include "tests/sim/objects.h"

#include "journal/part.h"

/* What one writer had committed or could see, another one that repeated the batch need not have known. */
static bool was_tried_by_another(const struct truth *truth)
{
    for (unsigned i = 1; i < truth->tries; i++) {
        if (!journal_id_equal(&truth->keys[i].writer, &truth->keys[0].writer))
            return true;
    }
    return false;
}

static void check_order(unsigned b, const bool *visible, const int *order)
{
    const struct truth *truth = &sim.truths[b];
    if (!visible[b] || was_tried_by_another(truth))
        return;
    int before = truth->after_program;
    if (before >= 0 && visible[before] && order[before] > order[b])
        violate("J9", (int)b, "counts before what its caller had committed first");
    before = truth->after_cause;
    if (before >= 0 && sim.truths[before].is_committed && visible[before] && order[before] > order[b])
        violate("J10", (int)b, "counts before what its writer could see");
}

void check_end(void)
{
    static bool visible[BATCHES_MAX];
    static int order[BATCHES_MAX];
    for (unsigned i = 0; i < sim.actors_count; i++) {
        const struct state *state = journal_state(sim.actors[i].journal);
        if (state == NULL) {
            violate("J35", -1, "a replica is not ready at the end");
            return;
        }
        check_state(state, visible, order);
        if (sim.actors[i].journal->head->generation == sim.actors[0].journal->head->generation &&
            state->digest != journal_state(sim.actors[0].journal)->digest)
            violate("J23", -1, "two replicas have different states");
        for (unsigned b = 0; b < sim.truths_count; b++) {
            const struct truth *truth = &sim.truths[b];
            if (truth->is_committed && !visible[b])
                violate("J1", (int)b, "was committed, and is lost");
            bool all_rejected = truth->tries > 0 && !truth->is_committed && !truth->is_maybe;
            for (unsigned t = 0; t < truth->tries; t++)
                all_rejected &= truth->outcomes[t] == JOURNAL_REJECTED;
            if (all_rejected && visible[b])
                violate("J2", (int)b, "was rejected, and is there");
            check_order(b, visible, order);
        }
        if (sim.actors[i].journal->counters.alarms[ALARM_DIGEST] > 0)
            violate("J24", -1, "a warm state was not the cold one");
    }
}

static void check_leftover(const char *name)
{
    struct segment_key key;
    if (segment_name_parse(span_from_string(name), &key) && key.base + sim.head.window + 4 < sim.head.generation)
        violate("J32", -1, "a dead segment was never removed");
}

void check_leftovers(void)
{
    (void)world_names(SEGMENTS_PREFIX, check_leftover);
    if (world_names(PARTS_PREFIX, NULL) > sim.options.horizon + 4 + HEAD_LAYERS_MAX)
        violate("J32", -1, "parts pile up");
    if (world_names(HEADS_PREFIX, NULL) > 8)
        violate("J32", -1, "copies of heads pile up");
}
