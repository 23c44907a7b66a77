/* tests/unit/journal/restore_fixture.h -- lives of a journal on a store in memory, for the tests of what an operator
 * does to it. */
#pragma once

#include "journal/repair/restore.h"
#include "tests/unit/journal/memory_store.h"
#include "tests/unit/runtime/fixture.h"

extern struct memory_store store;
extern struct machine machine; /* an operator's: without a journal */

/* A test's body on a loop, with a new store. */
void run(void (*body)(void));

/* A process's life: it adds what it is told, and leaves. */
void live(struct memory_store *in, uint8_t place, unsigned additions, int64_t amount, unsigned generations);
/* What a process that starts now says. */
int64_t sum_of(struct memory_store *in, uint8_t place, enum journal_condition condition);

/* Each fails the test otherwise. */
void expect_stopped(enum journal_condition condition);
void expect_sound(struct memory_store *in, uint8_t place);
void expect_no_plan(enum restore_kind kind, enum error_kind expected, const char *words);
void plan_restore(enum restore_kind kind, struct restore_plan *ret_plan);
void restore_now(enum restore_kind kind);
