/* tests/sim/faults.h -- what is drawn for one seed: how often what goes wrong, and the weather that changes meanwhile.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* What a seed has besides what is drawn for each: at most one, so that it is seen alone. */
enum special {
    SPECIAL_NONE,
    SPECIAL_VANISH,  /* F22: segments are deleted */
    SPECIAL_DAMAGE,  /* F21: segments are damaged for good */
    SPECIAL_PARTS,   /* F21, F22: parts of the checkpoint */
    SPECIAL_HEAD,    /* F21, F22, F23: the head is deleted, damaged, or an old one */
    SPECIAL_FOREIGN, /* somebody else writes under the keys of segments */
    SPECIAL_REFUSES, /* F25: permissions are missing for some time */
    SPECIAL_CHURN,   /* F27: many short-lived writers */
    SPECIAL_COUNT,
};

/* How the store answers what the journal must not rely on. */
enum replace_of_absent { ABSENT_IS_404, ABSENT_IS_412 };

/* Rates in 1/1000 per request, drawn anew for each seed. */
struct fault_rates {
    unsigned lost, answer_lost, late, twice, conflict, crash, crash_at_point, pause, delete_part;
    unsigned damaged_read;
    unsigned interference; /* each 100 ms */
    enum special special;
    enum replace_of_absent replace_of_absent;
    bool refuses_deletes_for_ever;
    unsigned weather; /* of an outage, an isolation or a clock step, each 100 ms */
    uint64_t late_ms_max, pause_ms_max, latency_ms_max, quiet_latency_ms_max, outage_ms_max;
    unsigned page_names; /* of a listing */
};

extern struct fault_rates world_rates;
extern uint64_t faults_outage_until, faults_deletes_refused_until, faults_writes_refused_until;

void faults_draw(void);
const char *faults_special_name(void);
/* A task: changes the weather until *is_over. */
void weather_run(void *is_over);
