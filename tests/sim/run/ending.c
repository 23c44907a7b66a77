/* tests/sim/run/ending.c -- stops the faults, delivers what is in flight, starts a fresh replica, asks for every
 * outcome, and hands what is left to the end oracles. */
#include "tests/sim/run/ending.h"

#include "tests/sim/actors/actors.h"
#include "tests/sim/actors/disk.h"
#include "tests/sim/actors/interference.h"
#include "tests/sim/coverage.h"
#include "tests/sim/oracle/oracle.h"
#include "tests/sim/world/faults.h"
#include "tests/sim/world/requests.h"

enum {
    SETTLE_ROUNDS = 20,
    SPOOL_ROUNDS = 8, /* for each, at most */
    QUIET_POLLS = 20,
    ASK_ATTEMPTS = 10,
    IDLE_HOURS = 1,
    IDLE_ROUNDS = 3
};

static unsigned ended;
static uint64_t faults_ended_at;

static bool never(void)
{
    return sim.result->is_violated;
}

static bool none_is_awaited(void)
{
    return sim.result->is_violated || requests_awaited_since_faults() == 0;
}

static bool all_have_ended(void)
{
    return sim.result->is_violated || ended == sim.actors_count;
}

/* Runs one task for each actor to its end. */
static void each_actor(void (*run)(void *actor))
{
    ended = 0;
    for (unsigned i = 0; i < sim.actors_count && !sim.result->is_violated; i++)
        world_spawn(NULL, run, &sim.actors[i]);
    uint64_t steps_max = world_rates.special == SPECIAL_IDLE ? 4 * STEPS_MAX : STEPS_MAX; /* compactors look often */
    bool is_done = world_run(all_have_ended, after_step, world_now() + UINT64_C(4000000) * MS, steps_max);
    if (!sim.result->is_violated && (!is_done || ended < sim.actors_count))
        violate("J33", -1, "the end was not reached");
}

/* J40: the processes of the older version are replaced. Those of the former version can stay: they take any head. */
static void upgrade_all(void)
{
    for (unsigned i = 0; i < sim.actors_count && !sim.has_former; i++) {
        struct actor *actor = &sim.actors[i];
        actor->is_upgraded = true;
        if (actor->journal != NULL && actor->process.is_old)
            process_kill(&actor->process);
    }
    sim.actors[sim.actors_count].is_upgraded = true; /* the fresh one */
}

static void start_all(void)
{
    sim.actors_count++;
    for (unsigned i = 0; i < sim.actors_count; i++) {
        if (sim.actors[i].journal != NULL)
            continue;
        sim.actors[i].restart_at = 0;
        actor_start(&sim.actors[i]);
    }
}

/* ---- outcomes ---- */

/* Whoever asks makes the generations that decide it. Where restarts are late, all but the first actor and those that
 * were started since the faults ended still lie in a pause between folds as long as none in use. */
static bool makes_generations(const struct actor *actor)
{
    return !sim.restarts_late || actor == sim.actors || actor->started_at >= faults_ended_at;
}

static void resolve(struct actor *actor, unsigned number, unsigned attempt)
{
    struct truth *truth = &sim.truths[number];
    const struct segment_key *key = &truth->keys[attempt];
    struct journal_answer answer = journal_resolve(actor->journal, key);
    bool is_beyond = sim.head.generation > key->base + sim.options.horizon;
    for (unsigned i = 0; i < ASK_ATTEMPTS && answer.outcome == JOURNAL_UNKNOWN && !is_beyond; i++) {
        answer = journal_resolve(actor->journal, key);
        is_beyond = sim.head.generation > key->base + sim.options.horizon;
    }
    if (answer.outcome == JOURNAL_UNKNOWN) {
        COVER_IF(is_beyond, asked_beyond_horizon);
        if (!is_beyond && makes_generations(actor))
            violate("J33", (int)number, "stays undecided though nothing is in the way");
        return;
    }
    segment_told(key, answer.outcome);
    truth->outcomes[attempt] = answer.outcome;
    truth->is_committed |= answer.outcome == JOURNAL_COMMITTED;
}

