/* tests/sim/faults.c -- draws the faults of a seed, and makes the weather. */
#include "tests/sim/faults.h"

#include "tests/sim/coverage.h"
#include "tests/sim/fates.h"
#include "tests/sim/simulation.h"

#include <stdlib.h>

struct fault_rates world_rates;
uint64_t faults_outage_until;

static unsigned one_of(const unsigned *choices, unsigned count)
{
    return choices[world_below(count)];
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
    faults_outage_until = 0;
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

void weather_run(void *argument)
{
    const bool *is_over = argument;
    while (!*is_over) {
        world_sleep_ms(100);
        if (*is_over || !world_faults)
            continue;
        struct process *process = &sim.actors[world_below(sim.actors_count)].process;
        if (world_chance(world_rates.weather)) {
            faults_outage_until = world_now() + world_heavy_tail(world_rates.outage_ms_max * MS);
            COVER(outages);
        }
        if (world_chance(world_rates.weather))
            isolate(process);
        if (world_chance(world_rates.weather))
            step_clock(process);
    }
}
