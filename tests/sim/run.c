/* tests/sim/run.c -- one seed from its first event to its last. */
#include "tests/sim/run.h"

#include "runtime/base/assert.h"
#include "tests/sim/actors.h"
#include "tests/sim/coverage.h"
#include "tests/sim/faults.h"
#include "tests/sim/objects.h"
#include "tests/sim/oracle.h"
#include "tests/sim/workload.h"

#include <stdio.h>

enum { STEPS_MAX = 800000 };

struct simulation sim;

void violate(const char *rule, int batch, const char *text)
{
    if (sim.result->is_violated)
        return;
    sim.result->is_violated = true;
    (void)snprintf(sim.result->violation, sizeof sim.result->violation, "%s: batch %d: %s (at %llu ms)", rule, batch,
                   text, (unsigned long long)(world_now() / MS));
}

static void after_step(void)
{
    for (unsigned i = 0; i < sim.actors_count && !sim.result->is_violated; i++)
        check_replica(&sim.actors[i]);
}

static bool never(void)
{
    return sim.result->is_violated;
}

static bool is_worked_off(void)
{
    if (sim.result->is_violated)
        return true;
    return sim.truths_count >= sim.batches_wanted;
}

static void do_nothing(void)
{
}

static unsigned end_done;

static void resolve_run(void *argument)
{
    struct actor *actor = argument;
    struct error error;
    for (unsigned i = 0; i < 60 && !journal_flush(actor->journal, &error); i++)
        world_sleep_ms(500);
    for (unsigned i = 0; i < sim.truths_count && !sim.result->is_violated; i++) {
        struct truth *truth = &sim.truths[i];
        for (unsigned t = 0; t < truth->tries; t++) {
            struct journal_answer answer = journal_resolve(actor->journal, &truth->keys[t]);
            if (answer.outcome == JOURNAL_UNKNOWN) {
                bool is_beyond = sim.head.generation > truth->keys[t].base + sim.options.horizon;
                COVER_IF(is_beyond, asked_beyond_horizon);
                if (!is_beyond)
                    violate("J33", (int)i, "stays undecided though nothing is in the way");
                continue;
            }
            segment_told(&truth->keys[t], answer.outcome);
            truth->outcomes[t] = answer.outcome;
            truth->is_committed |= answer.outcome == JOURNAL_COMMITTED;
        }
    }
    (void)journal_flush(actor->journal, &error);
    end_done++;
}

static bool all_have_ended(void)
{
    return sim.result->is_violated || end_done == sim.actors_count;
}

/* J32: after some more generations nothing is left but the window, the head and what it names. */
static void drive_run(void *argument)
{
    struct actor *actor = argument;
    for (unsigned i = 0; i < 3 * (sim.options.window + 4) && actor->journal->has_head; i++) {
        actor->journal->must_drive = true;
        world_sleep_ms(2 * sim.options.fold_gap_ms);
    }
    end_done = sim.actors_count;
}

static void end_phase(void)
{
    world_faults = false;
    sim.is_ending = true;
    bool stuck = !world_run(never, after_step, world_now() + UINT64_C(60000) * MS, STEPS_MAX);
    for (unsigned i = 0; i < sim.actors_count; i++) {
        if (sim.actors[i].journal == NULL) {
            sim.actors[i].restart_at = 0;
            actor_start(&sim.actors[i]);
        }
    }
    end_done = 0;
    for (unsigned i = 0; i < sim.actors_count && !sim.result->is_violated; i++)
        world_spawn(NULL, resolve_run, &sim.actors[i]);
    stuck |= !world_run(all_have_ended, after_step, world_now() + UINT64_C(600000) * MS, STEPS_MAX);
    if (!sim.result->is_violated && (stuck || end_done < sim.actors_count))
        violate("J33", -1, "the end was not reached");
    end_done = 0; /* once more, when all that was undecided has been decided */
    for (unsigned i = 0; i < sim.actors_count && !sim.result->is_violated; i++)
        world_spawn(NULL, resolve_run, &sim.actors[i]);
    (void)world_run(all_have_ended, after_step, world_now() + UINT64_C(600000) * MS, STEPS_MAX);
    if (!sim.result->is_violated)
        check_end();
    end_done = 0;
    world_rates.page_names = STORE_PAGE_NAMES_MAX;
    world_spawn(NULL, drive_run, &sim.actors[0]);
    (void)world_run(all_have_ended, after_step, world_now() + UINT64_C(600000) * MS, STEPS_MAX);
    if (!sim.result->is_violated)
        check_leftovers();
}

/* Stops everything. What a seed has left open now would leak into the next one: J50. */
static void tear_down(bool *is_over)
{
    *is_over = true;
    world_faults = false;
    world_observer = (struct store_observer){NULL, NULL};
    struct run_result kept = *sim.result;
    sim.result->is_violated = false; /* run on */
    for (unsigned i = 0; i < sim.actors_count; i++) {
        if (sim.actors[i].journal != NULL)
            process_kill(&sim.actors[i].process);
    }
    (void)world_run(never, do_nothing, world_now() + UINT64_C(700000) * MS, STEPS_MAX);
    *sim.result = kept;
    for (unsigned i = 0; i < sim.actors_count; i++) {
        if (sim.actors[i].journal == NULL)
            continue;
        if (journal_is_idle(sim.actors[i].journal))
            actor_free(&sim.actors[i]);
        else
            violate("J50", -1, "tasks of a stopped journal go on");
    }
}

void run_seed(uint64_t seed, struct run_result *ret_result)
{
    static bool is_over;
    *ret_result = (struct run_result){0};
    sim.result = ret_result;
    world_begin(seed);
    uint64_t multi_page_before = coverage.counts[COVER_multi_page];
    sim.truths_count = 0;
    is_over = sim.is_ending = sim.has_head = false;
    segments_begin();
    memset(sim.actors, 0, sizeof sim.actors);
    faults_draw();
    workload_draw();
    world_observer = (struct store_observer){check_head_written, check_name_deleted};
    world_faults = true;
    world_spawn(NULL, supervisor_run, &is_over);
    world_spawn(NULL, weather_run, &is_over);
    (void)world_run(is_worked_off, after_step, world_now() + UINT64_C(400000) * MS, STEPS_MAX);
    if (!sim.result->is_violated)
        end_phase();
    sim.result->trace = world_trace();
    sim.result->generations = sim.has_head ? sim.head.generation : 0;
    sim.result->batches = sim.truths_count;
    sim.result->had_multi_page = coverage.counts[COVER_multi_page] > multi_page_before;
    for (unsigned i = 0; i < sim.truths_count; i++) {
        sim.result->committed += sim.truths[i].is_committed;
        sim.result->unknown += !sim.truths[i].is_committed && sim.truths[i].is_maybe;
    }
    sim.result->rejected = sim.truths_count - sim.result->committed - sim.result->unknown;
    tear_down(&is_over);
    world_end();
}
