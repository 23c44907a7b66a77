/* tests/sim/oracle.h -- judges: what is wrong is said by violate(), and by nobody else. */
#pragma once

#include "tests/sim/simulation.h"

/* ---- oracle_view.c ---- */
/* Whole batches, each once, and sums that fit. `ret_visible` and `ret_order` (may be NULL) have BATCHES_MAX places. */
void check_state(const struct state *state, bool *ret_visible, int *ret_order);
void check_replica(struct actor *actor);

/* ---- oracle_store.c: called at the instant of the effect ---- */
void check_head_written(struct span body);
void check_name_deleted(const char *name);

/* ---- oracle_end.c ---- */
void check_end(void);
void check_leftovers(void);
