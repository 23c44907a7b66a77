/* tests/sim/run/restoring.c -- all processes die in the middle of their work, and one or two operators, who may die as
 * well, save what is left. Either the head was deleted or damaged, and they restore it: what was committed is there,
 * once, and stays (J36). Or what is left is a copy that lacks anything (F26), and they adopt it: batches are whole,
 * none counts twice, and none without what its writer had committed before (J49). */
#include "tests/sim/run/restoring.h"

#include "journal/repair/restore.h"
#include "tests/sim/actors/actors.h"
#include "tests/sim/coverage.h"
#include "tests/sim/oracle/oracle.h"
#include "tests/sim/world/damage.h"
#include "tests/sim/world/faults.h"
#include "tests/sim/world/objects.h"

enum { OPERATORS = 2, FAULTY_LIVES = 4, LIVES = 8, TRIES = 10, FRESH = 2 };

struct operator
{
    struct process process;
    bool has_ended, is_done;
};

static struct operator operators[OPERATORS];
static uint64_t undecided;
static bool is_copy, is_hopeless;

static bool never(void)
{
    return false;
}

static void do_nothing(void)
{
}

static void nobody_mourns(struct process *process)
{
    (void)process;
}

bool restoring_is_possible(void)
{
    enum special special = world_rates.special;
    return sim.has_head && (special == SPECIAL_NONE || special == SPECIAL_CHURN || special == SPECIAL_REFUSES);
}

/* ---- the disaster ---- */

static void kill_all(void)
{
    for (unsigned i = 0; i < sim.actors_count; i++) {
        if (sim.actors[i].journal != NULL && !sim.actors[i].process.is_dead)
            process_kill(&sim.actors[i].process);
        sim.actors[i].restart_at = UINT64_MAX;
    }
    (void)world_run(never, do_nothing, world_now() + (uint64_t)1000 * MS, STEPS_MAX);
}

/* Also the newest copies, as far as those of the last two generations before it go: what was deleted since is covered
 * by each of them. */
static void lose_newest_copies(void)
{
    static struct store_page page;
    objects_list(HEADS_PREFIX, HEADS_PREFIX, STORE_PAGE_NAMES_MAX, &page);
    uint64_t newest = sim.head.generation; /* copies of it and of those before may be gone already */
    for (unsigned i = page.count; i-- > 1 && world_below(2);) {
        struct journal_id nonce;
        uint64_t generation, older;
        if (!head_copy_name_parse(span_from_string(page.names[i]), &generation, &nonce) ||
            !head_copy_name_parse(span_from_string(page.names[i - 1]), &older, &nonce))
            break;
        if (older + 2 < newest)
            break;
        damage_object(object_find(page.names[i]));
        COVER(restored_from_older);
    }
}

static void lose_head(void)
{
    struct object *head = object_find(HEAD_NAME);
    if (world_below(2))
        object_delete(HEAD_NAME);
    else
        damage_object(head);
    lose_newest_copies();
    COVER(restored);
}

/* Some objects of this kind have not arrived in the copy. */
static void lose_some(const char *prefix, unsigned permille)
{
    static struct store_page page;
    objects_list(prefix, prefix, STORE_PAGE_NAMES_MAX, &page);
    for (unsigned i = 0; i < page.count; i++) {
        if (world_chance(permille))
            object_delete(page.names[i]);
    }
}

static void lose_pieces(void)
{
    static const unsigned rates[] = {0, 50, 300, 800};
    lose_some(SEGMENTS_PREFIX, rates[world_below(4)]);
    lose_some(HEADS_PREFIX, rates[world_below(4)]);
    lose_some(PARTS_PREFIX, world_below(4) == 0 ? 50 : 0);
    if (world_below(3) == 0)
        object_delete(HEAD_NAME);
    COVER(adopted);
}

/* ---- operators ---- */

/* The first head was lost before there was a copy of it: before that nothing is written. */
static bool nothing_was_written(void)
{
    return segments_count() == 0 && world_names(HEADS_PREFIX, NULL) == 0;
}

static void operate(void *argument)
{
    struct operator* one = argument;
    struct process *process = &one->process;
    struct journal_environment environment = {&process->store, &process->clock, world_random(), &process->scheduler};
    for (unsigned i = 0; i < TRIES && !one->is_done && !process->is_dead; i++) {
        struct restore_plan plan;
        struct journal_id lineage;
        struct error error;
        if (restore_plan(&environment, is_copy ? RESTORE_ADOPTION : RESTORE_LOST_HEAD, &plan, &error)) {
            one->is_done = restore_execute(&environment, &plan, &lineage, &error);
            COVER_IF(is_copy && plan.rolls_lost > 0 && plan.held > 0, adopted_without_rolls);
            if (plan.undecided > undecided) /* also of one that died: it may have made the head */
                undecided = plan.undecided;
        } else if (error.kind == ERROR_CONFLICT) {
            one->is_done = true; /* there is a good head */
        } else if (error.kind == ERROR_NOT_FOUND && (is_copy || nothing_was_written())) {
            one->is_done = is_hopeless = true; /* nothing that hangs together has arrived, or ever was there */
        }
        world_sleep_ms(world_below(2000));
    }
    one->has_ended = true;
}

