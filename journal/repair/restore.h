/* journal/repair/restore.h -- what an operator does when the head is lost (J36), or to make a copy writable (J49).
 *
 * Both publish a head of a new lineage, with a generation raised by more than L above everything that the store shows,
 * so that nothing of the old lineage, however late it lands, ever counts under it. Its state is that of the newest good
 * head (of the copies, or the one in place) plus every segment that was live under it, folded in. No writer may run;
 * those that do stop at the new lineage until they are started again. Each step may be cut off and done again; of two
 * operators at once one makes the head and the other is told so.
 *
 * First restore_plan, whose result says what would be lost; then restore_execute. */
#pragma once

#include "journal/ground/ground.h"

enum restore_kind {
    RESTORE_LOST_HEAD, /* refused while a good head is there */
    RESTORE_ADOPTION,  /* of what is here, with its head or without */
    RESTORE_ANEW,      /* an empty state; refused while there is anything else to go on from */
};

enum { RESTORE_NAMED_MAX = 16 };

struct restore_plan {
    enum restore_kind kind;
    enum journal_condition found; /* how the head was found */
    struct journal_id old_lineage;
    uint64_t from_generation; /* of the head that it starts from */
    struct journal_id from_nonce;
    bool is_from_copy;
    bool is_from_head;       /* the one in place, without rolls that are lost */
    uint64_t rolls_lost;     /* of the generations that it remembers; what they folded is in its state */
    uint64_t newest_seen;    /* generation that some name in the store speaks of */
    uint64_t new_generation; /* > newest_seen + L */
    uint64_t newest_copy;    /* generation that the newest copy's name speaks of, if it was looked at */
    uint64_t copies_skipped; /* newer copies that are damaged, or whose checkpoint is */
    uint64_t segments;       /* folded in */
    uint64_t undecided;      /* of them: perhaps rejected under a head that is lost */
    uint64_t held;           /* a predecessor is missing, or in doubt: a restore counts them, an adoption leaves them */
    uint64_t damaged;        /* put into quarantine */
    uint64_t given_up;       /* of them: for which it has no room */
    uint64_t newer;          /* of a later version: nothing is done while there are any */
    uint64_t other_lineage;  /* left out */
    unsigned undecided_named_count;
    struct segment_key undecided_named[RESTORE_NAMED_MAX];
};

/* Reads, writes nothing. ERROR_CONFLICT: the kind is not what is needed; ERROR_NOT_FOUND: nothing to start from;
 * ERROR_UNSUPPORTED: something is of a later version; ERROR_BUSY: the store does not answer. */
SUSPENDS bool restore_plan(const struct journal_environment *environment, enum restore_kind kind,
                           struct restore_plan *ret_plan, struct error *error);
/* Is something lost that was acknowledged? Then the ledger must be counted anew. */
bool restore_loses(const struct restore_plan *plan);
/* What an operator must agree to: sentences, each with a newline. */
void restore_describe(const struct restore_plan *plan, struct buffer *text);
/* Tests the store, plans anew and refuses (ERROR_CONFLICT) when that comes out worse than what was agreed to;
 * publishes, reads back, notes the place, copies the head, rings. *ret_lineage: the new one. */
SUSPENDS bool restore_execute(const struct journal_environment *environment, const struct restore_plan *agreed,
                              struct journal_id *ret_lineage, struct error *error);
