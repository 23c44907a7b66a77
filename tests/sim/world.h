/* tests/sim/world.h -- one thread, virtual time, one seed: coroutines, processes, and an object store as bad as S1-S16
 * allow. Nothing here knows of the journal but the interfaces of journal/store.h. */
#pragma once

#include "journal/store.h"

#include <stdbool.h>
#include <stdint.h>

enum { PROCESSES_MAX = 8, MS = 1000000 };

/* Rates in 1/1000 per request, drawn anew for each seed. */
struct fault_rates {
    unsigned lost, answer_lost, late, twice, conflict, crash, pause, delete_part;
    uint64_t late_ms_max, pause_ms_max, latency_ms_max;
    unsigned page_names; /* of a listing */
};

struct process {
    unsigned number;
    bool is_dead; /* its tasks see every wait end at once, and no request of theirs has an effect */
    int64_t wall_offset_ms;
    uint64_t stopped_until; /* the whole process stands still */
    struct journal_scheduler scheduler;
    struct journal_store store;
    struct clock clock;
    void (*crashed)(struct process *process);
};

struct coverage {
    uint64_t requests, lost, answers_lost, late, late_effects, twice, conflicts, crashes, pauses, deletes_skipped;
    uint64_t pages, multi_page, condition_failed;
};

/* What the oracles want to see of the store. Called at the instant of the effect. */
struct store_observer {
    void (*head_written)(struct span body);
    void (*name_deleted)(const char *name);
};

extern struct fault_rates world_rates;
extern struct coverage world_coverage;
extern struct store_observer world_observer;
extern bool world_faults; /* false: quiet */

void world_begin(uint64_t seed);
void world_end(void);
uint64_t world_now(void);
uint64_t world_trace(void); /* hash of everything that happened */
const struct random_source *world_random(void);
uint64_t world_below(uint64_t bound);
bool world_chance(unsigned permille);

void process_begin(struct process *process, unsigned number);
/* A task of no process (NULL) is never killed. */
bool world_spawn(struct process *process, void (*entry)(void *), void *argument);
void world_sleep_ms(uint64_t milliseconds);
void process_kill(struct process *process);
/* Runs until nothing is left to do, `until` has come, or `is_done` says so. False: neither before `steps_max` steps. */
bool world_run(bool (*is_done)(void), void (*after_step)(void), uint64_t until, uint64_t steps_max);
unsigned world_tasks_of(const struct process *process);

/* The truth. */
bool world_object(const char *name, struct span *ret_body);
unsigned world_names(const char *prefix, void (*visit)(const char *name));
