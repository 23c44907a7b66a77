/* store/remote/ledger/counting.h -- one write, copy or deletion as the ledger sees it: an intent before each attempt,
 * an outcome at the end.
 *
 * The target says which revision is replaced, and what that counts; the caller, what it makes. Where the ledger is off,
 * and of keys that no ledger counts, nothing happens. On a fiber of an attached shard. */
#pragma once

#include "store/remote/ledger/log.h"
#include "store/remote/store.h"
#include "store/remote/write/target.h"

/* Zeroed: nothing is under way. */
struct counting {
    struct intent_log *log;
    struct noted_intent *open;         /* NULL: there is none */
    enum bucket_versioning versioning; /* of the bucket, two seconds ago at most */
    bool is_blind;  /* the backend does not decide on what it is done: then its success is uncertain as well */
    bool is_buried; /* what is left to be done is to remove a tombstone: it counts, whatever becomes of that */
};

/* Does this ledger count the object under this name? */
bool counting_counts(const struct remote *remote, const uint8_t row_key[ROW_KEY_BYTES],
                     const struct backend_object *object);
/* What it counts, if it does. */
struct ledger_amounts counting_amounts(const struct object_attributes *attributes, bool is_counted);

/* Before an attempt. `made`: what the key counts when it has succeeded. `nonce`: of what is written, be it a tombstone;
 * NULL: a deletion without one. */
SUSPENDS void counting_note(struct counting *counting, struct remote_key *key, const struct write_target *target,
                            const uint8_t *nonce, const struct ledger_amounts *made);
/* Of this change of the key's bucket nobody will know all that it did. */
void counting_note_uncertain(const struct remote_key *key);
/* The tombstone that was noted stands. */
void counting_buried(struct counting *counting);
/* It has succeeded. `version`: of the object or the marker that stands there now, which says whether what was there has
 * become a former version; NULL: nothing does. */
void counting_done(struct counting *counting, const char *version);
/* It has not; `answer` is of its last attempt. Where that does not mean that nothing happened, the backend is asked
 * again later. */
void counting_failed(struct counting *counting, const struct write_target *target, const struct s3_answer *answer);
/* What came of it. */
void counting_end(struct counting *counting, enum intent_outcome outcome);
/* Nobody knows: the backend is asked again later. */
void counting_leave(struct counting *counting);
