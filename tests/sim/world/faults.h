/* tests/sim/world/faults.h -- what is drawn for one seed: how often what goes wrong, and the weather that changes
 * meanwhile. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* What a seed has besides what is drawn for each: at most one, so that it is seen alone. */
enum special {
    SPECIAL_NONE,
    SPECIAL_VANISH,    /* F22: segments are deleted */
    SPECIAL_DAMAGE,    /* F21: segments are damaged for good */
    SPECIAL_PARTS,     /* F21, F22: parts of the checkpoint */
    SPECIAL_HEAD,      /* F21, F22, F23: the head is deleted, damaged, or an old one */
    SPECIAL_FOREIGN,   /* somebody else writes under the keys of segments */
    SPECIAL_REFUSES,   /* F25: permissions are missing for some time */
    SPECIAL_CHURN,     /* F27: many short-lived writers */
    SPECIAL_BAD_STORE, /* F24: its conditions do not hold */
    SPECIAL_TESTED,    /* a sound store that is tested before use, among all faults */
    SPECIAL_SLOW,      /* F28: a reader that is slower than the folds */
    SPECIAL_SHAPES,    /* F29: tiny and huge batches, and some that cannot be */
    SPECIAL_IDLE,      /* F30: hours without writes, and many questions */
    SPECIAL_MIXED,     /* one process after the other is replaced by one of a version that knows more ops (J40) */
    SPECIAL_COUNT,
};

/* How the store answers what the journal must not rely on. */
enum replace_of_absent { ABSENT_IS_404, ABSENT_IS_412 };

/* How conditions fail to hold (F24, and F9 at its worst). */
enum store_flaw {
    FLAW_NONE,
    FLAW_CREATES_OVER,    /* If-None-Match is ignored */
    FLAW_REPLACES_ANY,    /* If-Match is ignored */
    FLAW_CHECKS_EARLY,    /* the condition is looked at, and the body published some time later */
    FLAW_REPLACES_ABSENT, /* If-Match on what is not there creates it */
    FLAW_COUNT,
};

/* Rates in 1/1000 per request, drawn anew for each seed. */
struct fault_rates {
    unsigned lost, answer_lost, late, twice, conflict, crash, crash_at_point, pause, delete_part;
    unsigned damaged_read;
    unsigned interference; /* each 100 ms */
    enum special special;
    enum store_flaw flaw;
    enum replace_of_absent replace_of_absent;
    bool refuses_deletes_for_ever;
    unsigned weather;      /* of an outage, an isolation or a clock step, each 100 ms */
    uint64_t slice_ms_max; /* that others have the thread between two slices of a long computation; 0: no time passes */
    uint64_t late_ms_max, pause_ms_max, latency_ms_max, quiet_latency_ms_max, outage_ms_max;
    unsigned page_names; /* of a listing */
};

extern struct fault_rates world_rates;
extern uint64_t faults_outage_until, faults_deletes_refused_until, faults_writes_refused_until;

void faults_draw(void);
const char *faults_special_name(void);
/* A task: changes the weather until *is_over. */
void weather_run(void *is_over);
