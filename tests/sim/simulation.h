/* tests/sim/simulation.h -- what the parts of one run share: the truth about every batch, the processes, the store's
 * truth, and the verdict. */
#pragma once

#include "journal/journal.h"
#include "journal/replica.h"
#include "tests/sim/run.h"
#include "tests/sim/world.h"

enum { BATCHES_MAX = 512, TRIES_MAX = 4, REPLICAS_MAX = 5 };

/* The truth about one batch; its number is what it appends to the lists. */
struct truth {
    struct journal_id id;
    bool has_id, is_committed, is_maybe, is_submitted;
    uint64_t committed_at;
    int after_program, after_cause; /* batches that must count before it, or -1 */
    unsigned tries;
    struct segment_key keys[TRIES_MAX];
    enum journal_outcome outcomes[TRIES_MAX];
};

struct actor {
    struct process process;
    struct journal *journal;
    uint64_t restart_at;
    uint64_t seen_digest, seen_generation, seen_good_tick;
    size_t seen_applied;
    bool visible[BATCHES_MAX];
    int last_committed;
    unsigned callers;
};

struct simulation {
    struct run_result *result;
    struct journal_options options;
    struct truth truths[BATCHES_MAX];
    unsigned truths_count, batches_wanted;
    struct actor actors[REPLICAS_MAX];
    unsigned actors_count;
    bool is_ending, had_multi_page;
    uint64_t multi_page_before;

    /* the store's truth */
    struct head head;
    bool has_head;
    struct entries covered; /* stored key -> generation, as published */
};

extern struct simulation sim;

/* The first violation is the run's; batch: its number or -1. */
void violate(const char *rule, int batch, const char *text);
