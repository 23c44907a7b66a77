/* store/bucket.h -- the one interface to stored objects. Behind it: the embedded store in a folder, an S3 bucket, a
 * tier.
 *
 * Every call runs on a fiber of a shard, may suspend, and reports failure as a struct error whose code is the S3 code
 * ("NoSuchKey", "NoSuchBucket", "BucketNotEmpty", "PreconditionFailed", "InsufficientStorage", ...). Names and keys are
 * not checked here beyond their limits: callers have refused reserved keys and illegal names. A key has 1 to 1024
 * bytes.
 *
 * A store is asked with everything that is known: `open` with what will be read and on what condition, `begin` with
 * what the object will be. To the embedded store that is worth little; over S3 it decides whether an operation is one
 * request or three. What a store cannot do, its capabilities say; it is refused here, with NotImplemented, before the
 * store is asked, so that no store has to look.
 *
 * Two ETags: `etag`, the logical one, is the clients'; `stored_etag` is the store's own and pins the stored bytes.
 *
 * Versions (spec: settings, section AA): an empty `version` means the current one, "null" the one that a bucket writes
 * while it is not versioned, anything else is an id that the store made: opaque, and in the order of commits for each
 * key. One that is not there is NoSuchVersion. A delete marker is no
 * object: where one is the current version, calls that want an object say NoSuchKey; where it is named by its id,
 * MethodNotAllowed; bucket_head tells which marker it was. Whether a write makes a version, and whether a lock forbids
 * a deletion, is decided where conditions are: in the committing step.
 *
 * A tier is no store of its own: the store of a bucket reads through it (store/tier/), and nobody above sees a
 * difference.
 *
 * Ownership: spans passed in must live until the call returns. What is handed out says where it lives. */
#pragma once

#include "runtime/base/arena.h"
#include "runtime/base/buffer.h"
#include "runtime/base/error.h"
#include "runtime/base/random.h"
#include "runtime/fiber/fiber.h"
#include "store/attributes.h"
#include "store/condition.h"
#include "store/key_class.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum {
    BUCKET_NAME_BYTES_MAX = 63,
    OBJECT_KEY_BYTES_MAX = 1024,
    ACCOUNT_ID_BYTES_MAX = 128,
    LIST_ENTRIES_MAX = 1000,
    DELETE_ITEMS_MAX = 1000,
    UPLOAD_ID_BYTES = 33, /* 32 hex characters and a zero; ids sort by the time of their creation */
    PART_NUMBER_MAX = 10000,
    PART_SEAL_BYTES = 128,
};

struct bucket_store; /* a store with all its buckets */

/* Conditions that the store decides in the very step that makes the change, whoever else writes. An S3 server may
 * ignore one in silence: such a verdict is missing, and the condition is refused instead (NotImplemented). */
enum condition_verdict {
    DECIDES_PUT_CREATE = 1 << 0,  /* commit: If-None-Match: * */
    DECIDES_PUT_REPLACE = 1 << 1, /* commit: If-Match; with PUT_CREATE also If-None-Match of certain ETags */
    DECIDES_COMPLETE_CREATE = 1 << 2,
    DECIDES_COMPLETE_REPLACE = 1 << 3,
    DECIDES_COPY_CREATE = 1 << 4, /* of the target; however the store does it */
    DECIDES_COPY_REPLACE = 1 << 5,
    DECIDES_DELETE = 1 << 6,      /* delete_objects of one item */
    DECIDES_DELETE_MANY = 1 << 7, /* ... of several: each item has a condition of its own */
    DECIDES_ALL = (1 << 8) - 1,
};

