/* tests/sim/oracle/oracle.h -- judges: what is wrong is said by violate(), and by nobody else. */
#pragma once

#include "tests/sim/simulation.h"

/* ---- oracle_view.c ---- */
/* Whole batches, each once, and sums that fit. `ret_visible` has BATCHES_MAX places. */
void check_state(const struct state *state, bool *ret_visible);
void check_replica(struct actor *actor);
bool view_shows(const struct view *view, int segment);
/* The actor's view shows all that was committed before `until`. */
void check_shows_commits(struct actor *actor, uint64_t until, const char *rule, const char *text);

/* ---- oracle_store.c: called at the instant of the effect ---- */
void check_head_written(struct span body);
void check_name_deleted(const char *name);
bool newest_head_is_copied(void);

/* ---- oracle_fold.c: a task's requests, when they are sent, and their answers ---- */
void check_request(struct progress *progress, enum verb verb, const char *name, const char *after,
                   const struct store_etag *condition);
void check_answer(struct progress *progress, enum verb verb, const char *name, enum store_answer answer,
                  const struct store_etag *etag);

/* ---- oracle_end.c ---- */
/* Every committed segment that may count has been. */
bool all_is_folded(void);
void check_end(void);
void check_leftovers(void);
