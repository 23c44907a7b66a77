/* tests/unit/journal/folder_machine.h -- one process's journal on a real folder, as `baled` has it. */
#pragma once

#include "journal/fiber_scheduler.h"
#include "journal/home.h"
#include "journal/journal.h"
#include "tests/unit/embedded/fixture.h"

#define SYSTEM JOURNAL_SYSTEM_BUCKET

struct folder_machine {
    struct fiber_scheduler scheduler;
    struct journal_bucket *bucket;
    struct journal_environment environment;
    struct journal *journal; /* NULL: an operator's */
};

/* Without a journal: what an operator has. */
void folder_machine_prepare(struct folder_machine *machine, struct bucket_store *objects);
void folder_machine_start(struct folder_machine *machine, struct bucket_store *objects,
                          const struct journal_options *options);
void folder_machine_stop(struct folder_machine *machine);

void folder_machine_pause_ms(struct folder_machine *machine, uint64_t milliseconds);
/* The first one that is not JOURNAL_NOT_READY, or that after some seconds. */
enum journal_condition folder_machine_wait(struct folder_machine *machine);

/* To one counter; false: it was not committed, however often it was tried. */
bool folder_machine_add(struct folder_machine *machine, int64_t amount);
int64_t folder_machine_sum(const struct folder_machine *machine);
