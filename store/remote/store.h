/* store/remote/store.h -- what the files of the store in a bucket share: the store, its shards, and requests. */
#pragma once

#include "runtime/base/arena.h"
#include "runtime/fiber/loop.h"
#include "runtime/fiber/memory_budget.h"
#include "store/remote/known_buckets.h"
#include "store/remote/ledger/settled.h"
#include "store/remote/names.h"
#include "store/remote/remote.h"
#include "store/remote/rows/rows.h"
#include "store/remote/words/shared_head.h"

#include <pthread.h>
#include <stdatomic.h>

enum {
    BODY_PIECE_BYTES = 256 << 10, /* memory of bodies on their way to the backend comes in these */
    SMALL_BODY_BYTES = 64 << 10,  /* fetched and kept whole; a suffix of this size shows what an object is */
    WRITE_ROUNDS = 5,             /* how often a write is sent anew because the key has changed */
    HEADS_AT_ONCE = 32,
};

/* How other shards ask one to give back what it only keeps: store/remote/uploads/followed.h. */
struct room_call {
    pthread_mutex_t lock; /* of what follows; held for a look at it */
    struct loop *loop;    /* the shard's; NULL: it is not attached */
    bool is_posted;
    struct loop_message message;
};

struct remote_shard {
    struct remote *remote;
    struct s3_client *client;
    struct rows_shard *rows;
    struct memory_budget memory; /* a part of remote->memory */
    struct list_link pieces;     /* spare ones */
    unsigned pieces_count;
    struct known_buckets buckets;  /* with all buckets */
    struct intent_log *log;        /* store/remote/ledger/log.h; NULL: there is no ledger */
    struct upload_memory *uploads; /* store/remote/uploads/recall.c */
    struct list_link followed;     /* store/remote/uploads/followed.h */
    unsigned followed_count;
    struct room_call room_call;
    struct list_link flights; /* store/remote/read/flight.h */
    struct shared_heads heads;
    struct words *words; /* store/remote/words/words.h; NULL: there are none */
    unsigned background; /* fibers that end what nobody waits for */
    struct wait_queue background_ended;
    struct random_source random; /* for nonces, from `drawn` */
    struct random_ahead drawn;
    struct remote_counters counters;
};

struct remote {
    struct bucket_store base;
    struct remote_settings settings;
    struct span prefix;
    struct verdicts verdicts;
    int lock_fd; /* of the state folder; -1: there is none */
    struct rows *rows;
    struct memory_reserve memory;       /* of bodies on their way to the backend */
    uint8_t ledger[STAMP_LEDGER_BYTES]; /* which ledger counts what is written here */
    struct ledger *ledger_state;        /* store/remote/ledger/ledger.h; NULL: nothing is counted here */
    struct settled_lately settled;      /* of the one fiber that settles intents */
    const char *owner;
    int64_t started_ms;
    struct word_changes *word_changes; /* store/remote/words/words.h; NULL: there are no words */
    bool is_counted;     /* what is written carries `ledger`, and what is replaced or deleted is taken off */
    bool is_ledger_told; /* that records of earlier processes cannot be written */
    /* How the backend does: written by whoever had an answer, or none. */
    _Atomic int64_t failing_since_ms;               /* 0: it answers */
    _Atomic(const char *) failing_how;              /* static text */
    atomic_bool has_slipped;                        /* an answer bore the ETag of one revision and what was another's */
    atomic_bool has_weak_etags;                     /* If-Match cannot name a revision there */
    atomic_bool has_no_leads;                       /* who reads none may be asked for parts (remote_allow_leads) */
    _Atomic uint64_t buckets_made, buckets_removed; /* by this process; what it has changed of one counts as removed */
    struct remote_shard *_Atomic shards[REMOTE_SHARDS_MAX];
};

/* Is an ETag that of what came with it? */
static inline bool remote_labels_hold(const struct remote *remote)
{
    return verdict_holds(&remote->verdicts, VERDICT_LABELS_HOLD) &&
           !atomic_load_explicit(&remote->has_slipped, memory_order_relaxed);
}

/* An answer bore the wrong one: from now on nobody believes them, whatever the verdict was. */
void remote_note_slip(struct remote *remote);

/* Shows the hashes of an encrypted object whose seal has just been found. */
static inline void remote_lift_veil(const struct remote *remote, struct object_attributes *attributes)
{
    if (attributes->etag[0] == '\0')
        veil_lift(remote->settings.veil, attributes);
}

