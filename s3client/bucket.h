/* s3client/bucket.h -- the one interface to stored objects. Behind it: the embedded store in a folder, an S3 bucket, a
 * tier.
 *
 * Every call runs on a fiber of a shard, may suspend, and reports failure as a struct error whose code is the S3 code
 * ("NoSuchKey", "NoSuchBucket", "BucketNotEmpty", "PreconditionFailed", "InsufficientStorage", ...). Names and keys are
 * not checked here beyond their limits: callers have refused reserved keys and illegal names. A key has 1 to 1024
 * bytes.
 *
 * Versions: calls take and return them from the first day. An empty `version` means the current one; "null" is the
 * version of a bucket that was never versioned.
 *
 * Ownership: spans passed in must live until the call returns. What is handed out says where it lives. */
#pragma once

#include "runtime/base/arena.h"
#include "runtime/base/buffer.h"
#include "runtime/base/error.h"
#include "runtime/fiber.h"
#include "s3client/attributes.h"
#include "s3client/condition.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    BUCKET_NAME_BYTES_MAX = 63,
    OBJECT_KEY_BYTES_MAX = 1024,
    ACCOUNT_ID_BYTES_MAX = 128,
    LIST_ENTRIES_MAX = 1000,
    DELETE_ITEMS_MAX = 1000,
};

struct bucket_store; /* a store with all its buckets */

struct bucket_capabilities {
    uint64_t part_bytes_min;    /* smallest stored part but the last; 0: none */
    bool has_atomic_conditions; /* a condition is decided in the step that makes the write visible */
    bool has_versions;
    bool keeps_sidecar; /* the sidecar is an attachment of the commit, not an object */
};

struct bucket_info {
    char name[BUCKET_NAME_BYTES_MAX + 1];
    char owner[ACCOUNT_ID_BYTES_MAX + 1]; /* account id of who made it */
    int64_t created_ms;
};

/* Names one object. */
struct object_name {
    struct span bucket;
    struct span key;
    struct span version; /* empty: the current one */
};

/* ---- reading ---- */

/* An object that is open for reading: its stored bytes stay what they are until bucket_close, whatever happens to the
 * key. */
struct bucket_object {
    struct object_attributes attributes; /* metadata points into the object: valid until bucket_close */
    struct span whole_body; /* the whole stored body when the store had it at hand (small objects); else empty */
    const struct bucket_store *store;
};

/* ---- writing ---- */

/* A write in progress. begin -> write ... -> commit or abort; nothing is visible under the key before commit, and
 * nothing is left of it after abort or a crash. */
struct bucket_writer;

struct write_intent {
    struct object_name name;
    uint64_t stored_size_hint; /* about how many stored bytes will come; 0: unknown */
};

struct write_result {
    const struct object_attributes
        *attributes;     /* what is known now; modified_ms, stored_etag and version are set by the store */
    struct span sidecar; /* empty: none. Its source binding is filled in by the store where it needs one */
    const struct write_condition
        *condition; /* NULL: none. Decided against the current version in the committing step */
};

/* ---- listing ---- */

struct list_request {
    struct span bucket;
    struct span prefix;
    struct span delimiter; /* empty: none */
    struct span after; /* entries strictly behind this key; a common prefix that equals `after` is behind us as well */
    unsigned entries_max; /* 0 .. LIST_ENTRIES_MAX: keys and common prefixes together */
};

struct list_entry {
    struct span key; /* for a common prefix: the prefix, delimiter included */
    bool is_prefix;
    uint64_t original_size;
    int64_t modified_ms;
    char etag[ETAG_TEXT_BYTES];
    char version[VERSION_TEXT_BYTES];
    enum checksum_algorithm checksum_algorithm;
    enum checksum_type checksum_type;
};

struct list_page {
    struct list_entry *entries; /* in the arena that was passed, as are the keys */
    unsigned count;
    bool is_truncated; /* more entries follow; the next page's `after` is the last entry's key */
};

/* ---- deleting ---- */

struct delete_item {
    struct span key;
    struct span version;
    const struct write_condition *condition; /* NULL: none */
    /* filled in: */
    bool is_deleted;    /* true also when there was nothing to delete */
    struct error error; /* when not */
};

/* ---- the interface ---- */

struct bucket_store_operations {
    SUSPENDS bool (*create_bucket)(struct bucket_store *store, struct span bucket, struct span owner,
                                   struct error *error);
    SUSPENDS bool (*find_bucket)(struct bucket_store *store, struct span bucket, struct bucket_info *ret_info,
                                 struct error *error);
    SUSPENDS bool (*delete_bucket)(struct bucket_store *store, struct span bucket, struct error *error);
    SUSPENDS bool (*list_buckets)(struct bucket_store *store, struct span owner, struct span prefix, struct span after,
                                  unsigned buckets_max, struct arena *arena, struct bucket_info **ret_buckets,
                                  unsigned *ret_count, bool *ret_truncated, struct error *error);

