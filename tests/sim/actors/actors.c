/* tests/sim/actors/actors.c -- processes: they start, die, start again, and are cloned. */
#include "tests/sim/actors/actors.h"

#include "tests/sim/actors/disk.h"
#include "tests/sim/actors/workload.h"
#include "tests/sim/coverage.h"
#include "tests/sim/world/faults.h"
#include "tests/sim/world/objects.h"

static void crashed(struct process *process)
{
    struct actor *actor = LIST_ELEMENT(process, struct actor, process);
    journal_stop(actor->journal);
    actor->restart_at = world_now() + world_below(sim.restarts_late && actor != sim.actors ? 16000 : 3000) * MS;
}

void actor_free(struct actor *actor)
{
    const struct journal_counters *counters = journal_counters(actor->journal);
    coverage.counts[COVER_predecessor_missing] += counters->found_held;
    coverage.counts[COVER_forced_while_held] += counters->forced_while_held;
    coverage.counts[COVER_quarantined] += counters->quarantined;
    coverage.counts[COVER_given_up] += counters->given_up;
    coverage.counts[COVER_newer_met] += counters->newer_met;
    spool_sender_free(actor->sender);
    journal_free(actor->journal);
    actor->journal = NULL;
}

/* In place of all those that wait for generations somewhere. */
static void drive_run(void *argument)
{
    struct actor *actor = argument;
    while (!actor->process.is_dead && !sim.is_ending) {
        actor->journal->compactor.must_drive = true;
        world_sleep_ms(10);
    }
}

void actor_start(struct actor *actor)
{
    actor->process.crashed = crashed;
    process_begin(&actor->process, (unsigned)(actor - sim.actors));
    struct journal_environment environment = {&actor->process.store, &actor->process.clock, world_random(),
                                              &actor->process.scheduler};
    actor->started_at = world_now();
    actor->process.began_with_copy = world_names(HEADS_PREFIX, NULL) > 0;
    actor->process.is_old = world_rates.special == SPECIAL_MIXED && !actor->is_upgraded;
    actor->process.takes_any_head = sim.has_former;
    if (world_rates.special == SPECIAL_SLOW && actor == sim.actors)
        actor->process.get_extra_ms = sim.options.fold_gap_ms / 2 + world_below(sim.options.fold_gap_ms);
    actor->has_view = false;
    actor->seen_good_tick = 0;
    actor->commits_seen = 0;
    actor->last_committed = NO_SEGMENT;
    struct journal_options options = sim.options;
    if (actor < sim.actors + sim.hasty_count) {
        options.fold_gap_ms = sim.has_stale_lists ? 30 + (unsigned)world_below(60) : 4 + (unsigned)world_below(12);
        options.fold_age_ms = 1;
    }
    if (sim.has_one_compactor && actor != sim.actors && !sim.is_ending)
        options.fold_age_ms = 1000000;
    if (sim.restarts_late && actor != sim.actors && !sim.is_ending)
        options.fold_gap_ms = 1000000; /* not even for those that wait for generations */
    if (sim.has_one_compactor && actor == sim.actors + sim.actors_count - 1)
        options.poll_ms = 3000; /* its clock lags: what it writes comes in front of what others have written */
    if (actor == sim.actors) {
        actor->process.list_extra_ms = sim.slow_list_ms;
        actor->process.lists_are_stale = sim.has_stale_lists;
    }
    actor->journal = journal_open(&environment, &options);
    if (actor < sim.actors + sim.hasty_count && !sim.is_ending)
        world_spawn(&actor->process, drive_run, actor);
    struct spool *spool = disk_attach((unsigned)(actor - sim.actors));
    const struct spool_sender_options sending = {.interval_ms = sim.options.poll_ms, .backoff_max_ms = 2000};
    actor->sender = spool_sender_start(&environment, actor->journal, spool, &sending);
    if (sim.is_ending)
        return;
    workload_start(actor);
}

void actor_flush(struct actor *actor)
{
    struct error error;
    for (unsigned i = 0; i < 60 && !journal_flush(actor->journal, &error); i++)
        world_sleep_ms(500);
}

/* F31: the process and its memory are there twice; both go on under one writer id. */
static void clone_writer(void)
{
    struct actor *from = &sim.actors[world_below(sim.actors_count)];
    struct actor *to = &sim.actors[world_below(sim.actors_count)];
    if (from == to || from->process.is_dead || to->process.is_dead || from->journal == NULL || to->journal == NULL)
        return;
    to->journal->writer.id = from->journal->writer.id;
    to->journal->writer.sequence = from->journal->writer.sequence;
    if (to->journal->writer.clock > from->journal->writer.clock) /* both have seen what either has */
        from->journal->writer.clock = to->journal->writer.clock;
    to->journal->writer.clock = from->journal->writer.clock;
    COVER(clones);
    to->process.wall_offset_ms = from->process.wall_offset_ms;
}

/* A machine that stays down for so long is left alone. */
static bool is_put_away(const struct actor *actor)
{
    return actor->restart_at > world_now() + UINT64_C(20000) * MS;
}

/* Two machines that are down change their disks, or one gets a copy of the other's spools. */
static void carry_disks(void)
{
    struct actor *a = &sim.actors[world_below(sim.actors_count)];
    struct actor *b = &sim.actors[world_below(sim.actors_count)];
    if (a == b || a->journal != NULL || b->journal != NULL || is_put_away(a) || is_put_away(b))
        return;
    if (sim.disk_copies == 0 || world_below(4) != 0) {
        disks_swap((unsigned)(a - sim.actors), (unsigned)(b - sim.actors));
    } else if (disks_copy((unsigned)(a - sim.actors), (unsigned)(b - sim.actors))) {
        sim.disk_copies--;
        if (world_below(2)) /* until nobody remembers any more who opened or closed its spools */
            b->restart_at = world_now() + (UINT64_C(21000) + 10 * sim.options.horizon * sim.options.fold_gap_ms) * MS;
    }
}

void supervisor_run(void *argument)
{
    bool *is_over = argument;
    while (!*is_over) {
        world_sleep_ms(100);
        if (*is_over)
            break;
        if (world_faults && world_chance(3))
            clone_writer();
        carry_disks();
        if (world_faults && world_chance(5))
            workload_put_relic();
        for (unsigned i = 0; i < sim.actors_count; i++) {
            struct actor *actor = &sim.actors[i];
            if (actor->journal != NULL && actor->process.is_dead && world_tasks_of(&actor->process) == 0 &&
                journal_is_idle(actor->journal)) {
                actor_free(actor);
            }
            if (actor->journal == NULL && world_now() >= actor->restart_at)
                actor_start(actor);
        }
    }
}
