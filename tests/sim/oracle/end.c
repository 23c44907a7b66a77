/* tests/sim/oracle/end.c -- what must be so when faults have stopped and all is delivered. */
#include "tests/sim/oracle/oracle.h"

#include "tests/sim/actors/changers.h"
#include "tests/sim/actors/disk.h"
#include "tests/sim/oracle/fates.h"
#include "tests/sim/world/faults.h"
#include "tests/sim/world/objects.h"

#include "journal/format/part.h"

static unsigned waiting;

/* What landed late and was never acknowledged may wait for the next fold: nobody rang. */
static void count_waiting(const char *name)
{
    struct segment_key key;
    if (!segment_name_parse(span_from_string(name), &key))
        return;
    const struct known_segment *segment = segment_known(segment_index(&key));
    waiting += segment->is_committed && segment->covered == 0 && !segment->is_touched &&
               key.base + sim.head.window > sim.head.generation;
}

bool all_is_folded(void)
{
    waiting = 0;
    (void)world_names(SEGMENTS_PREFIX, count_waiting);
    return waiting == 0;
}

static bool is_touched(const struct truth *truth)
{
    bool is_touched = false;
    for (unsigned t = 0; t < truth->tries; t++)
        is_touched |= fate_is_touched(&truth->keys[t]);
    return is_touched;
}

/* Committed: once, rejected: not at all; that nothing counts twice has been seen at every step. */
static void check_batches(const struct state *state)
{
    static bool visible[BATCHES_MAX];
    check_state(state, visible);
    for (unsigned i = 0; i < sim.truths_count; i++) {
        const struct truth *truth = &sim.truths[i];
        if (truth->is_committed && !visible[i] && !is_touched(truth))
            violate("J1", (int)i, "was committed, and is lost");
        bool is_nowhere = truth->tries + truth->refusals > 0 && !truth->is_committed && !truth->is_maybe;
        for (unsigned t = 0; t < truth->tries; t++)
            is_nowhere &= truth->outcomes[t] == JOURNAL_REJECTED;
        if (is_nowhere && visible[i])
            violate("J2", (int)i, "was rejected or refused, and is there");
    }
}

void check_end(void)
{
    for (unsigned i = 0; i < sim.actors_count; i++) {
        const struct journal *journal = sim.actors[i].journal;
        const struct state *state = journal_state(journal);
        if (state == NULL) {
            violate("J35", -1, "a replica is not ready at the end");
            return;
        }
        check_batches(state);
        check_ledger(state);
        check_changes(state);
        if (journal->shown.head->generation != sim.head.generation)
            violate("J35", -1, "a replica stays behind at the end");
        if (state->digest != journal_state(sim.actors[0].journal)->digest)
            violate("J23", -1, "two replicas have different states");
        if (journal->counters.alarms[ALARM_DIGEST] > 0)
            violate("J24", -1, "a warm state was not the cold one");
    }
}

static void check_leftover(const char *name)
{
    struct segment_key key;
    if (segment_name_parse(span_from_string(name), &key) && key.base + sim.head.window + 4 < sim.head.generation &&
        head_find_quarantined(&sim.head, &key) == NULL) /* that one stays until somebody releases it */
        violate("J32", -1, "a dead segment was never removed");
}

void check_leftovers(void)
{
    if (world_rates.refuses_deletes_for_ever)
        return;
    (void)world_names(SEGMENTS_PREFIX, check_leftover);
    if (world_names(PARTS_PREFIX, NULL) > sim.options.horizon + 4 + HEAD_LAYERS_MAX)
        violate("J32", -1, "parts pile up");
    if (world_names(HEADS_PREFIX, NULL) > 8)
        violate("J32", -1, "copies of heads pile up");
}