    SUSPENDS bool (*open)(struct bucket_store *store, const struct object_name *name, struct bucket_object **ret_object,
                          struct error *error);
    SUSPENDS bool (*head)(struct bucket_store *store, const struct object_name *name, struct arena *arena,
                          struct object_attributes *ret_attributes, struct error *error);
    SUSPENDS bool (*read)(struct bucket_object *object, uint64_t offset, void *ret_bytes, size_t size,
                          struct error *error);
    SUSPENDS bool (*read_sidecar)(struct bucket_object *object, struct buffer *ret_sidecar, struct error *error);
    void (*close)(struct bucket_object *object);

    SUSPENDS bool (*begin)(struct bucket_store *store, const struct write_intent *intent,
                           struct bucket_writer **ret_writer, struct error *error);
    SUSPENDS bool (*write)(struct bucket_writer *writer, struct span bytes, struct error *error);
    SUSPENDS bool (*commit)(struct bucket_writer *writer, const struct write_result *result,
                            struct object_attributes *ret_attributes, struct error *error);
    SUSPENDS void (*abort)(struct bucket_writer *writer);

    SUSPENDS bool (*copy)(struct bucket_object *source, const struct object_name *target,
                          const struct write_result *result, struct object_attributes *ret_attributes,
                          struct error *error);
    SUSPENDS bool (*delete_objects)(struct bucket_store *store, struct span bucket, struct delete_item *items,
                                    unsigned count, struct error *error);
    SUSPENDS bool (*list)(struct bucket_store *store, const struct list_request *request, struct arena *arena,
                          struct list_page *ret_page, struct error *error);
};

/* An implementation embeds this as its first member. */
struct bucket_store {
    const struct bucket_store_operations *operations;
    struct bucket_capabilities capabilities;
};

/* 409 BucketAlreadyOwnedByYou or BucketAlreadyExists when it exists (by owner). */
SUSPENDS bool bucket_create(struct bucket_store *store, struct span bucket, struct span owner, struct error *error);
SUSPENDS bool bucket_find(struct bucket_store *store, struct span bucket, struct bucket_info *ret_info,
                          struct error *error);
/* BucketNotEmpty while any object or version is there. */
SUSPENDS bool bucket_delete(struct bucket_store *store, struct span bucket, struct error *error);
/* Buckets of one owner (empty: of all) in name order, strictly behind `after`. */
SUSPENDS bool bucket_list_buckets(struct bucket_store *store, struct span owner, struct span prefix, struct span after,
                                  unsigned buckets_max, struct arena *arena, struct bucket_info **ret_buckets,
                                  unsigned *ret_count, bool *ret_truncated, struct error *error);

/* NoSuchBucket, NoSuchKey, NoSuchVersion. *ret_object must be closed. */
SUSPENDS bool bucket_open(struct bucket_store *store, const struct object_name *name, struct bucket_object **ret_object,
                          struct error *error);
/* Attributes only; metadata is copied into the arena. */
SUSPENDS bool bucket_head(struct bucket_store *store, const struct object_name *name, struct arena *arena,
                          struct object_attributes *ret_attributes, struct error *error);
/* Exactly [offset, offset + size) of the stored body, which must lie inside it. */
SUSPENDS bool bucket_read(struct bucket_object *object, uint64_t offset, void *ret_bytes, size_t size,
                          struct error *error);
/* Appends the sidecar's bytes; nothing when there is none. A limit of the buffer that is passed is ERROR_TOO_LARGE. */
SUSPENDS bool bucket_read_sidecar(struct bucket_object *object, struct buffer *ret_sidecar, struct error *error);
void bucket_close(struct bucket_object *object);

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

/* The stored bytes of an open object under another name, without decoding; attributes and condition as in commit. The
 * sidecar is copied as well (result->sidecar is not used). */
SUSPENDS bool bucket_copy(struct bucket_object *source, const struct object_name *target,
                          const struct write_result *result, struct object_attributes *ret_attributes,
                          struct error *error);
/* All items in as few steps as the store can; the result of each is in the item. False only when none was tried
 * (NoSuchBucket, a store that is down). */
SUSPENDS bool bucket_delete_objects(struct bucket_store *store, struct span bucket, struct delete_item *items,
                                    unsigned count, struct error *error);
SUSPENDS bool bucket_list(struct bucket_store *store, const struct list_request *request, struct arena *arena,
                          struct list_page *ret_page, struct error *error);