/* Fixed before the first shard starts, but for `labels_slip`. */
struct bucket_capabilities {
    uint64_t part_bytes_min;      /* smallest stored part but the last; 0: none */
    uint64_t needs_frames_beyond; /* a body of more original bytes must come as frames; 0: any may come as it is */
    unsigned conditions;          /* enum condition_verdict, several together */
    unsigned refused_keys;        /* enum key_class: keys of these kinds cannot be kept under their name */
    bool has_tags;
    bool counts_tags;  /* object_attributes.tags_count is what there is; else 0 says nothing: who may not read tags is
                          not told of them */
    bool has_acls;     /* objects have owners and ACLs */
    bool has_versions; /* buckets may be versioned */
    bool has_lock;     /* ... and be locked */
    bool judges_deletions; /* delete_item.grounds are compared in the committing step ... */
    bool lists_tags; /* ... and lists bring all of them (wants_grounds). Else tags are to be asked for one by one, and
                        locks come to light when something is deleted */
    bool is_shared;  /* other processes change the store at the same time */
    bool keeps_time; /* write_intent.kept_ms */
    bool rewrites;   /* bucket_commit_rewrite, bucket_change_class and bucket_change_seal; if it is_shared, in buckets
                        that were never versioned, or as body_rewrite.makes_version says */
    bool forgets_versions; /* version_list_request.after_modified_ms is needed */
    bool lists_all;        /* what bucket_list_buckets does not list is not there; else others may know of it */
    bool keeps_sidecar; /* the index of frames is kept with the object and never another's; else it is an object of its
                           own, which its binding tells from a stale one */
    bool keeps_attributes;   /* what describes a body is kept beside it where only Bale reads it, and so the body may be
                                in a form that only Bale reads */
    bool keeps_seals;        /* objects may be encrypted (object_attributes.seal) */
    bool seals_parts;        /* ... those that are sent in parts, too (upload_intent.seal) */
    bool has_tier;           /* bytes may come from where they were kept, which forgets those that are doubted */
    atomic_bool labels_slip; /* an answer may bear the ETag of one revision and the bytes of another. It may come to
                                light while others read */
};

/* Is what does not fit together to be opened again (open_intent.is_again) before it is called damaged? */
static inline bool bucket_opens_again(const struct bucket_capabilities *capabilities)
{
    return capabilities->has_tier || capabilities->labels_slip;
}

/* Never back to NEVER. SUSPENDED: versions that are there stay, writes make and replace the null version. */
enum bucket_versioning { VERSIONING_NEVER, VERSIONING_ENABLED, VERSIONING_SUSPENDED };

/* What a version gets that is written into a locked bucket without a retention of its own. */
struct default_retention {
    enum lock_mode mode; /* LOCK_NONE: nothing */
    unsigned days;       /* one of the two is 0 */
    unsigned years;      /* of the calendar */
};

/* What a bucket is made as. */
struct bucket_intent {
    struct span name;
    struct span owner;    /* account id */
    uint64_t creation_id; /* drawn by the caller (bucket_draw_creation_id), who has written something under it already;
                             0: the store makes one */
    enum bucket_versioning versioning;
    bool has_lock; /* then versioning is ENABLED */
};

struct bucket_info {
    char name[BUCKET_NAME_BYTES_MAX + 1];
    char owner[ACCOUNT_ID_BYTES_MAX + 1]; /* account id of who made it */
    int64_t created_ms;
    uint64_t creation_id; /* tells it from earlier buckets of its name */
    enum bucket_versioning versioning;
    bool has_lock; /* for ever */
    struct default_retention retention;
};

/* Names one object. */
struct object_name {
    struct span bucket;
    struct span key;
    struct span version; /* empty: the current one */
};

/* ---- reading ---- */

/* What a caller keeps of objects that it has read, by name and stored_etag. It is asked when the object has been found,
 * or is expected, and before its body is fetched: with what it has, the object is opened without a body, and
 * must not be read. What it gives is held: the object's, whose closer gives it back, or, when the object turned out to
 * be another one, the store's, which gives it back by `give`. Neither may suspend. */
struct bucket_recall {
    void *(*find)(void *context, const struct object_name *name, const struct object_attributes *attributes);
    void (*give)(void *context, void *recalled);
    void *context;
};

/* Which of the original bytes will be read. A store fetches by it; it binds nobody: any of the stored bytes of an open
 * object may be read, what was not announced at the price of a further request. */
enum open_extent {
    OPEN_WHOLE,
    OPEN_RANGE,      /* [first, first + size), as far as the object goes */
    OPEN_SUFFIX,     /* the last `size` bytes */
    OPEN_ATTRIBUTES, /* none, as far as can be said: parts, sidecar or a copy are wanted */
};

struct open_intent {
    enum open_extent extent;
    uint64_t first;
    uint64_t size;
    const struct read_condition *condition; /* the client's; NULL: none. Decided in the object that is handed out */
    struct span if_stored_etag;             /* not empty: this revision of the stored bytes, or ERROR_CHANGED */
    const struct bucket_recall *recall;     /* NULL: nothing is recalled */
    bool is_again;    /* what was read of it did not fit together: nothing that was kept of it may be believed */
    bool may_be_aged; /* a client's GET: a store that was told so may go by what it knew a moment ago */
};

/* An object that is open for reading. Its stored bytes are those of one revision until bucket_close, whatever happens
 * to the key, or reading fails with ERROR_CHANGED: never bytes of two revisions. */
