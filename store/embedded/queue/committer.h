/* store/embedded/queue/committer.h -- the one writer, as everybody else sees it: changes that wait for it, and its
 * answers. The thread itself is the room commit/.
 *
 * Whatever arrives while a batch is being made durable forms the next one: that is the group commit. A change is
 * decided (conditions, does the bucket exist) inside the transaction that makes it, against what earlier changes of the
 * same batch have done; that is what makes a conditional write atomic. When a batch fails as a whole, its changes are
 * tried one by one, so that one that cannot be made does not fail the others. */
#pragma once

#include "runtime/fiber/loop.h"
#include "store/bucket.h"
#include "store/embedded/catalogue/row.h"

#include <semaphore.h>

struct committer;
struct embedded_correction;
struct embedded_store;
struct part_row;
struct release_item;
struct shard;
struct volume;

enum amendment { AMEND_TAGS, AMEND_ACL, AMEND_RETENTION, AMEND_HOLD, AMEND_CLASS, AMEND_SEAL };

enum change_kind {
    CHANGE_PUT,
    CHANGE_DELETE,
    CHANGE_CREATE_BUCKET,
    CHANGE_DELETE_BUCKET,
    CHANGE_SET_BUCKET, /* versioning or lock */
    CHANGE_AMEND,      /* what stands beside a version: tags, ACL, lock, class */
    CHANGE_REWRITE,    /* a version's body is packed anew */
    CHANGE_CREATE_UPLOAD,
    CHANGE_PUT_PART,
    CHANGE_COMPLETE_UPLOAD,
    CHANGE_ABORT_UPLOAD,
    CHANGE_NOTE_MANIFEST,
    CHANGE_FREEZE_SPOOL, /* these five: change/ledger_batch.h */
    CHANGE_TRIM_SPOOL,
    CHANGE_REMOVE_SPOOL,
    CHANGE_DOUBT_LEDGER,
    CHANGE_CORRECT_LEDGER,
    CHANGE_ADD_VOLUME,
    CHANGE_FILL_VOLUME, /* all of it was written once */
    CHANGE_DROP_VOLUME,
    CHANGE_BORROW, /* blocks of another shard's volume: commits nothing, but the committer knows which shards are there
                    */
    CHANGE_ATTACH,
    CHANGE_DETACH,
};

/* On the caller's stack; everything it points to lives until it has been committed or refused. */
struct change {
    enum change_kind kind;
    struct span bucket;
    union {
        struct {
            struct span key;
            uint64_t bucket_number; /* of the bucket that the write began in: a later one of its name is another */
            struct buffer *object;  /* encoded object part; the committer fills in its numbers */
            enum body_place place;
            struct span body;    /* BODY_INLINE */
            struct span extents; /* BODY_EXTENTS, BODY_LISTED */
            struct span sidecar;
            const struct write_condition *condition;
            struct object_lock lock; /* as asked for: it is in the object part, too */
            size_t object_bytes;     /* of that part before the committer adds to it */
            char *ret_version;       /* VERSION_TEXT_BYTES */
        } put;
        struct {
            struct span key;
            uint64_t bucket_number; /* as in put */
            const struct body_rewrite *rewrite;
            const struct row *row; /* the version as it was found, with the new body; its numbers are not known yet */
            struct span body;      /* BODY_INLINE */
            struct span extents;   /* all others */
            struct span sidecar;
            uint64_t body_number; /* set when it was made */
        } rewrite;
        struct {
            const struct object_name *name;
            enum amendment kind;
            struct span tags;
            unsigned tags_count;
            struct span acl;
            const struct object_attributes *judged; /* AMEND_ACL: of this revision alone */
            const struct retention_change *retention;
            enum lock_hold hold;
            const struct class_change *class_change;
            const struct seal_change *seal_change;
            char *ret_version; /* VERSION_TEXT_BYTES */
        } amend;
        struct {
            enum bucket_versioning versioning;         /* NEVER: the lock is set */
            const struct default_retention *retention; /* of the lock */
            struct bucket_info info;                   /* set when it was changed */
        } set;
        struct {
            struct span key;
            const uint8_t *id;                  /* UPLOAD_ID_RAW_BYTES; not of CREATE */
            uint8_t *ret_id;                    /* CREATE: its random bytes are set already */
            const struct upload_intent *intent; /* CREATE */
            const struct part_row *part;        /* PUT_PART */
            const struct part_choice *choices;  /* COMPLETE */
            unsigned count;
            const struct write_result *result;
            struct row *row; /* COMPLETE: all that is known; the committer sets its size and its numbers */
        } upload;
        struct {
            struct span key;
            const struct row *row; /* of the object that was completed */
            struct extent extent;
        } manifest;
        struct {
            struct delete_item *items;
            unsigned count;
            bool makes_markers;
        } delete;
        struct {
            const struct bucket_intent *intent;
            struct bucket_info info; /* set when it was made */
        } create;
        struct {
            const uint8_t *id; /* SPOOL_ID_BYTES; FREEZE: the own one */
            uint64_t record;   /* TRIM */
            uint64_t last;     /* FREEZE: the last frozen record */
        } spool;
        const struct embedded_correction *correction;
        struct {
            struct volume *volume; /* ADD: what was made */
            uint32_t blocks;       /* ADD: as many as possible, up to here ... */
            uint32_t blocks_least; /* ... but no fewer */
        } volume;
        struct {
            uint32_t wanted;
            uint32_t least;
            struct extent extent; /* what was lent; no blocks: nothing yet */
            unsigned asked;       /* the committer's: shards that were looked at */
            struct shard *lender; /* the committer's: who is being asked */
        } borrow;
    };
    /* the committer's: */
    struct loop_message message;
    struct change *next;
    struct shard *shard;
    struct fiber *fiber;
    sem_t *waiter; /* instead of a fiber */
    struct error *error;
    bool is_done;
    bool succeeded;
};

/* True: the change is durable. Not interrupted by cancellation: what it points to would be gone. */
SUSPENDS bool committer_commit(struct shard *shard, struct change *change, struct error *error);
/* The same for a thread that is no fiber. */
bool committer_commit_blocking(struct shard *shard, struct change *change, struct error *error);

/* Any thread: nobody reads this freed body any more, or its blocks were lent and never used. Does not wake the
 * committer: nobody waits for it. */
void committer_return(struct committer *committer, struct release_item *item);

/* Set by the committer when nothing can be committed any more. */
bool committer_is_broken(const struct committer *committer, struct error *error);
void committer_counts(const struct committer *committer, uint64_t *ret_commits, uint64_t *ret_changes);
/* Grows with every bucket that is made or removed: what was looked up under the same number still holds. */
uint64_t committer_buckets_generation(const struct committer *committer);
