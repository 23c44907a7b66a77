/* tests/sim/world/faults.c -- draws the faults of a seed, and makes the weather. */
#include "tests/sim/world/faults.h"

#include "tests/sim/coverage.h"
#include "tests/sim/oracle/fates.h"
#include "tests/sim/simulation.h"

#include <stdlib.h>

struct fault_rates world_rates;
uint64_t faults_outage_until, faults_deletes_refused_until, faults_writes_refused_until;

static unsigned one_of(const unsigned *choices, unsigned count)
{
    return choices[world_below(count)];
}

/* The test of a store must find it out: so nothing else is in its way. */
static void draw_bad_store(void)
{
    world_rates = (struct fault_rates){.special = SPECIAL_BAD_STORE,
                                       .flaw = (enum store_flaw)(1 + world_below(FLAW_COUNT - 1)),
                                       .latency_ms_max = 10,
                                       .quiet_latency_ms_max = 3,
                                       .page_names = 1 + (unsigned)world_below(1000)};
}

void faults_draw(void)
{
    static const unsigned rates[] = {0, 0, 5, 20, 60, 200};
    static const unsigned latencies[] = {2, 20, 20, 120, 120, 400};
    world_rates = (struct fault_rates){0};
    unsigned *drawn[] = {&world_rates.lost, &world_rates.answer_lost, &world_rates.late, &world_rates.twice,
                         &world_rates.conflict};
    for (unsigned i = 0; i < 5; i++)
        *drawn[i] = one_of(rates, 6);
    world_rates.crash = (unsigned)(world_below(3) * world_below(4));
    world_rates.crash_at_point = one_of((unsigned[]){0, 0, 3, 15}, 4);
    world_rates.pause = (unsigned)(world_below(3) * world_below(8));
    world_rates.delete_part = world_below(2) ? 0 : 300;
    world_rates.weather = one_of((unsigned[]){0, 2, 2, 10}, 4);
    world_rates.late_ms_max = world_below(2) ? 2000 : 30000;
    world_rates.pause_ms_max = world_below(2) ? 1000 : 20000;
    world_rates.quiet_latency_ms_max = 3; /* when there are no faults */
    world_rates.latency_ms_max = one_of(latencies, 6);
    world_rates.outage_ms_max = world_below(50) == 0 ? 600000 : 10000;
    world_rates.page_names = world_below(2) ? 1000 : 1 + (unsigned)world_below(12);
    faults_outage_until = faults_deletes_refused_until = faults_writes_refused_until = 0;
    world_rates.damaged_read = one_of((unsigned[]){0, 0, 0, 5, 20}, 5);
    world_rates.special = world_below(2) ? SPECIAL_NONE : (enum special)world_below(SPECIAL_COUNT);
    world_rates.interference = one_of((unsigned[]){3, 10, 30}, 3);
    world_rates.replace_of_absent = (enum replace_of_absent)world_below(2);
    world_rates.slice_ms_max = one_of((unsigned[]){0, 0, 5, 60}, 4);
    if (world_rates.special == SPECIAL_TESTED && world_rates.damaged_read > 2)
        world_rates.damaged_read = 2; /* three in a row are the store's fault, not the way's */
    if (world_rates.special == SPECIAL_BAD_STORE)
        draw_bad_store();
    if (world_rates.special == SPECIAL_SLOW || world_rates.special == SPECIAL_IDLE)
        world_rates = (struct fault_rates){.special = world_rates.special,
                                           .latency_ms_max = 5,
                                           .quiet_latency_ms_max = 3,
                                           .page_names = world_rates.page_names};
    world_rates.refuses_deletes_for_ever = world_rates.special == SPECIAL_REFUSES && world_below(3) == 0;
}

const char *faults_special_name(void)
{
    static const char *const names[] = {"plain",       "segments vanish", "segments damaged",    "parts spoilt",
                                        "head spoilt", "foreign bodies",  "permissions missing", "churn",
                                        "bad store",   "tested store",    "slow reader",         "shapes",
                                        "idle",        "mixed versions"};
    _Static_assert(sizeof names / sizeof *names == SPECIAL_COUNT, "one name for each");
    return names[world_rates.special];
}

/* ---- the weather ---- */

struct isolation {
    struct process *process;
    uint64_t generation;
};

static void isolation_ends(void *argument)
{
    struct isolation *isolation = argument;
    COVER_IF(!isolation->process->is_dead && fates_generation() > isolation->generation + fates_horizon(),
             isolation_beyond_horizon);
    free(isolation);
}

static void isolate(struct process *process)
{
    if (process->is_dead || process->isolated_until > world_now())
        return;
    struct isolation *isolation = malloc(sizeof *isolation);
    *isolation = (struct isolation){process, fates_generation()};
    process->isolated_until = world_now() + world_heavy_tail(UINT64_C(30000) * MS);
    world_at(process->isolated_until, isolation_ends, free, isolation);
    COVER(isolations);
}

static void step_clock(struct process *process)
{
    int64_t years = INT64_C(10) * 365 * 86400 * 1000;
    process->wall_offset_ms +=
        world_below(2) ? (int64_t)world_below(4000) - 2000 : (int64_t)world_below((uint64_t)(2 * years)) - years;
    COVER(clock_jumps);
    int64_t retention = (int64_t)sim.options.horizon * sim.options.fold_gap_ms;
    for (unsigned i = 0; i < sim.actors_count; i++)
        COVER_IF(llabs(sim.actors[i].process.wall_offset_ms - process->wall_offset_ms) > retention, clock_far);
}

static void refuse(void)
{
    if (world_rates.refuses_deletes_for_ever)
        faults_deletes_refused_until = UINT64_MAX;
    else if (world_below(2))
        faults_deletes_refused_until = world_now() + world_heavy_tail(UINT64_C(60000) * MS);
    else
        faults_writes_refused_until = world_now() + world_heavy_tail(UINT64_C(10000) * MS);
}

/* F27: each process is stopped after a short life, in good order or not. */
static void churn(struct actor *actor)
{
    if (actor->journal == NULL || actor->process.is_dead || !actor->journal->shown.is_ready)
        return;
    COVER(short_lives);
    process_kill(&actor->process);
    actor->restart_at = world_now();
}

/* J40: a process goes, and one of the later version comes. */
static void upgrade(struct actor *actor)
{
    if (actor->is_upgraded || actor->journal == NULL || actor->process.is_dead)
        return;
    actor->is_upgraded = true;
    process_kill(&actor->process);
    actor->restart_at = world_now();
}

void weather_run(void *argument)
{
    const bool *is_over = argument;
    while (!*is_over) {
        world_sleep_ms(100);
        if (*is_over || !world_faults)
            continue;
        struct actor *actor = &sim.actors[world_below(sim.actors_count)];
        struct process *process = &actor->process;
        if (world_chance(world_rates.weather)) {
            faults_outage_until = world_now() + world_heavy_tail(world_rates.outage_ms_max * MS);
            COVER(outages);
        }
        if (world_chance(world_rates.weather))
            isolate(process);
        if (world_chance(world_rates.weather))
            step_clock(process);
        if (world_rates.special == SPECIAL_REFUSES && world_chance(world_rates.interference))
            refuse();
        if (world_rates.special == SPECIAL_CHURN && world_chance(100))
            churn(actor);
        if (world_rates.special == SPECIAL_MIXED && !sim.has_former && world_chance(world_rates.interference))
            upgrade(actor);
    }
}