struct bucket_object {
    struct object_attributes attributes; /* metadata points into the object: valid until bucket_close */
    /* What open_intent.condition came to. If not READ_PROCEED, there is no body to be read. Attributes are those of the
     * moment, but an object that was not modified may be without metadata. */
    struct read_decision decision;
    struct span whole_body; /* the whole stored body when the store had it at hand (small objects); else empty */
    void *recalled;         /* what the caller has instead of the body; else NULL */
    bool may_lend;          /* bucket_borrow may be asked */
    const struct bucket_store *store;
};

/* Stored bytes that lie in the store's memory, lent: spans of them, one behind the other. */
enum {
    BUCKET_LOAN_BYTES_MAX = 1 << 20,
    BUCKET_LOAN_SPANS_MAX = 18,
    BUCKET_LOAN_BESIDE_BYTES = 128 << 10, /* so much more may be held for a loan than it shows */
};
struct bucket_loan {
    struct span spans[BUCKET_LOAN_SPANS_MAX];
    void *held[BUCKET_LOAN_SPANS_MAX]; /* the store's, one for each span */
    unsigned count;                    /* 0: nothing is lent */
};

/* ---- writing ---- */

/* A write in progress. begin -> write ... -> commit or abort; nothing is visible under the key before commit, and
 * nothing is left of it after abort or a crash. */
struct bucket_writer;

/* What is known before the first byte. What is said must be right, and the same at commit; what is not known, or is
 * decided at commit alone, stays empty. */
struct write_intent {
    struct object_name name;
    const struct write_condition *condition; /* NULL: none. What already does not hold is refused by begin */
    struct span metadata;                    /* packed list */
    struct span tags;                        /* empty: none */
    uint32_t tags_count;
    enum checksum_algorithm checksum_algorithm; /* that commit will bring; CHECKSUM_NONE: none */
    bool is_size_known;
    uint64_t original_size;
    uint64_t stored_size_hint; /* about how many stored bytes will come; 0: unknown */
    uint32_t codec; /* object_attributes.codec, if the body comes as frames; of a single one commit may say another */
    bool may_have_columns; /* likewise */
    bool is_uncounted;     /* write_result.is_uncounted */
    bool is_sealed;        /* commit will bring a seal */
    /* Not 0: what clients see as the object's time, whenever it is written: it is packed anew, and they have not
     * changed it. NotImplemented where the store has no keeps_time. */
    int64_t kept_ms;
    /* Not NULL: bucket_commit_rewrite will follow, with the same; `body` and `frames` need not be there yet. What the
     * object keeps is the store's to find: of the rest of this, name, codec and may_have_columns are used. Lives until
     * the writer is gone. */
    const struct body_rewrite *rewrite;
    struct object_lock lock; /* as in the attributes of write_result; so are the next two */
    struct span owner;
    struct span acl;
};

/* What is known when all bytes have come. The store makes of it what it keeps: a row, a sidecar, a trailer. */
struct write_result {
    /* modified_ms, stored_etag, stored_size, sidecar_size, version and superseded_ms are set by the store. A lock
     * without a mode gets the bucket's default retention, counted from the commit. */
    const struct object_attributes *attributes;
    /* Of a framed body without padding, its frames in order (store/frames.h); empty: unknown. */
    struct span frames;
    /* An index that came along with stored bytes from elsewhere, instead of `frames`; empty: none. */
    struct span sidecar;
    /* NULL: none. Decided against the current version in the committing step. */
    const struct write_condition *condition;
    struct span tags; /* empty: none; attributes->tags_count says how many */
    /* Of complete_upload: what bucket_read_parts shall answer, when what was chosen are not the parts that clients
     * sent. NULL: the chosen parts. */
    const struct object_part *parts;
    unsigned parts_count;
    bool is_uncounted; /* the ledger leaves the object out (store/spool.h): it was brought in from elsewhere */
};

/* ---- rewriting ---- */

/* A version's body packed anew. Nothing else changes: ETag, Last-Modified, version id, parts, tags, lock and list of
 * grants are those of the moment of the commit, whatever was set while it was being packed. */
