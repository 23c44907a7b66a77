/* tests/sim/actors/interference.h -- somebody else in the bucket: deletes, damages and rolls back what is not his
 * (F21-F23), and the operator who notices, puts things back and releases what is in quarantine.
 *
 * What has been touched is marked (tests/sim/oracle/fates.h); the oracles claim nothing about it, and nothing less
 * about all others. */
#pragma once

#include "tests/sim/simulation.h"

/* What the oracles know of the head while somebody plays with it. */
enum head_deed {
    HEAD_IS_TRUE,
    HEAD_IS_MISSING,
    HEAD_IS_DAMAGED,
    HEAD_IS_OLD,
    HEAD_IS_SIBLING, /* of the same generation, with a nonce that never was: the roll that it names is not there */
};

void interference_begin(void);
void interference_end(void);
/* A task. */
void interference_run(void *is_over);
/* Whether what was touched has raised its alarms. */
void interference_check(void);
/* Puts back what can be put back; what was deleted or damaged of the segments stays so. */
void interference_undo(void);
enum head_deed interference_head(void);
/* Since when the head is not the true one. */
uint64_t interference_head_since(void);
/* The replica cannot tell that this is not the newest head: it lags behind by just so much. Or it could: it has looked
 * at all that is there since, and there is a segment that was written under a later head. */
bool interference_is_hidden(const struct actor *actor);
/* Not a new head: prepared long ago for the old one that was put back; or the creation of the first head of all, which
 * landed now that there is none. */
bool interference_is_old(const struct head *head);
/* A successor of the true head: remembers its bytes. */
void interference_head_published(struct span body);

/* The object as it was before somebody spoilt it. */
bool interference_find(const char *name, struct span *ret_body);

/* The operator, with a journal that runs: gives up what is in quarantine. May suspend. */
void operator_release(struct actor *actor);
