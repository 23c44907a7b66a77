/* tests/sim/run/run.c -- one seed from its first event to its last. */
#include "tests/sim/run/run.h"

#include "runtime/base/assert.h"
#include "tests/sim/actors/actors.h"
#include "tests/sim/actors/changers.h"
#include "tests/sim/actors/disk.h"
#include "tests/sim/actors/interference.h"
#include "tests/sim/actors/pipes.h"
#include "tests/sim/actors/workload.h"
#include "tests/sim/coverage.h"
#include "tests/sim/mutants.h"
#include "tests/sim/oracle/oracle.h"
#include "tests/sim/run/ending.h"
#include "tests/sim/run/restoring.h"
#include "tests/sim/world/faults.h"
#include "tests/sim/world/objects.h"

#include <stdio.h>

enum { SEEDS_FOR_SETTINGS = 4 /* one of so many has callers that change settings */ };

struct simulation sim;

void violate(const char *rule, int batch, const char *text)
{
    if (sim.result->is_violated)
        return;
    sim.result->is_violated = true;
    (void)snprintf(sim.result->violation, sizeof sim.result->violation, "%s: batch %d: %s (at %llu ms; %s)", rule,
                   batch, text, (unsigned long long)(world_now() / MS), faults_special_name());
}

void after_step(void)
{
    for (unsigned i = 0; i < sim.actors_count && !sim.result->is_violated; i++)
        check_replica(&sim.actors[i]);
    interference_check();
}

static bool is_worked_off(void)
{
    if (sim.result->is_violated)
        return true;
    return sim.truths_count >= sim.batches_wanted || (world_rates.special == SPECIAL_BAD_STORE && all_refuse());
}

static void do_nothing(void)
{
}

static bool at_no_time(void)
{
    return false;
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
    (void)world_run(at_no_time, do_nothing, world_now() + UINT64_C(700000) * MS, STEPS_MAX);
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
    interference_begin();
    uint64_t multi_page_before = coverage.counts[COVER_multi_page];
    sim.truths_count = 0;
    sim.counts_undecided = false;
    is_over = sim.is_ending = sim.is_resolving = sim.has_head = false;
    segments_begin();
    disks_begin();
    pipes_begin();
    changers_begin();
    sim.has_settings = seed % SEEDS_FOR_SETTINGS == 0;
    mutants_begin();
    memset(sim.actors, 0, sizeof sim.actors);
    faults_draw();
    workload_draw();
    world_observer = (struct store_observer){check_head_written, check_name_deleted};
    world_faults = !sim.is_calm;
    world_spawn(NULL, supervisor_run, &is_over);
    world_spawn(NULL, weather_run, &is_over);
    world_spawn(NULL, interference_run, &is_over);
    (void)world_run(is_worked_off, after_step, world_now() + UINT64_C(400000) * MS, STEPS_MAX);
    if (!sim.result->is_violated && world_rates.special == SPECIAL_BAD_STORE)
        ending_refusal();
    else if (!sim.result->is_violated && restoring_is_possible() && world_below(10) == 0)
        restoring_run();
    else if (!sim.result->is_violated)
        ending_run();
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
    interference_end();
    world_end();
}