struct body_rewrite {
    /* Of the version, as its source had them when it was opened: the body is replaced only if these stored bytes are
     * still its, and this metadata. */
    const struct object_attributes *judged;
    /* How the new bytes relate to the original: layout, codec, is_s4, may_have_columns, dictionary, crc32c, and seal:
     * not empty, the object is encrypted from now on, and its hashes are in there. */
    const struct object_attributes *body;
    struct span frames;   /* as in write_result */
    struct span metadata; /* the whole list, as it is to be: judged's, but for the storage class perhaps */
    const struct deletion_grounds *grounds; /* of a rule's transition; NULL: judged says all */
    uint8_t level_tried; /* at which the new bytes were packed; 0: none. The same at begin and at commit */
    /* If the store is_shared: also in a bucket with versions (ENABLED, without a lock), where it makes another one, and
     * the former stays. Else such a bucket is ERROR_UNSUPPORTED. */
    bool makes_version;
};

/* A class alone: the body stays as it is. The version is the name's. */
struct class_change {
    const struct object_attributes *judged; /* stored bytes and metadata must still be these */
    struct span metadata;                   /* the whole list, as it is to be */
    const struct deletion_grounds *grounds; /* NULL: judged says all */
    uint8_t level_tried;                    /* the body would not be smaller at this level; 0: nothing was tried */
    bool makes_version;                     /* as in body_rewrite */
};

/* A seal alone, which says the same as before under another key: the body stays as it is. The version is the name's. */
struct seal_change {
    /* Stored bytes and seal must still be these. Its time is kept, to the millisecond if a list has told it. */
    const struct object_attributes *judged;
    struct span seal; /* OBJECT_SEAL_BYTES_MAX at most */
};

/* ---- listing ---- */

struct list_request {
    struct span bucket;
    struct span prefix;
    struct span delimiter; /* empty: none */
    struct span after; /* entries strictly behind this key; a common prefix that equals `after` is behind us as well */
    unsigned entries_max; /* 0 .. LIST_ENTRIES_MAX: keys and common prefixes together */
    bool wants_owners; /* list_entry.owner is looked at: a store that would have to ask for it may leave it out else */
    /* Damaged entries come as such, instead of ending the listing with ERROR_DAMAGED. Not with a delimiter. */
    bool is_damage_listed;
    /* The prefix is one of the store's own, .s4dict/, whose keys no other list need have. Without a delimiter. */
    bool is_reserved_listed;
};

/* All versions and delete markers in one stream: keys in byte order, of each the newest first. */
struct version_list_request {
    struct span bucket;
    struct span prefix;
    struct span delimiter;     /* empty: none */
    struct span after_key;     /* entries behind all versions of this key, or behind this common prefix */
    struct span after_version; /* not empty: behind this version of after_key, which need not be there any more (428) */
    /* When that one was made. 0: not known; if it has gone then, a store that forgets_versions begins its key anew, and
     * what was listed comes again. */
    int64_t after_modified_ms;
    unsigned entries_max; /* 0 .. LIST_ENTRIES_MAX: versions, markers and common prefixes together */
    bool wants_owners;    /* as list_request has it */
    /* What deletion_grounds are made of; only where capabilities.judges_deletions. A page that begins behind a version
     * needs after_modified_ms then: it is since when the first one is noncurrent. */
    bool wants_grounds;
};

struct list_entry {
    struct span key; /* for a common prefix: the prefix, delimiter included */
    bool is_prefix;
    bool is_latest; /* the current version, be it a marker: always set by `list` */
    bool is_delete_marker;
    struct span owner;         /* object_attributes.owner, in the arena: with wants_owners */
    struct span storage_class; /* as S3 calls it; empty: STANDARD, or the store does not tell it in lists */
    bool is_damaged;           /* nothing is known but a key, and that may be what is damaged: it may be out of order */
    uint64_t original_size;
    int64_t modified_ms;
    char etag[ETAG_TEXT_BYTES];
    char version[VERSION_TEXT_BYTES];
    enum checksum_algorithm checksum_algorithm;
    enum checksum_type checksum_type;
    /* with wants_grounds: */
    int64_t superseded_ms;   /* as object_attributes has it */
    struct object_lock lock; /* this and tags only where capabilities.lists_tags */
    struct span tags;        /* a packed list, in the arena */
};

struct list_page {
    struct list_entry *entries; /* in the arena that was passed, as are the keys */
    unsigned count;
    /* More entries follow; the next page's `after` is the last entry's key (and version). Such a page of versions has
     * entries_max entries, whatever vanished while it was made. */
    bool is_truncated;
};

/* ---- deleting ---- */

/* What somebody had seen of a version when he decided that it is to go, or to change its class, long before it does: a
 * rule, not a client. The committing step asks whether all of it still holds, and else does nothing (ERROR_CHANGED). A
 * deletion asks for a lock as always. A store that is_shared asks right before that step, whose own condition names the
 * stored bytes (or the id of a version, which is never another's); where the backend decides no such condition, nothing
 * is deleted (ERROR_UNSUPPORTED). */
