/* server/lifecycle/claims.h -- may a sweep be taken that another process has begun?
 *
 * Whoever sweeps writes its record anew (record.h), again and again. A record that has not changed for long is one of a
 * process that is gone, or hangs: then it is taken over. No clock is compared with another's: how long is measured by
 * the monotonic clock of who waits, from when it first saw the record so. One that was taken over in error does no
 * harm: its holder's next write fails, and so does each of its deletions that does not hold any more. */
#pragma once

#include "server/lifecycle/record.h"

enum { CLAIMS_SEEN_MAX = 64 };

/* Records of others that are under way, as they were seen last. More of them at a time than replicas are not met; what
 * has no place is taken over later. */
struct claim_watch {
    struct claim_seen {
        uint64_t creation_id;
        uint64_t mark;
        uint64_t since_ns; /* monotonic */
    } seen[CLAIMS_SEEN_MAX];
    unsigned count;
};

/* Of a record that is under way, by another process, or that a later version wrote, which may be under way. `mark`:
 * sweep_record_mark. `patience_ns`: how long it must have stood as it is. */
bool sweep_claim_is_abandoned(struct claim_watch *watch, uint64_t creation_id, uint64_t mark, uint64_t now_ns,
                              uint64_t patience_ns);
/* A holder that gave it back: nobody has to wait. */
bool sweep_claim_is_free(const struct sweep_record *record);
void sweep_claim_give_back(struct sweep_record *record);
