/* server/maintenance/claim.h -- which replica of a fleet does the job of bale maintain: one at a time.
 *
 * Of the name space `lifecycle`:
 *
 *   map "maintain"  key "all" -> u8 version 1, u64 nonce, 16 bytes holder (a replica; zeros: nobody), u64 began (wall
 *                   clock, ms), u16 size, name of the policy
 *
 * A claim saves work and keeps two from doing the same; it protects nothing: each write has its own condition. From the
 * taking to the giving back a fiber writes it anew, however long the holder is busy with one object. What a replica had
 * that is gone is its own when it is there again, and another's when the claim has stood still for takeover_ms, by the
 * clock of who waits. So is what a later version of Bale wrote in another form: until then it is somebody's. A holder
 * that could not write it for so long, by its own clock, which began no later, takes it for lost: so none runs beside
 * the next one because its journal does not run.
 *
 * Shard 0. */
#pragma once

#include "journal/journal.h"
#include "server/maintenance/request.h"

enum { MAINTENANCE_HOLDER_BYTES = 16 };

struct maintenance_claim {
    uint64_t nonce;
    uint8_t holder[MAINTENANCE_HOLDER_BYTES];
    int64_t began_ms;
    char name[MAINTENANCE_NAME_BYTES];
};

/* What this process knows of it. */
struct maintenance_claimant {
    /* Given: */
    struct journal *const *journal; /* NULL behind it: it does not run */
    const struct journal_environment *environment;
    const uint8_t *self;  /* MAINTENANCE_HOLDER_BYTES, the same after a restart */
    uint64_t takeover_ms; /* --lifecycle-takeover: of sweeps as of these */

    /* Of another's: */
    uint64_t seen_mark; /* of its bytes, as they were seen last, ... */
    uint64_t seen_ns;   /* ... and since when; 0: none was seen */

    /* Of its own: */
    struct maintenance_claim own; /* as it was written last, or should be: nobody may know */
    uint64_t seen_own;            /* the last nonce of it that was seen to stand, ... */
    uint64_t proven_ns;           /* ... and since when at most, by the environment's clock */
    uint64_t drawn_ns;            /* when the nonce of `own` was new: it was not written before that */
    struct error loss;            /* why it is another's by now; ERROR_NONE: it is not */
    bool is_over;                 /* the fiber that writes it anew has nothing more to do */
    bool is_inside;               /* ... and has not ended */
    struct wait_queue wake;       /* it sleeps here */
    struct wait_queue ended;
};

/* False: there is none, or it is of a later version. */
bool maintenance_claim_find(const struct state *state, struct maintenance_claim *ret_claim);

/* Of two that take it at the same moment one may hear a little later that it is the other's (maintenance_claim_holds).
 * ERROR_CONFLICT: another replica has it, by which policy; or a later version of Bale, perhaps. ERROR_BUSY: the journal
 * does not run. */
SUSPENDS bool maintenance_claim_take(struct maintenance_claimant *claimant, const char *name, struct error *error);
/* Of one that was taken. ERROR_CONFLICT: it is another's by now, or may be, for it could not be written for so long. */
bool maintenance_claim_holds(const struct maintenance_claimant *claimant, struct error *error);
/* Nobody has to wait. Of one that cannot be written, who comes next waits. */
SUSPENDS void maintenance_claim_give_back(struct maintenance_claimant *claimant);
