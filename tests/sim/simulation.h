/* tests/sim/simulation.h -- what the parts of one run share: the truth about every batch, the processes, the store's
 * truth, and the verdict. */
#pragma once

#include "journal/journal.h"
#include "journal/replica/replica.h"
#include "journal/savings/spool_sender.h"
#include "tests/sim/run/run.h"
#include "tests/sim/world/world.h"

#include "tests/sim/oracle/segments.h"

enum {
    BATCHES_MAX = 512,
    TRIES_MAX = 4,
    REPLICAS_MAX = 5,
    STEPS_MAX = 800000,
    VIEW_SEGMENTS_MAX = 4096, /* all that there can be: a store that refuses heads for ever lets nothing be folded */
    COLD_CHECK_ONE_OF = 16
};

/* The truth about one batch; its number is what it appends to the lists. */
struct truth {
    struct journal_id id;
    bool has_id, is_committed, is_maybe, is_submitted;
    unsigned submissions, under_way; /* of it to a journal */
    unsigned refusals;               /* nothing was written, the answer said */
    unsigned tries;                  /* that have a key */
    struct segment_key keys[TRIES_MAX];
    enum journal_outcome outcomes[TRIES_MAX];
};

/* What a replica served: covered segments are known from the generation. */
struct view {
    uint64_t generation;
    unsigned applied_count;
    int applied[VIEW_SEGMENTS_MAX]; /* live ones, in order */
};

struct actor {
    struct process process;
    struct journal *journal;
    struct spool_sender *sender;
    uint64_t started_at, restart_at;
    bool is_upgraded; /* SPECIAL_MIXED: it starts as one of the later version */
    bool has_view;
    struct view view;
    uint64_t seen_digest, seen_good_tick;
    struct segment_key seen_last_applied;
    unsigned commits_seen;     /* so many of commits() are known to be visible */
    bool visible[BATCHES_MAX]; /* batches in the view */
    int last_committed;        /* segment of the writer's last commit, or NO_SEGMENT */
    unsigned callers;
};

struct simulation {
    struct run_result *result;
    struct journal_options options;
    struct truth truths[BATCHES_MAX];
    unsigned truths_count, batches_wanted;
    struct actor actors[REPLICAS_MAX + 1]; /* one is started fresh at the end */
    unsigned actors_count;
    bool is_ending, is_calm, is_resolving, has_spools;
    bool has_former;       /* SPECIAL_MIXED: the older version takes any head, and is never replaced */
    bool has_settings;     /* callers change settings of a bucket */
    bool counts_undecided; /* an operator has agreed that rejected segments may count */
    unsigned disk_copies;  /* that may still be made */
    unsigned hasty_count;  /* actors whose compactor leaves no time between generations */
    uint64_t slow_list_ms; /* of the first actor, a page */
    bool has_stale_lists, has_one_compactor, restarts_late;
    uint64_t think_ms; /* of a caller between two batches */
    struct head head;  /* the newest published one */
    bool has_head;
};

extern struct simulation sim;

/* The first violation is the run's; batch: its number or -1. */
/* Lets the oracles look; after every step. */
void after_step(void);
void violate(const char *rule, int batch, const char *text);

/* What the batch adds to the counter. */
static inline int64_t truth_amount(unsigned number)
{
    return number % 3 == 0 ? -100 : 70;
}
