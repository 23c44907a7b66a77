/* journal/store.h -- what the journal asks of an object store, and of the machine around it.
 *
 * The state machine does everything through these four small interfaces: a store, a clock, randomness, a scheduler. So
 * the same code runs on a bucket (journal/bucket_store.h) and under the simulator. Names are relative to the journal's
 * prefix. Every call may suspend, has a deadline on the monotonic clock, and may end without an answer: then the
 * request may have been applied, may be applied later, or never. */
#pragma once

#include "journal/format/name.h"
#include "runtime/base/buffer.h"
#include "runtime/base/clock.h"
#include "runtime/base/random.h"
#include "runtime/fiber/wait.h"

enum { STORE_PAGE_NAMES_MAX = 1000, STORE_ETAG_BYTES = 136 };

enum store_answer {
    STORE_DONE,
    STORE_NOT_FOUND,        /* 404; of a replacement: there is nothing to replace */
    STORE_CONDITION_FAILED, /* 412: not applied by this attempt; an earlier one may have been */
    STORE_CONFLICT,         /* 409: not applied by this attempt, a race was in progress */
    STORE_UNCHANGED,        /* 304 */
    STORE_DAMAGED, /* of a read: something is there, and it is not what was written, or larger than its kind may be */
    STORE_REFUSED, /* not applied by this attempt, and another does not help: permissions, size. Like any request it may
                    * be executed once more on its way, and then not be refused */
    STORE_UNKNOWN, /* no answer, 5xx: says nothing */
};

struct store_etag {
    char text[STORE_ETAG_BYTES]; /* empty: none */
};

struct store_page {
    unsigned count;
    bool is_truncated;
    bool is_damaged[STORE_PAGE_NAMES_MAX]; /* the entry itself, not the body; then the name may be another's, too */
    char names[STORE_PAGE_NAMES_MAX][JOURNAL_NAME_BYTES];
};

/* What comes with an answer, and never anything else:
 *
 *            DONE                   UNCHANGED   DAMAGED                                          any other
 *   create                                      never
 *   replace  the new ETag           never       never
 *   get      body and ETag          nothing     no body; the ETag where it is still known,       nothing
 *                                               else an empty one
 *   list     a page, which may hold never       nothing: what is there cannot be listed          nothing
 *            damaged names
 *   delete                          never       never
 *
 * The body of DONE is what arrived, which may have been damaged on its way: whoever reads it checks its checksum. An
 * ETag that came with DONE is never empty. The only way past damage is to write over it, or to delete it. */
struct journal_store {
    /* If-None-Match: *. What is damaged is there, if it can be told by its name. */
    SUSPENDS enum store_answer (*create)(struct journal_store *store, const char *name, struct span body,
                                         deadline_t deadline);
    /* If-Match. An empty ETag, as DAMAGED may have brought it, stands for that damage: CONDITION_FAILED where an ETag
     * can be told by now, NOT_FOUND where it has gone, or hides what it was the name of. */
    SUSPENDS enum store_answer (*replace)(struct journal_store *store, const char *name, const struct store_etag *etag,
                                          struct span body, struct store_etag *ret_etag, deadline_t deadline);
    /* The body is appended; one that goes beyond the buffer's limit is STORE_DAMAGED. `known` may be NULL. */
    SUSPENDS enum store_answer (*get)(struct journal_store *store, const char *name, const struct store_etag *known,
                                      struct buffer *ret_body, struct store_etag *ret_etag, deadline_t deadline);
    /* Names behind `after` that begin with the prefix. */
    SUSPENDS enum store_answer (*list)(struct journal_store *store, const char *prefix, const char *after,
                                       struct store_page *ret_page, deadline_t deadline);
    /* Independent deletions: any subset may happen. What remains is found again by the next cleanup. */
    SUSPENDS enum store_answer (*delete_names)(struct journal_store *store, char (*names)[JOURNAL_NAME_BYTES],
                                               unsigned count, deadline_t deadline);
};

/* Puts `body` where a get has just answered `found` and `etag`: creates it, or replaces what was there, on that
 * condition. CONDITION_FAILED: somebody else has written since. */
SUSPENDS enum store_answer store_put_over(struct journal_store *store, const char *name, enum store_answer found,
                                          const struct store_etag *etag, struct span body, deadline_t deadline);

/* Fibers, or what the simulator has in their place. */
struct journal_scheduler {
    /* False when the task should end. */
    SUSPENDS bool (*sleep_until)(struct journal_scheduler *scheduler, deadline_t deadline);
    /* Until the queue is woken or the deadline passes; may also return early. False when the task should end. */
    SUSPENDS bool (*wait)(struct journal_scheduler *scheduler, struct wait_queue *queue, deadline_t deadline);
    void (*wake_all)(struct journal_scheduler *scheduler, struct wait_queue *queue);
    bool (*spawn)(struct journal_scheduler *scheduler, const char *name, void (*entry)(void *argument), void *argument);
};

struct journal_environment {
    struct journal_store *store;
    const struct clock *clock;
    const struct random_source *random;
    struct journal_scheduler *scheduler;
    struct journal_id
        place; /* which store this is (journal/ground/ground.h): a copy of it has another; zero: not known */
};
