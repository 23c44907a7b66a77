/* tests/sim/oracle/fates.h -- what has happened to each segment on its way: for the coverage of combinations, and for
 * the oracles, which have no claim on what somebody else has touched. */
#pragma once

#include "journal/format/name.h"

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
    FATE_NEWER = 128, /* holds an op of a later version */
};

struct fate {
    unsigned flags;
    uint64_t created_at; /* first effect; 0: none yet */
    unsigned damaged_reads;
    bool has_predecessor;
    struct segment_key predecessor;
};

void fates_begin(void);
/* Made when it is not there. Valid until fates_begin. */
struct fate *fate_of(const char *name);
/* Somebody else has deleted, damaged or occupied it: its own fate is not judged. */
void fate_touch(const struct segment_key *key);
bool fate_is_touched(const struct segment_key *key);
/* It, or something that its writer committed before and that no fold up to this generation has taken: then it may wait,
 * unseen, until a fold must take it. For a replica of an old version that goes also for what it does not understand. */
bool fate_is_shadowed(const struct segment_key *key, uint64_t generation, bool is_old);
/* It came damaged once more. So often that some replica must call it damaged, it counts as touched. */
void fate_damaged_read(const char *name);
void fate_folded(const struct segment_key *key);

/* A create of a segment took effect, or would have if the name had been free. */
void fate_created(const char *name, struct span body, bool is_first, bool is_new);
void fate_deleted(const char *name, bool was_skipped, bool is_late);

uint64_t fates_names_changed(void); /* counts segments that came or went */
uint64_t fates_generation(void);    /* of the true head */
uint64_t fates_window(void);
uint64_t fates_horizon(void);
