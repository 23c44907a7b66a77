/* tests/sim/actors/disk.h -- a machine's disk: objects, and the spool of what their changes add to the ledger,
 * committed in one step. What was committed outlives the process, nothing else does. The production sender brings the
 * spool to the journal.
 *
 * Each start of a process makes a spool of its own and freezes what it finds open; found spools are drained under their
 * own ids. A disk may be carried to another machine while both are down. */
#pragma once

#include "store/spool.h"
#include "tests/sim/simulation.h"

void disks_begin(void);
/* The process of this machine starts: a spool of its own. */
struct spool *disk_attach(unsigned machine);
/* Both machines are down. */
void disks_swap(unsigned a, unsigned b);
/* The second finds the spools of the first as well, as if its disk had been copied (F31). Each record counts once all
 * the same while the journal remembers who opened or closed the spool; whoever comes later may be left with records
 * that it cannot send, and the figures of both are not judged any more. False: there was none. */
bool disks_copy(unsigned from, unsigned to);
/* The operator of a machine with a spool that is cut off: empties it, as a recount does (journal/savings/recount.h). */
void disk_recount(unsigned machine, const struct state *state);
/* Spools that are not drained: found ones, and those of the processes as long as they hold anything. */
unsigned disks_spools_waiting(void);
/* A task of the process: writes and removes objects. `argument`: the actor. */
void disk_run(void *argument);

/* What this state and the disk's spools say together is what the disk holds. */
void check_savings(unsigned machine, const struct state *state);
/* Everything has been sent: the state alone is right about every disk, and holds no spool but the own ones. */
void check_ledger(const struct state *state);