/* The first actor asks for all that is undecided, and each for some of the rest: all answers must agree. */
static void resolve_run(void *argument)
{
    struct actor *actor = argument;
    actor_flush(actor);
    for (unsigned i = 0; i < sim.truths_count && !sim.result->is_violated; i++) {
        for (unsigned t = 0; t < sim.truths[i].tries; t++) {
            if ((actor == sim.actors && sim.truths[i].outcomes[t] == JOURNAL_UNKNOWN) || world_below(8) == 0)
                resolve(actor, i, t);
        }
    }
    ended++;
}

/* ---- one state ---- */

static void settle_once(struct actor *actor, unsigned round)
{
    struct error error;
    if (actor == sim.actors && round % 4 == 0 && round < SETTLE_ROUNDS / 2)
        operator_release(actor); /* a fold may put one aside after the first time */
    if (round >= SETTLE_ROUNDS / 2 && journal_state(actor->journal) != NULL && sim.head.quarantine_count == 0)
        disk_recount((unsigned)(actor - sim.actors), journal_state(actor->journal));
    (void)journal_flush(actor->journal, &error);
    world_sleep_ms(sim.options.fold_age_ms + 4 * sim.options.fold_gap_ms);
}

/* Again and again while spools wait: who died often has left many of them. They are drained one after the other, each
 * with three commits, and where a page shows one name a commit takes as long as a round. */
static void settle_run(void *argument)
{
    struct actor *actor = argument;
    unsigned rounds_max = SPOOL_ROUNDS * disks_spools_waiting();
    unsigned rounds = 0;
    do {
        COVER_IF(actor == sim.actors && rounds == SETTLE_ROUNDS, drained_late);
        for (unsigned i = 0; i < SETTLE_ROUNDS; i++)
            settle_once(actor, i);
        rounds += SETTLE_ROUNDS;
    } while (disks_spools_waiting() > 0 && rounds < rounds_max);
    actor_flush(actor);
    ended++;
}

/* ---- silence ---- */

/* What happened last may still be folded at first. */
static void quiet_run(void *argument)
{
    struct actor *actor = argument;
    bool is_quiet = false;
    for (unsigned i = 0; i < 3 && !is_quiet; i++) {
        uint64_t before = actor->process.requests;
        world_sleep_ms((uint64_t)QUIET_POLLS * sim.options.poll_ms);
        is_quiet = actor->process.requests - before <= QUIET_POLLS + 1;
    }
    if (!is_quiet)
        violate("J42", -1, "a quiet replica asks for more than the bell");
    ended++;
}

/* F30: hours of silence, and readers that ask for what is not there: neither costs a request (J42, J46). */
static void idle_run(void *argument)
{
    struct actor *actor = argument;
    const struct state *state = journal_state(actor->journal);
    uint64_t before = actor->process.requests;
    for (unsigned i = 0; i < 1000; i++) {
        uint64_t key = world_below(UINT64_MAX);
        (void)state_counter(state, SPACE_TEST, SPAN("unknown"), span_of(&key, sizeof key));
        (void)state_set_has(state, (uint8_t)key, SPAN_EMPTY, span_of(&key, sizeof key));
    }
    if (actor->process.requests != before)
        violate("J46", -1, "a question made a request");
    world_sleep_ms(IDLE_HOURS * UINT64_C(3600000));
    uint64_t polls = IDLE_HOURS * UINT64_C(3600000) / sim.options.poll_ms;
    if (actor->process.requests - before > polls + 1)
        violate("J42", -1, "an idle replica asks for more than the bell");
    COVER(idle_hours);
    ended++;
}

/* After some more generations nothing may be left but the window, the head and what it names. */
static void drive_run(void *argument)
{
    struct actor *actor = argument;
    for (unsigned i = 0; actor == sim.actors && i < 3 * (sim.options.window + 4) && actor->journal->shown.has_head;
         i++) {
        actor->journal->compactor.must_drive = true;
        world_sleep_ms(2 * sim.options.fold_gap_ms);
    }
    ended++;
}