struct deletion_grounds {
    uint64_t creation_id; /* of the bucket */
    const char *version;  /* that was judged, also where the item names none: then it must be the current one still */
    int64_t modified_ms;  /* these five as the listing had them */
    uint64_t original_size;
    const char *etag;
    int64_t superseded_ms;
    struct span tags;
    bool ignores_tags;    /* nobody has looked at them */
    unsigned newer_least; /* so many newer noncurrent versions and markers must be there */
    bool is_alone;        /* nothing else may be there of the key */
};

struct delete_item {
    struct span key;
    struct span version;
    const struct write_condition *condition; /* NULL: none. Of the version that is named, else of the current one */
    bool may_bypass_governance;
    const struct deletion_grounds *grounds; /* NULL: none are needed. Only where capabilities.judges_deletions */
    /* filled in: */
    bool is_deleted;                         /* true also when there was nothing to delete */
    bool is_marker;                          /* with a version: it was a marker. Without: a marker was made */
    char marker_version[VERSION_TEXT_BYTES]; /* then: its version; else "" */
    struct error error;                      /* when not deleted; AccessDenied: a lock forbids it */
};

/* ---- uploads: objects that come in parts ---- */

/* An upload is known by (bucket, key, id); the wrong key with the right id is NoSuchUpload. Parts are what clients
 * send: how a store with a smallest part size keeps them is its own affair (capabilities.part_bytes_min), nobody above
 * sees it. A part that was committed is durable. Uploads survive restarts. Nothing of them is visible under the key
 * before complete. */
struct upload_intent {
    struct object_name name;
    struct span metadata;                       /* packed list: applies to the object */
    struct span tags;                           /* as the object will have them; empty: none */
    struct span initiator;                      /* account id */
    enum checksum_algorithm checksum_algorithm; /* CHECKSUM_NONE: the client named none */
    enum checksum_type checksum_type;
    struct object_lock lock; /* of the object that it becomes; so are the next two */
    struct span owner;
    struct span acl;
    struct span seal; /* what is kept of its encryption, opaque to stores, OBJECT_SEAL_BYTES_MAX at most; empty: nothing
                       */
};

struct upload_info {
    char id[UPLOAD_ID_BYTES];
    struct span key; /* spans live in the arena that was passed */
    struct span metadata;
    struct span tags;
    struct span initiator;
    int64_t initiated_ms;
    enum checksum_algorithm checksum_algorithm;
    enum checksum_type checksum_type;
    struct object_lock
        lock; /* these three as upload_intent has them: whoever completes puts them into the attributes */
    struct span owner;
    struct span acl;
    struct span seal;
};

/* A part: its stored body is S4F2 frames, whatever their codecs. */
struct part_attributes {
    unsigned number; /* 1 .. PART_NUMBER_MAX */
    uint64_t original_size;
    uint64_t stored_size;
    int64_t modified_ms;    /* set by the store */
    uint8_t md5[MD5_BYTES]; /* of the original bytes: the part's ETag */
    uint32_t crc32c;        /* of the original bytes */
    struct checksum_value checksum;
    struct span frames; /* store/frames.h */
    /* What is kept of its encryption, opaque to stores, PART_SEAL_BYTES at most; empty: it is not encrypted. Then md5
     * is whatever tells this attempt to send it from others, and a store keeps neither crc32c nor checksum. */
    struct span seal;
};

/* One part that a Complete names. */
struct part_choice {
    unsigned number;
    uint8_t md5[MD5_BYTES];
};

struct upload_list_request {
    struct span bucket;
    struct span prefix;
    struct span delimiter;
    struct span after_key;    /* uploads behind this key; with after_upload also those of this key behind that id */
    struct span after_upload; /* empty: none */
    unsigned entries_max;
};

struct upload_list_entry {
    bool is_prefix;
    struct upload_info upload; /* metadata and tags are left out; for a common prefix only `key` */
};

struct upload_list_page {
    struct upload_list_entry *entries;
    unsigned count;
    bool is_truncated;
};

/* A part of a completed object: what partNumber reads and GetObjectAttributes need. */
struct object_part {
    unsigned number;
    uint64_t original_size;
    struct checksum_value checksum; /* CHECKSUM_NONE: none was kept */
    struct span seal;               /* as the part had it */
};

/* ---- locks ---- */