static inline struct remote *remote_of(struct bucket_store *store)
{
    return (struct remote *)store;
}

/* The calling thread's shard. */
struct remote_shard *remote_shard_here(const struct remote *remote);

/* ---- requests: request.c ---- */

/* s3_client_call and s3_client_call_whole, with errors that are for clients: what the backend said goes into the log.
 * Kinds: NOT_FOUND, CONFLICT (412: PreconditionFailed; 304 has no code), BUSY (SlowDown: it is away, or has too much to
 * do), DENIED, INVALID, UNSUPPORTED. */
SUSPENDS bool remote_call(struct remote_shard *shard, const struct s3_call *call, struct s3_answer *ret_answer,
                          struct error *error);
/* It refuses the request for who asks: the key, the signature, the session, the clock, or a lack of rights. */
bool remote_is_denied(const struct s3_answer *answer);
/* For typed calls of s3client/operations.h: what their answer means; returns `done`. */
bool remote_answered(struct remote_shard *shard, enum s3_kind kind, const struct s3_answer *answer, bool done,
                     struct error *error);
/* A lock forbids it (AccessDenied): for those servers that say something else. Returns false. */
bool remote_refuse_locked(struct error *error);
/* Which version an answer is about: "null" where it says nothing of versions. */
void remote_answered_version(const struct s3_answer *answer, char ret_version[VERSION_TEXT_BYTES]);
/* The backend's answer makes no sense: for the log, and a client's 500. */
bool remote_nonsense(const char *what, struct error *error);

/* What the backend's bucket does with versions, by its own word of this moment: it decides for all who write into it.
 * NEVER over a backend without versions, of which nothing is asked. */
SUSPENDS bool remote_ask_versioning(struct remote_shard *shard, struct span backend_bucket,
                                    enum bucket_versioning *ret_versioning, struct error *error);
/* The same of locks: whether the bucket has one, and what it gives to new versions. */
SUSPENDS bool remote_ask_lock(struct remote_shard *shard, struct span backend_bucket, struct bucket_info *info,
                              struct error *error);
/* The backend has said NoSuchBucket: what was known of it is not believed any more. */
void remote_forget_bucket(struct remote_shard *shard, struct span name);

/* ---- what a key is now: look.c ---- */

/* A key as the backend sees it, or one version of it. Zeroed: not looked at. */
struct remote_key {
    struct remote_shard *shard;
    struct object_name name; /* the caller's; with `version`, that one alone is meant */
    struct backend_name backend;
    char version[VERSION_TEXT_BYTES];      /* that requests name; "": none, the current one is meant */
    struct s3_parameter version_parameter; /* the same, for requests (remote_key_call) */
    uint8_t row_key[ROW_KEY_BYTES];        /* digest of bucket and key, whatever the version */
    uint8_t row_place[ROW_KEY_BYTES];      /* where its row is: of the key, or of the version that was asked for */
    bool is_internal;                      /* ".bale/": no rows, no attributes */
    bool has_row;
    uint8_t doubts; /* how often its end did not go with what was said of it (remote_read_trailer) */
    struct row row; /* what was last seen of it */
};
/* Names it and looks for its row. NoSuchBucket, KeyTooLongError; NoSuchVersion where the backend has none. */
bool remote_key_init(struct remote *remote, const struct object_name *name, struct remote_key *ret_key,
                     struct error *error);
/* A call about the key or its version, that lives no longer than the key. */
struct s3_call remote_key_call(struct remote_key *key, enum s3_kind kind, enum s3_repeat repeat);
/* From now on requests name this version: the rest of it can be had whatever becomes of the key. Versions that may be
 * replaced ("null") are not pinned so. */
void remote_key_pin(struct remote_key *key, const char *version);
/* Which version an answer is about that may not name it: then the one that was named, or "null". */
void remote_key_answered_version(const struct remote_key *key, const struct s3_answer *answer,
                                 char ret_version[VERSION_TEXT_BYTES]);
/* Back to what was asked for. */
void remote_key_unpin(struct remote_key *key);
/* After a refusal (*error is of remote_call): is there nothing of that name? Then *error is NoSuchKey, NoSuchVersion
 * or, of a marker that was asked for by its id, MethodNotAllowed. */
