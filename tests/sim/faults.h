/* tests/sim/faults.h -- what is drawn for one seed: how often what goes wrong, and the weather that changes meanwhile.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* Rates in 1/1000 per request, drawn anew for each seed. */
struct fault_rates {
    unsigned lost, answer_lost, late, twice, conflict, crash, crash_at_point, pause, delete_part;
    unsigned weather; /* of an outage, an isolation or a clock step, each 100 ms */
    uint64_t late_ms_max, pause_ms_max, latency_ms_max, quiet_latency_ms_max, outage_ms_max;
    unsigned page_names; /* of a listing */
};

extern struct fault_rates world_rates;
extern uint64_t faults_outage_until;

void faults_draw(void);
/* A task: changes the weather until *is_over. */
void weather_run(void *is_over);