struct retention_change {
    enum lock_mode mode; /* LOCK_NONE: it is removed */
    int64_t retain_until_ms;
    bool may_bypass_governance; /* asked for, and allowed to who asks */
};

/* ---- the interface ---- */

struct bucket_store_operations; /* store/bucket_operations.h */

/* An implementation embeds this as its first member. */
struct bucket_store {
    const struct bucket_store_operations *operations;
    struct bucket_capabilities capabilities;
};

/* Tells a bucket that is going to be made from all others: never 0, and none that a store makes itself. */
uint64_t bucket_draw_creation_id(const struct random_source *random);
/* 409 BucketAlreadyOwnedByYou or BucketAlreadyExists when it exists (by owner). Not over a store without versions or
 * locks what has any (NotImplemented). */
SUSPENDS bool bucket_create(struct bucket_store *store, const struct bucket_intent *intent, struct error *error);
/* From memory: every client's request begins with it. A store that has to ask somebody for its buckets asks now and
 * then and when it was told NoSuchBucket, not here; only a name of which it knows nothing may cost a request. */
SUSPENDS bool bucket_find(struct bucket_store *store, struct span bucket, struct bucket_info *ret_info,
                          struct error *error);
/* ENABLED or SUSPENDED. Writes that are committed after it returned obey it (402). InvalidBucketState: a locked bucket
 * is never suspended (439). */
SUSPENDS bool bucket_set_versioning(struct bucket_store *store, struct span bucket, enum bucket_versioning versioning,
                                    struct error *error);
/* Turns the lock on, if it is not, and sets what new versions get. InvalidBucketState unless versioning is ENABLED. */
SUSPENDS bool bucket_set_lock(struct bucket_store *store, struct span bucket, const struct default_retention *retention,
                              struct error *error);
/* BucketNotEmpty while any object, version or delete marker is there. */
SUSPENDS bool bucket_delete(struct bucket_store *store, struct span bucket, struct error *error);
/* Buckets of one owner (empty: of all) in name order, strictly behind `after`. */
SUSPENDS bool bucket_list_buckets(struct bucket_store *store, struct span owner, struct span prefix, struct span after,
                                  unsigned buckets_max, struct arena *arena, struct bucket_info **ret_buckets,
                                  unsigned *ret_count, bool *ret_truncated, struct error *error);

/* NoSuchBucket, NoSuchKey, NoSuchVersion, ERROR_CHANGED. `intent` NULL: all of it, on no condition. *ret_object must be
 * closed, also when its condition did not hold (bucket_object.decision). */
SUSPENDS bool bucket_open(struct bucket_store *store, const struct object_name *name, const struct open_intent *intent,
                          struct bucket_object **ret_object, struct error *error);
/* Attributes only; metadata, owner and ACL are copied into the arena. Where a delete marker is what was asked for, it
 * is an error (NoSuchKey, MethodNotAllowed), and ret_attributes has the marker: is_delete_marker, version, modified_ms;
 * after other failures is_delete_marker is false. */
SUSPENDS bool bucket_head(struct bucket_store *store, const struct object_name *name, struct arena *arena,
                          struct object_attributes *ret_attributes, struct error *error);
/* From here on stored bytes of [first, end) will be read, front to back, with gaps perhaps: the store may fetch them in
 * one stream. The last one said counts. Before the first read there need not be one. */
void bucket_read_window(struct bucket_object *object, uint64_t first, uint64_t end);
/* Is it worth to find out where reading will end? */
bool bucket_wants_window(const struct bucket_object *object);
/* Exactly [offset, offset + size) of the stored body, which must lie inside it. ERROR_CHANGED (code SlowDown): the
 * object was overwritten or deleted, and the rest of this revision cannot be had any more; nothing of another one has
 * been handed out. Whoever has sent nothing yet may open it anew. */
SUSPENDS bool bucket_read(struct bucket_object *object, uint64_t offset, void *ret_bytes, size_t size,
                          struct error *error);
/* The same bytes without a copy, 1 to BUCKET_LOAN_BYTES_MAX of them: they are what bucket_read would give, do not
 * change, and stay until bucket_give_back, which must follow before the object is closed. Whoever borrows answers for
 * the memory: at most `size` and BUCKET_LOAN_BESIDE_BYTES. False, and nothing is lent: not all of them are in memory
 * just now. Of an object that may_lend. Does not suspend. */