static bool all_have_ended(void)
{
    for (unsigned i = 0; i < OPERATORS; i++) {
        if (!operators[i].has_ended)
            return false;
    }
    return true;
}

/* One or both at once. */
static bool restore_once(unsigned life)
{
    unsigned count = 1 + (unsigned)world_below(OPERATORS);
    for (unsigned i = 0; i < OPERATORS; i++) {
        operators[i] = (struct operator){.has_ended = i >= count};
        operators[i].process.crashed = nobody_mourns;
        process_begin(&operators[i].process, REPLICAS_MAX + 1 + i);
        if (i < count)
            world_spawn(&operators[i].process, operate, &operators[i]);
    }
    world_faults = world_faults && life < FAULTY_LIVES;
    (void)world_run(all_have_ended, do_nothing, world_now() + UINT64_C(4000000) * MS, STEPS_MAX);
    bool is_done = false;
    for (unsigned i = 0; i < count; i++)
        is_done |= operators[i].is_done;
    (void)world_run(never, do_nothing, world_now() + (uint64_t)1000 * MS, STEPS_MAX);
    return is_done;
}

/* ---- the verdict ---- */

static void check_closed(const bool *visible, const struct known_segment *segment)
{
    for (unsigned p = 0; p < segment->pairs_count; p++) {
        const struct known_segment *before = segment_known(segment->pairs[p].before);
        for (unsigned b = 0; b < before->batches_count && segment->pairs[p].is_program; b++) {
            uint32_t number = before->batches[b].number;
            if (number != NO_BATCH && !visible[number])
                violate("J49", (int)number, "is not in the adopted copy, and what its writer wrote after it is");
        }
    }
}

/* Only segments of batches without ids say for sure that they count themselves. */
static void check_adopted(struct actor *actor)
{
    static bool visible[BATCHES_MAX];
    const struct state *state = journal_state(actor->journal);
    if (state == NULL || journal_condition(actor->journal) != JOURNAL_RUNS) {
        violate("J49", -1, "an adopted journal does not run");
        return;
    }
    check_state(state, visible);
    for (unsigned s = 0; s < segments_count(); s++) {
        const struct known_segment *segment = segment_known((int)s);
        const struct known_batch *first = segment->batches;
        if (segment->batches_count > 0 && first->number != NO_BATCH && !first->has_id && visible[first->number])
            check_closed(visible, segment);
    }
}

static void check_restored(struct actor *actor)
{
    static bool visible[BATCHES_MAX];
    if (is_copy) {
        check_adopted(actor);
        return;
    }
    const struct state *state = journal_state(actor->journal);
    if (state == NULL || journal_condition(actor->journal) != JOURNAL_RUNS) {
        violate("J36", -1, "a restored journal does not run");
        return;
    }
    check_state(state, visible);
    for (unsigned i = 0; i < sim.truths_count; i++) {
        const struct truth *truth = &sim.truths[i];
        bool is_rejected = truth->tries > 0 && !truth->is_committed && !truth->is_maybe;
        for (unsigned t = 0; t < truth->tries; t++)
            is_rejected &= truth->outcomes[t] == JOURNAL_REJECTED;
        if (truth->is_committed && !visible[i])
            violate("J36", (int)i, "was committed, and a restore lost it");
        if (is_rejected && visible[i] && undecided == 0)
            violate("J2", (int)i, "was rejected, and a restore that says nothing of it brought it back");
    }
}

static unsigned flushed;

static void use_run(void *argument)
{
    struct actor *actor = argument;
    actor_flush(actor);
    check_restored(actor);
    for (unsigned i = 0; i < 2 * (sim.options.window + 4); i++) { /* and stays, when what was there before is removed */
        actor->journal->compactor.must_drive = true;
        world_sleep_ms(2 * sim.options.fold_gap_ms);
    }
    actor_flush(actor);
    check_restored(actor);
    flushed++;
}

static bool all_have_flushed(void)
{
    return sim.result->is_violated || flushed == FRESH;
}

void restoring_run(void)
{
    sim.is_ending = sim.is_resolving = true;
    world_observer = (struct store_observer){NULL, NULL}; /* another lineage comes */
    kill_all();
    undecided = 0;
    is_copy = world_below(2);
    is_hopeless = false;
    if (is_copy)
        lose_pieces();
    else
        lose_head();
    bool is_done = false;
    for (unsigned life = 0; life < LIVES && !is_done; life++)
        is_done = restore_once(life);
    world_faults = false;
    if (!is_done)
        violate(is_copy ? "J49" : "J36", -1, "operators could not save the journal");
    if (is_hopeless)
        return;
    sim.counts_undecided = undecided > 0;
    (void)world_run(never, do_nothing, world_now() + UINT64_C(60000) * MS, STEPS_MAX); /* whatever comes late */
    flushed = 0;
    for (unsigned i = 0; i < FRESH && !sim.result->is_violated; i++) {
        actor_start(&sim.actors[i]);
        world_spawn(NULL, use_run, &sim.actors[i]);
    }
    (void)world_run(all_have_flushed, do_nothing, world_now() + UINT64_C(600000) * MS, STEPS_MAX);
    if (!sim.result->is_violated && flushed < FRESH)
        violate("J36", -1, "a restored journal does not go on");
}
