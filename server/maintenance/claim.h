/* server/maintenance/claim.h -- which replica of a fleet does the job of bale maintain: one at a time.
 *
 * Of the name space `lifecycle`:
 *
 *   map "maintain"  key "all" -> u8 version 1, u64 nonce, 16 bytes holder (a replica; zeros: nobody), u64 began (wall
 *                   clock, ms), u16 size, name of the policy
 *
 * A claim saves work and keeps two from doing the same; it protects nothing: each write has its own condition. Its
 * holder writes it anew every minute. What a replica had that is gone is its own when it is there again, and another's
 * when the claim has stood still for MAINTENANCE_TAKEOVER_MS, by the clock of who waits. */
#pragma once

#include "journal/journal.h"
#include "server/maintenance/request.h"

enum { MAINTENANCE_HOLDER_BYTES = 16, MAINTENANCE_TAKEOVER_MS = 300 * 1000, MAINTENANCE_RENEWAL_MS = 60 * 1000 };

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
    const uint8_t *self; /* MAINTENANCE_HOLDER_BYTES, the same after a restart */

    uint64_t nonce;      /* of its own claim; 0: it has none */
    uint64_t renewed_ns; /* when it was written */
    uint64_t seen_nonce; /* of another's claim, as it was seen last, ... */
    uint64_t seen_ns;    /* ... and since when */
};

/* False: there is none, or it is of a later version. */
bool maintenance_claim_find(const struct state *state, struct maintenance_claim *ret_claim);

/* ERROR_CONFLICT: another replica has it: since when, and by which policy. ERROR_BUSY: the journal does not run. */
SUSPENDS bool maintenance_claim_take(struct maintenance_claimant *claimant, const char *name, struct error *error);
/* Writes it anew, when that is due. ERROR_CONFLICT: it is another's by now. */
SUSPENDS bool maintenance_claim_keep(struct maintenance_claimant *claimant, struct error *error);
/* Nobody has to wait. Of one that cannot be written, who comes next waits. */
SUSPENDS void maintenance_claim_give_back(struct maintenance_claimant *claimant);