bool bucket_borrow(struct bucket_object *object, uint64_t offset, size_t size, struct bucket_loan *ret_loan);
void bucket_give_back(const struct bucket_object *object, struct bucket_loan *loan);
/* Appends the sidecar's bytes; nothing when there is none. A limit of the buffer that is passed is ERROR_TOO_LARGE. */
SUSPENDS bool bucket_read_sidecar(struct bucket_object *object, struct buffer *ret_sidecar, struct error *error);
void bucket_close(struct bucket_object *object);
/* Is the object what that revision of it was, written anew by a rewrite? Then its original bytes are the same, and who
 * was reading those may go on here. A revision by its stored ETag; of one that body_rewrite.makes_version has replaced
 * also by its version, for several may have the same bytes. */
bool bucket_is_made_of(const struct bucket_object *object, const char *revision);

/* NoSuchBucket, and what commit would refuse and can be told already (PreconditionFailed, NoSuchKey): commit decides
 * again, and alone is right. The condition and spans of the intent must live until the writer is gone. */
SUSPENDS bool bucket_begin(struct bucket_store *store, const struct write_intent *intent,
                           struct bucket_writer **ret_writer, struct error *error);
/* The bytes have been taken when it returns. */
SUSPENDS bool bucket_write(struct bucket_writer *writer, struct span bytes, struct error *error);
/* True: the object is durable and visible. False: nothing changed (PreconditionFailed, NoSuchKey for If-Match on a
 * missing key, NoSuchBucket, InsufficientStorage ...). Either way the writer is gone. ret_attributes.metadata is empty.
 */
SUSPENDS bool bucket_commit(struct bucket_writer *writer, const struct write_result *result,
                            struct object_attributes *ret_attributes, struct error *error);
SUSPENDS void bucket_abort(struct bucket_writer *writer);
/* Instead of commit: the bytes become the body of rewrite->judged->version of the key. True: durable, and the old
 * bytes' space comes back when nobody reads them any more; a download of them goes on. False: nothing changed;
 * ERROR_CHANGED: it is another version, other bytes or other grounds by now. Either way the writer is gone.
 * NotImplemented: the store does not rewrite, or the object is encrypted. */
SUSPENDS bool bucket_commit_rewrite(struct bucket_writer *writer, const struct body_rewrite *rewrite,
                                    struct error *error);
/* The metadata of a version is replaced, its body stays; errors as above. */
SUSPENDS bool bucket_change_class(struct bucket_store *store, const struct object_name *name,
                                  const struct class_change *change, struct error *error);
/* The seal of a version that is encrypted is replaced, its body stays; errors as above. */
SUSPENDS bool bucket_change_seal(struct bucket_store *store, const struct object_name *name,
                                 const struct seal_change *change, struct error *error);

/* The stored bytes of an open object under another name, without decoding; attributes and condition as in commit. The
 * index of its frames is copied as well (result->frames and sidecar are not used). */
SUSPENDS bool bucket_copy(struct bucket_object *source, const struct object_name *target,
                          const struct write_result *result, struct object_attributes *ret_attributes,
                          struct error *error);
/* All items in as few steps as the store can; the result of each is in the item. False only when none was tried
 * (NoSuchBucket, a store that is down). */
SUSPENDS bool bucket_delete_objects(struct bucket_store *store, struct span bucket, struct delete_item *items,
                                    unsigned count, struct error *error);
/* Keys whose current version is a delete marker are not in it, and cost it nothing. */
SUSPENDS bool bucket_list(struct bucket_store *store, const struct list_request *request, struct arena *arena,
                          struct list_page *ret_page, struct error *error);
/* Of a store without versions: its objects, as null versions. InvalidArgument for an after_version that is no id. */
SUSPENDS bool bucket_list_versions(struct bucket_store *store, const struct version_list_request *request,
                                   struct arena *arena, struct list_page *ret_page, struct error *error);

SUSPENDS bool bucket_create_upload(struct bucket_store *store, const struct upload_intent *intent,
                                   char ret_id[UPLOAD_ID_BYTES], struct error *error);
/* NoSuchUpload. Metadata, tags and key are copied into the arena. */
SUSPENDS bool bucket_find_upload(struct bucket_store *store, const struct object_name *name, struct span upload_id,
                                 struct arena *arena, struct upload_info *ret_upload, struct error *error);
/* A part in progress is a bucket_writer: bucket_write, then bucket_commit_part (with the same number) or bucket_abort.
 */
SUSPENDS bool bucket_begin_part(struct bucket_store *store, const struct object_name *name, struct span upload_id,
                                unsigned number, uint64_t stored_size_hint, struct bucket_writer **ret_writer,
                                struct error *error);
