/* tests/sim/fates.h -- what has happened to each segment on its way: for the coverage of combinations, and for the
 * oracles, which have no claim on what somebody else has touched. */
#pragma once

#include "journal/name.h"

#include <stdbool.h>
#include <stdint.h>

enum fate_flag {
    FATE_ANSWER_LOST = 1,
    FATE_LATE = 2,
    FATE_DELETED = 4,
    FATE_DELETE_SKIPPED = 8,
    FATE_RECREATED = 16, /* after a deletion */
    FATE_TOUCHED = 32,   /* from outside: deleted, damaged, written over */
    FATE_FOLDED = 64,
};

struct fate {
    unsigned flags;
    uint64_t created_at; /* first effect; 0: none yet */
};

void fates_begin(void);
/* Made when it is not there. Valid until the next call. */
struct fate *fate_of(const char *name);
bool fate_is_touched(const struct segment_key *key);
void fate_folded(const struct segment_key *key);

/* A create of a segment took effect, or would have if the name had been free. */
void fate_created(const char *name, bool is_first, bool is_new);
void fate_deleted(const char *name, bool was_skipped, bool is_late);

uint64_t fates_names_changed(void); /* counts segments that came or went */
uint64_t fates_generation(void);    /* of the true head */
uint64_t fates_window(void);
uint64_t fates_horizon(void);
