/* store/remote/ledger/departing.h -- a version that is deleted by its id, or a marker, as the ledger sees it.
 *
 * What it counted comes off: of the current objects or of the former versions, whichever it was one of. When it was the
 * current one, what is current in its place is a former version no more. Nothing ties that to the deletion: between the
 * questions somebody else may write the key or delete the same version, and S3 answers both deletions alike. So the
 * deletion of a version that is there makes one more change uncertain.
 *
 * Requests: a HEAD of the version, and when it is there one of the key; one of the key afterwards when it was the
 * current one. On a fiber of an attached shard. */
#pragma once

#include "store/remote/ledger/counting.h"

/* Zeroed: nothing that the ledger would know of. */
struct departing {
    bool is_there;
    bool is_current;
    struct ledger_amounts amounts; /* of it; zero of a marker, and of what no ledger counts */
};

/* Before it is deleted; of a key that names no version nothing is asked. */
SUSPENDS void departing_look(const struct remote_key *key, struct departing *ret_departing);
/* It has been. */
SUSPENDS void departing_gone(const struct remote_key *key, const struct departing *departing);