bool remote_key_is_missing(const struct remote_key *key, const struct s3_answer *answer, struct error *error);

/* What the backend says of a key now. */
struct remote_state {
    bool is_there;
    bool is_marker;    /* not there: a delete marker is; of object.attributes `version` and `modified_ms` are its */
    bool is_tombstone; /* not there: a deletion is under way (write/tombstone.h); `object` is what it wrote */
    struct backend_object object;
    struct buffer metadata;             /* object.attributes.metadata and the like point in here, or into the trailer */
    struct buffer seal;                 /* object.attributes.seal, if only the row had it */
    const struct kept_trailer *trailer; /* if it was needed */
};
/* What a look is for. An answer's ETag may be that of a later revision than what stands beside it, or of an earlier one
 * (docs/backend.md): such a write would replace what its client has never seen. */
enum look_intent {
    LOOK_FOR_ETAG,  /* is it there, under which ETag: one HEAD */
    LOOK_FOR_WHOLE, /* also a request for the trailer where only that knows size or logical ETag */
    LOOK_TO_DECIDE, /* the same, and ETag and attributes are of one revision, whatever the verdict on labels: a second
                       HEAD where no row has the ETag yet */
};
/* The row is made new, or dropped. The state must be freed; after a failure there is nothing in it, and it may be. */
SUSPENDS bool remote_look(struct remote_key *key, enum look_intent intent, struct remote_state *ret_state,
                          struct error *error);
/* NoSuchKey, NoSuchVersion, MethodNotAllowed: of a key that was looked at and is not there. */
bool remote_refuse_missing(const struct remote_key *key, const struct remote_state *state, struct error *error);
void remote_state_free(struct remote_shard *shard, struct remote_state *state);

/* An answer of GET or HEAD is decoded: `size` is the object's stored size. Completed from the row with the same ETag,
 * where that may be believed. */
bool remote_read_answer(struct remote_key *key, const struct s3_answer *answer, uint64_t size,
                        struct remote_state *ret_state, struct error *error);
/* Does the state say all that it must: size, logical ETag, metadata? Else the trailer is needed. */
bool remote_state_is_whole(const struct remote_state *state);
/* Reads the trailer that the state announces, pinned to its ETag; `tail` has bytes of its end that are here already, or
 * is empty. ERROR_CHANGED: the object was replaced, or is to be looked at again: an answer may show one revision's
 * fields over another's end, or a wrong length. One that is still wrong then is counted, and the state stays as it is.
 */
SUSPENDS bool remote_read_trailer(struct remote_key *key, struct remote_state *state, struct span tail,
                                  struct error *error);
/* Notes what the state says as the key's row. */
void remote_note_state(struct remote_key *key, const struct remote_state *state);
void remote_note_absence(struct remote_key *key);

/* ---- the operations of bucket.h, by the file that has them ---- */

SUSPENDS bool remote_create_bucket(struct bucket_store *store, const struct bucket_intent *intent, struct error *error);
SUSPENDS bool remote_find_bucket(struct bucket_store *store, struct span bucket, struct bucket_info *ret_info,
                                 struct error *error);
SUSPENDS bool remote_delete_bucket(struct bucket_store *store, struct span bucket, struct error *error);
SUSPENDS bool remote_list_buckets(struct bucket_store *store, struct span owner, struct span prefix, struct span after,
                                  unsigned buckets_max, struct arena *arena, struct bucket_info **ret_buckets,
                                  unsigned *ret_count, bool *ret_truncated, struct error *error);
SUSPENDS bool remote_open(struct bucket_store *store, const struct object_name *name, const struct open_intent *intent,
                          struct bucket_object **ret_object, struct error *error);
SUSPENDS bool remote_head(struct bucket_store *store, const struct object_name *name, struct arena *arena,
                          struct object_attributes *ret_attributes, struct error *error);
void remote_read_window(struct bucket_object *object, uint64_t first, uint64_t end);
SUSPENDS bool remote_read(struct bucket_object *object, uint64_t offset, void *ret_bytes, size_t size,
                          struct error *error);
bool remote_borrow(struct bucket_object *object, uint64_t offset, size_t size, struct bucket_loan *ret_loan);
void remote_give_back(struct bucket_loan *loan);
SUSPENDS bool remote_read_sidecar(struct bucket_object *object, struct buffer *ret_sidecar, struct error *error);
void remote_close(struct bucket_object *object);
bool remote_is_made_of(const struct bucket_object *object, const char *revision);
SUSPENDS bool remote_begin_write(struct bucket_store *store, const struct write_intent *intent,
                                 struct bucket_writer **ret_writer, struct error *error);