/* True: the part is durable and replaces an earlier one of that number. NoSuchUpload when the upload has gone
 * meanwhile. */
SUSPENDS bool bucket_commit_part(struct bucket_writer *writer, const struct part_attributes *part, struct error *error);
/* Parts in order of number, strictly behind `after`: as many as are asked for, or as the arena takes (one at least, or
 * SlowDown). `frames` is in the arena as well. */
SUSPENDS bool bucket_list_parts(struct bucket_store *store, const struct object_name *name, struct span upload_id,
                                unsigned after, unsigned parts_max, struct arena *arena,
                                struct part_attributes **ret_parts, unsigned *ret_count, bool *ret_truncated,
                                struct error *error);
/* The chosen parts, ascending, become the object in one step; the others and the upload are gone. InvalidPart when a
 * part is not there or is not the one that was chosen; conditions as in commit, refused before anything is joined where
 * that can be told. After a failure the upload is as it was. */
SUSPENDS bool bucket_complete_upload(struct bucket_store *store, const struct object_name *name, struct span upload_id,
                                     const struct part_choice *parts, unsigned count, const struct write_result *result,
                                     struct object_attributes *ret_attributes, struct error *error);
SUSPENDS bool bucket_abort_upload(struct bucket_store *store, const struct object_name *name, struct span upload_id,
                                  struct error *error);
/* By key, then by initiation. */
SUSPENDS bool bucket_list_uploads(struct bucket_store *store, const struct upload_list_request *request,
                                  struct arena *arena, struct upload_list_page *ret_page, struct error *error);
/* What an upload that was completed a while ago (a day at least) became, for a Complete whose answer was lost: etag and
 * checksum of the attributes. NoSuchUpload. */
SUSPENDS bool bucket_find_completed(struct bucket_store *store, const struct object_name *name, struct span upload_id,
                                    struct object_attributes *ret_attributes, struct error *error);
/* The parts that a completed object was made of, strictly behind number `after`; none for other objects. */
SUSPENDS bool bucket_read_parts(struct bucket_object *object, unsigned after, unsigned parts_max, struct arena *arena,
                                struct object_part **ret_parts, unsigned *ret_count, bool *ret_truncated,
                                struct error *error);

/* Tags of an object, an opaque text for the store; changing them changes neither ETag nor time nor order. ret_version,
 * here and below: which version that was; NULL: nobody asks. */
SUSPENDS bool bucket_read_tags(struct bucket_store *store, const struct object_name *name, struct buffer *ret_tags,
                               char ret_version[VERSION_TEXT_BYTES], struct error *error);
SUSPENDS bool bucket_write_tags(struct bucket_store *store, const struct object_name *name, struct span tags,
                                unsigned tags_count, char ret_version[VERSION_TEXT_BYTES], struct error *error);
/* The ACL that counts now, of the revision that these attributes are of, wherever they came from (head, open). A store
 * may keep a list that was changed apart from the object, so that whoever decides asks here, and only when the list can
 * decide: object_attributes.acl is the one that the object was written with. In the arena, or the caller's. An error
 * means that it is not known: nobody may be let in by what was known before. */
SUSPENDS bool bucket_read_acl(struct bucket_store *store, const struct object_name *name,
                              const struct object_attributes *attributes, struct arena *arena, struct span *ret_acl,
                              struct error *error);
/* Likewise its ACL; the owner stays. `judged`: the attributes by which it was decided that this may be. Another
 * revision never gets a list that was meant for this one: where it was replaced meanwhile, that is ERROR_CHANGED
 * (SlowDown), or the list is one of an object that is not there any more. */
SUSPENDS bool bucket_write_acl(struct bucket_store *store, const struct object_name *name,
                               const struct object_attributes *judged, struct span acl,
                               char ret_version[VERSION_TEXT_BYTES], struct error *error);
/* InvalidRequest: the bucket has no lock. AccessDenied: what binds now does not allow it (444, 445), decided in the
 * committing step. */
SUSPENDS bool bucket_write_retention(struct bucket_store *store, const struct object_name *name,
                                     const struct retention_change *change, char ret_version[VERSION_TEXT_BYTES],
                                     struct error *error);
/* ON or OFF. A hold that was answered is never lost to a deletion (456). */
SUSPENDS bool bucket_write_legal_hold(struct bucket_store *store, const struct object_name *name, enum lock_hold hold,
                                      char ret_version[VERSION_TEXT_BYTES], struct error *error);
