/* server/lifecycle/claims.c -- how long records of others have stood as they are. */
#include "server/lifecycle/claims.h"

#include <string.h>

static const uint8_t nobody[SWEEP_HOLDER_BYTES];

static struct claim_seen *find(struct claim_watch *watch, uint64_t creation_id)
{
    for (unsigned i = 0; i < watch->count; i++) {
        if (watch->seen[i].creation_id == creation_id)
            return &watch->seen[i];
    }
    return NULL;
}

/* In the place of the one that has changed least of late, where there is none: its sweep is over, most likely. */
static struct claim_seen *add(struct claim_watch *watch)
{
    if (watch->count < CLAIMS_SEEN_MAX)
        return &watch->seen[watch->count++];
    struct claim_seen *oldest = watch->seen;
    for (unsigned i = 1; i < watch->count; i++) {
        if (watch->seen[i].since_ns < oldest->since_ns)
            oldest = &watch->seen[i];
    }
    return oldest;
}

bool sweep_claim_is_abandoned(struct claim_watch *watch, uint64_t creation_id, uint64_t mark, uint64_t now_ns,
                              uint64_t patience_ns)
{
    struct claim_seen *seen = find(watch, creation_id);
    if (seen != NULL && seen->mark == mark)
        return now_ns - seen->since_ns >= patience_ns;
    if (seen == NULL)
        seen = add(watch);
    *seen = (struct claim_seen){creation_id, mark, now_ns};
    return false;
}

bool sweep_claim_is_free(const struct sweep_record *record)
{
    return memcmp(record->holder, nobody, sizeof nobody) == 0;
}

void sweep_claim_give_back(struct sweep_record *record)
{
    memcpy(record->holder, nobody, sizeof nobody);
}