SUSPENDS bool remote_write(struct bucket_writer *writer, struct span bytes, struct error *error);
SUSPENDS bool remote_commit(struct bucket_writer *writer, const struct write_result *result,
                            struct object_attributes *ret_attributes, struct error *error);
SUSPENDS void remote_abort(struct bucket_writer *writer);
SUSPENDS bool remote_copy(struct bucket_object *source, const struct object_name *target,
                          const struct write_result *result, struct object_attributes *ret_attributes,
                          struct error *error);
SUSPENDS bool remote_delete_objects(struct bucket_store *store, struct span bucket, struct delete_item *items,
                                    unsigned count, struct error *error);
SUSPENDS bool remote_list(struct bucket_store *store, const struct list_request *request, struct arena *arena,
                          struct list_page *ret_page, struct error *error);
SUSPENDS bool remote_set_versioning(struct bucket_store *store, struct span bucket, enum bucket_versioning versioning,
                                    struct error *error);
SUSPENDS bool remote_set_lock(struct bucket_store *store, struct span bucket, const struct default_retention *retention,
                              struct error *error);
SUSPENDS bool remote_write_retention(struct bucket_store *store, const struct object_name *name,
                                     const struct retention_change *change, char ret_version[VERSION_TEXT_BYTES],
                                     struct error *error);
SUSPENDS bool remote_write_legal_hold(struct bucket_store *store, const struct object_name *name, enum lock_hold hold,
                                      char ret_version[VERSION_TEXT_BYTES], struct error *error);
SUSPENDS bool remote_list_versions(struct bucket_store *store, const struct version_list_request *request,
                                   struct arena *arena, struct list_page *ret_page, struct error *error);
SUSPENDS bool remote_create_upload(struct bucket_store *store, const struct upload_intent *intent,
                                   char ret_id[UPLOAD_ID_BYTES], struct error *error);
SUSPENDS bool remote_find_upload(struct bucket_store *store, const struct object_name *name, struct span upload_id,
                                 struct arena *arena, struct upload_info *ret_upload, struct error *error);
SUSPENDS bool remote_begin_part(struct bucket_store *store, const struct object_name *name, struct span upload_id,
                                unsigned number, uint64_t stored_size_hint, struct bucket_writer **ret_writer,
                                struct error *error);
SUSPENDS bool remote_commit_part(struct bucket_writer *writer, const struct part_attributes *part, struct error *error);
SUSPENDS bool remote_list_parts(struct bucket_store *store, const struct object_name *name, struct span upload_id,
                                unsigned after, unsigned parts_max, struct arena *arena,
                                struct part_attributes **ret_parts, unsigned *ret_count, bool *ret_truncated,
                                struct error *error);
SUSPENDS bool remote_complete_upload(struct bucket_store *store, const struct object_name *name, struct span upload_id,
                                     const struct part_choice *parts, unsigned count, const struct write_result *result,
                                     struct object_attributes *ret_attributes, struct error *error);
SUSPENDS bool remote_abort_upload(struct bucket_store *store, const struct object_name *name, struct span upload_id,
                                  struct error *error);
SUSPENDS bool remote_list_uploads(struct bucket_store *store, const struct upload_list_request *request,
                                  struct arena *arena, struct upload_list_page *ret_page, struct error *error);
SUSPENDS bool remote_find_completed(struct bucket_store *store, const struct object_name *name, struct span upload_id,
                                    struct object_attributes *ret_attributes, struct error *error);
SUSPENDS bool remote_read_parts(struct bucket_object *object, unsigned after, unsigned parts_max, struct arena *arena,
                                struct object_part **ret_parts, unsigned *ret_count, bool *ret_truncated,
                                struct error *error);
SUSPENDS bool remote_read_tags(struct bucket_store *store, const struct object_name *name, struct buffer *ret_tags,
                               char ret_version[VERSION_TEXT_BYTES], struct error *error);
SUSPENDS bool remote_write_tags(struct bucket_store *store, const struct object_name *name, struct span tags,
                                unsigned tags_count, char ret_version[VERSION_TEXT_BYTES], struct error *error);
