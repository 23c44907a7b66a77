/* tests/sim/world/world.h -- one thread, virtual time, one seed: coroutines and processes that die, pause and are cut
 * off. Nothing here knows of the journal but the interfaces of journal/store.h. */
#pragma once

#include "journal/store.h"
#include "tests/sim/world/progress.h"

#include <stdbool.h>
#include <stdint.h>

enum { PROCESSES_MAX = 8, MS = 1000000 };

struct process {
    unsigned number;
    bool is_dead;        /* its tasks see every wait end at once, and no request of theirs has an effect */
    bool is_old;         /* a version that does not know every kind of op (J40) */
    bool takes_any_head; /* and goes by heads that permit them all the same */
    bool was_told_head_missing, was_told_bell_damaged, was_told_row_damaged;
    bool began_with_copy; /* copies of heads were there when it began: it makes no first head (J36) */
    int64_t wall_offset_ms;
    uint64_t stopped_until;  /* the whole process stands still */
    uint64_t requests;       /* sent so far */
    uint64_t isolated_until; /* none of its requests arrives (F17) */
    uint64_t list_extra_ms;  /* each page of a listing comes so much later (F10) */
    bool lists_are_stale;    /* it was made at once, and only its answer takes that long */
    uint64_t get_extra_ms;   /* each of its GETs takes this much longer (F28) */
    struct journal_scheduler scheduler;
    struct journal_store store;
    struct clock clock;
    void (*crashed)(struct process *process);
};

extern bool world_faults; /* false: quiet */

void world_begin(uint64_t seed);
void world_end(void);
uint64_t world_now(void);
uint64_t world_trace(void); /* hash of everything that happened */
void world_note(uint64_t what);
const struct random_source *world_random(void);
uint64_t world_below(uint64_t bound);
bool world_chance(unsigned permille);
/* Mostly short, sometimes up to the whole range. */
uint64_t world_heavy_tail(uint64_t most);

void process_begin(struct process *process, unsigned number);
void process_kill(struct process *process);
/* A task of no process (NULL) is never killed. */
void world_spawn(struct process *process, void (*entry)(void *), void *argument);
unsigned world_tasks_of(const struct process *process);
/* Runs until nothing is left to do, `until` has come, or `is_done` says so. False: neither before `steps_max` steps. */
bool world_run(bool (*is_done)(void), void (*after_step)(void), uint64_t until, uint64_t steps_max);

/* ---- for the task that runs ---- */

void world_sleep_ms(uint64_t milliseconds);
void world_suspend_until(uint64_t time);
struct process *world_process(void);   /* NULL: a task of no process */
struct progress *world_progress(void); /* of this task through the journal's procedures */
bool world_is_dead(void);
/* At every await: the process may die here, or stand still. */
void world_meet_fate(void);

/* Calls happen(argument) at that time, or drop(argument) if the world ends before. */
void world_at(uint64_t time, void (*happen)(void *argument), void (*drop)(void *argument), void *argument);
