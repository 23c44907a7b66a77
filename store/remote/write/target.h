/* store/remote/write/target.h -- the revision that a write takes the place of: every write names it to the backend, and
 * so it is applied once or not at all, whatever became of its answer. */
#pragma once

#include "store/remote/store.h"
#include "store/spool.h"

/* What the backend says of an object that it has just written. */
struct written_revision {
    char etag[S3_ETAG_BYTES]; /* as sent, or without its quotes */
    char version[VERSION_TEXT_BYTES];
    bool is_found; /* by one look, beside our nonce: both may be of what has replaced ours (LOOK_FOR_ETAG) */
};

struct write_target {
    struct remote_key *key;
    const struct write_condition *condition; /* the client's; NULL: none */
    enum { TARGET_UNKNOWN, TARGET_ABSENT, TARGET_REVISION } state;
    char etag[STORED_ETAG_TEXT_BYTES];
    char version[VERSION_TEXT_BYTES]; /* of that revision, if it was looked at */
    bool is_marked;                   /* ABSENT: a delete marker stands there */
    struct ledger_amounts replaced;   /* what the ledger counts for this revision */
    const char *logical_etag;         /* what is there is ours only with this one; NULL: the nonce alone tells */
    bool can_repeat;                  /* what is sent cannot be applied twice: a Complete */
    bool may_be_applied;              /* the outcome of an attempt is not known ... */
    bool was_unanswered;              /* ... and the backend did not ask us to come again */
    bool is_looked_at;                /* since the last attempt: what is there is not ours */
    bool is_said_twice;               /* it is ours, and two looks have said so of the same ETag */
};

void target_init(struct write_target *target, struct remote_key *key, const struct write_condition *condition);

/* Before anything is sent: refuses what already does not hold (PreconditionFailed, NoSuchKey). Asks the backend only
 * when the row does not do, and something depends on the answer: `is_costly` says that a refusal at the end would cost
 * much. */
SUSPENDS bool target_prepare(struct write_target *target, bool is_costly, struct error *error);
/* Asks the backend, and decides the condition anew. `nonce`, not NULL: *ret_is_own says that the key holds what was
 * written with it; then target->etag is that revision's, and no condition is decided. */
SUSPENDS bool target_look(struct write_target *target, const uint8_t *nonce, bool *ret_is_own, struct error *error);
/* The header that names the target to a PUT (a Complete). False: the backend decides no such condition, none is sent.
 * `ret_text` has QUOTED_ETAG_BYTES. */
bool target_header(const struct write_target *target, bool is_complete, char *ret_text, struct http_field *ret_field);

/* Which revision an answer is of; and the one that was found to be ours (ATTEMPT_DONE). */
void written_revision_answered(const struct s3_answer *answer, struct written_revision *ret_revision);
void written_revision_found(const struct write_target *target, struct written_revision *ret_revision);

/* Is it what was written with the nonce? */
bool write_target_is_own(const struct write_target *target, const uint8_t nonce[STAMP_NONCE_BYTES],
                         const struct backend_object *object);

/* What an attempt came to. */
enum attempt {
    ATTEMPT_DONE,   /* applied */
    ATTEMPT_AGAIN,  /* not applied, or nobody knows: to be sent again, the target is what it is now */
    ATTEMPT_FAILED, /* *error says why */
};
/* After a request that failed (*error is of remote_call). `is_missing`: that it says "not found" is because of the
 * target, not of an upload. */
SUSPENDS enum attempt target_resolve(struct write_target *target, const uint8_t nonce[STAMP_NONCE_BYTES],
                                     const struct s3_answer *answer, unsigned round, struct error *error);
/* After a Complete that was answered with success, and had been sent before without an answer: the backend may have
 * said so of the first one, which it lost. DONE: what was written is there (written_revision_found), or among the
 * versions. Never AGAIN. */
SUSPENDS enum attempt target_confirm(struct write_target *target, const uint8_t nonce[STAMP_NONCE_BYTES],
                                     unsigned round, struct error *error);
/* Nobody can tell whether a write was applied: it is counted, and *error tells the client. False. */
bool target_is_unclear(struct remote_shard *shard, struct error *error);
