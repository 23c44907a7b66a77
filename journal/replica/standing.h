/* journal/replica/standing.h -- whether a replica acknowledges, folds and deletes, and if not, why: one state machine;
 * private to journal/.
 *
 * Two things can be in the way. The ground: the store is not tested, another one than the journal's, or breaks a
 * promise. And the head, or what it names: then the replica is halted. What is seen later ends it, each reason by an
 * event of its own: nothing ends by time alone. */
#pragma once

#include "journal/journal.h"

enum { STANDING_DETAIL_BYTES = 160 };

struct standing {
    enum journal_condition ground; /* NOT_READY: it has not been looked at; RUNS: it may be written to */
    enum journal_condition head;   /* RUNS, or why the replica is halted */
    bool is_final; /* of the ground: a broken promise is not asked for again, it might come out well by chance */
    char detail[STANDING_DETAIL_BYTES]; /* the promise */
};

/* What may end a halt. */
enum standing_event {
    STANDING_HEAD_READ,         /* a good one, of this lineage, and no older than what is known */
    STANDING_CHECKPOINT_LOADED, /* of that head */
    STANDING_LISTED,            /* all that may be live */
};

/* `is_ready`: readers are served. */
enum journal_condition standing_condition(const struct standing *standing, bool is_ready);
bool standing_may_write(const struct standing *standing);
bool standing_is_halted(const struct standing *standing);
/* True: it was not halted for that before. */
bool standing_halt(struct standing *standing, enum journal_condition why);
void standing_note(struct standing *standing, enum standing_event event);
/* Should the ground be looked at, once more? */
bool standing_wants_ground(const struct standing *standing);
/* What was found. True: that is another obstacle than before. */
bool standing_take_ground(struct standing *standing, enum journal_condition ground, const struct error *error);