/* Each since that generation took as many segments as it may, or more, which had to be taken. */
static bool folds_were_full(uint64_t generation)
{
    uint64_t made = sim.head.generation - generation;
    bool were_full = made > 0 && made <= sim.head.ancestors_count;
    for (uint64_t i = 0; i < made && were_full; i++)
        were_full = sim.head.ancestors[i].folded_count >= sim.options.fold_segments_max;
    return were_full;
}

/* J33 speaks of a store that answers. Whoever waits for an answer that was lost among the faults waits for its
 * deadline: that of many bodies on one slow line is longer than a minute, and a tick that waits lets no fold through.
 * So the minute without faults begins when all that was sent before is answered or given up, which is soon (J44).
 * Where folds are slow and take few, what has piled up among the faults takes more minutes, of full folds. */
static void fold_without_faults(void)
{
    (void)world_run(none_is_awaited, after_step, world_now() + UINT64_C(120000) * MS, STEPS_MAX);
    if (!none_is_awaited())
        violate("J44", -1, "a request is waited for far beyond any deadline");
    uint64_t generation;
    unsigned minutes = 0;
    do {
        generation = sim.head.generation;
        (void)world_run(never, after_step, world_now() + UINT64_C(60000) * MS, STEPS_MAX);
    } while (!all_is_folded() && folds_were_full(generation) && ++minutes < sim.head.window);
    if (!all_is_folded())
        violate("J33", -1, "a committed segment was not folded in a minute without faults");
}

bool all_refuse(void)
{
    unsigned count = 0;
    for (unsigned i = 0; i < sim.actors_count; i++)
        count += sim.actors[i].journal != NULL && sim.actors[i].journal->standing.ground == JOURNAL_STORE_BROKEN;
    return count == sim.actors_count;
}

void ending_refusal(void)
{
    if (!all_refuse())
        violate("J48", -1, "a store that does not keep its promises is not refused");
    if (sim.has_head || segments_count() > 0)
        violate("J48", -1, "something was written to a store that does not keep its promises");
    COVER_IF(world_rates.flaw == FLAW_CHECKS_EARLY, refused_early_checks);
    COVER_IF(world_rates.flaw == FLAW_CREATES_OVER || world_rates.flaw == FLAW_REPLACES_ANY, refused_no_conditions);
    COVER_IF(world_rates.flaw == FLAW_REPLACES_ABSENT, refused_absent);
}

/* A sound store has not been called broken, whatever went wrong while it was tested. */
static void check_ground(void)
{
    for (unsigned i = 0; i < sim.actors_count; i++) {
        if (sim.actors[i].journal != NULL && sim.actors[i].journal->standing.ground == JOURNAL_STORE_BROKEN)
            violate("J48", -1, "a sound store is refused");
    }
    COVER_IF(!sim.options.trusts_store, tested_sound_store);
}

void ending_run(void)
{
    world_faults = false;
    faults_ended_at = world_now();
    sim.is_ending = true;
    for (unsigned i = 0; i < sim.actors_count; i++) {
        struct journal *journal = sim.actors[i].journal;
        if (journal == NULL)
            continue;
        journal->options.fold_gap_ms = sim.options.fold_gap_ms; /* nobody is in a hurry, or waits for others */
        journal->options.fold_age_ms = sim.options.fold_age_ms;
    }
    interference_undo();
    upgrade_all();
    fold_without_faults();
    sim.is_resolving = true; /* no process is started again from here on */
    start_all();
    check_ground();
    each_actor(resolve_run);
    each_actor(settle_run);
    if (!sim.result->is_violated)
        check_end();
    world_rates.page_names =
        STORE_PAGE_NAMES_MAX; /* a last fold that lists name by name would take longer than the silence */
    each_actor(quiet_run);
    for (unsigned i = 0; i < IDLE_ROUNDS && world_rates.special == SPECIAL_IDLE; i++)
        each_actor(idle_run);
    each_actor(drive_run);
    if (!sim.result->is_violated)
        check_leftovers();
}
