/* s3client/operations.h -- calls that speak XML, typed: lists, uploads in parts, copies, multi-delete, tags.
 *
 * Each takes a `struct s3_call` for what all calls have in common: bucket, key, further headers and parameters (the
 * version of an object), repeat, deadlines. Kind, further query and body are set here. Answers are those of
 * s3_client_call (nothing is open afterwards); a 200 whose body is an <Error> counts as the error that it is, with
 * effect S3_UNKNOWN. Documents are bounded (16 MiB, and the numbers below); one that is no XML, or lacks what it must
 * have, is ERROR_DAMAGED.
 *
 * Results lie in the arena that was passed. ETags come with their quotes, as in headers. */
#pragma once

#include "runtime/base/arena.h"
#include "s3client/s3client.h"

enum {
    S3_LIST_ENTRIES_MAX = 10000, /* of one answer; backends send 1,000 */
    S3_DELETE_ITEMS_MAX = 1000,
    S3_PARTS_MAX = 10000,
    S3_UPLOAD_ID_BYTES_MAX = 1024,
};

/* ---- lists: keys are decoded here where the backend says that it encoded them ---- */

struct s3_list_request {
    struct span prefix;
    struct span delimiter;    /* empty: none */
    struct span after;        /* start-after; empty: from the beginning */
    struct span continuation; /* the backend's token; empty: none */
    unsigned entries_max;     /* 0: the backend's limit */
    bool wants_metadata;      /* `metadata=true`, which some backends know: entries then have their user metadata */
};

struct s3_list_entry {
    struct span key; /* of a common prefix: the prefix */
    bool is_prefix;
    uint64_t size;
    int64_t modified_ms;
    struct span etag;
    struct span storage_class;
    bool has_metadata; /* the backend answered metadata=true; without any, metadata_count is 0 */
    const struct http_field *metadata;
    unsigned metadata_count;
};

struct s3_list_page {
    struct s3_list_entry *entries; /* in the backend's order: keys, then common prefixes */
    unsigned count;
    bool is_truncated;
    struct span continuation; /* for the next page; may be empty */
    bool was_encoded;         /* <EncodingType>url came back */
};

SUSPENDS bool s3_client_list_objects(struct s3_client *client, const struct s3_call *call,
                                     const struct s3_list_request *request, struct arena *arena,
                                     struct s3_list_page *ret_page, struct s3_answer *ret_answer, struct error *error);

/* ---- buckets ---- */

/* In this region, which is the endpoint's: AWS makes none without its name, but in us-east-1. A server that calls its
 * places otherwise is asked once more, without it. */
SUSPENDS bool s3_client_create_bucket(struct s3_client *client, const struct s3_call *call, struct span region,
                                      struct s3_answer *ret_answer, struct error *error);

/* ---- versions ---- */

enum s3_versioning { S3_VERSIONING_NEVER, S3_VERSIONING_ENABLED, S3_VERSIONING_SUSPENDED };

SUSPENDS bool s3_client_get_versioning(struct s3_client *client, const struct s3_call *call,
                                       enum s3_versioning *ret_versioning, struct s3_answer *ret_answer,
                                       struct error *error);
/* Never to NEVER. */
SUSPENDS bool s3_client_put_versioning(struct s3_client *client, const struct s3_call *call,
                                       enum s3_versioning versioning, struct s3_answer *ret_answer,
                                       struct error *error);

struct s3_versions_request {
    struct span prefix;
    struct span delimiter;      /* empty: none */
    struct span key_marker;     /* behind all versions of this key; with the next one behind that version of it */
    struct span version_marker; /* empty: none */
    unsigned entries_max;       /* 0: the backend's limit */
};

struct s3_version_entry {
    struct span key; /* of a common prefix: the prefix */
    bool is_prefix;
    bool is_delete_marker;
    bool is_latest;
    struct span version;
    uint64_t size;
    int64_t modified_ms;
    struct span etag; /* empty: a marker */
    struct span storage_class;
};

struct s3_versions_page {
    struct s3_version_entry *entries; /* in the order of the document */
    unsigned count;
    bool is_truncated;
    struct span next_key_marker;
    struct span next_version_marker; /* empty: behind all of that key */
};

SUSPENDS bool s3_client_list_versions(struct s3_client *client, const struct s3_call *call,
                                      const struct s3_versions_request *request, struct arena *arena,
                                      struct s3_versions_page *ret_page, struct s3_answer *ret_answer,
                                      struct error *error);

/* ---- object lock ---- */

enum s3_lock_mode { S3_LOCK_NONE, S3_LOCK_GOVERNANCE, S3_LOCK_COMPLIANCE };
/* NONE: it is no name of one. */
enum s3_lock_mode s3_lock_mode_of(struct span name);

/* What a bucket has, and gives to its new versions: for days or years, one of the two is 0; NONE: nothing. */
struct s3_bucket_lock {
    bool is_enabled;
    enum s3_lock_mode mode;
    unsigned days;
    unsigned years;
};

/* A bucket without lock is ObjectLockConfigurationNotFoundError. */
SUSPENDS bool s3_client_get_bucket_lock(struct s3_client *client, const struct s3_call *call,
                                        struct s3_bucket_lock *ret_lock, struct s3_answer *ret_answer,
                                        struct error *error);
/* Turns it on, whatever is_enabled says. */
SUSPENDS bool s3_client_put_bucket_lock(struct s3_client *client, const struct s3_call *call,
                                        const struct s3_bucket_lock *lock, struct s3_answer *ret_answer,
                                        struct error *error);
/* NONE: it is removed. */
SUSPENDS bool s3_client_put_retention(struct s3_client *client, const struct s3_call *call, enum s3_lock_mode mode,
                                      int64_t retain_until_ms, struct s3_answer *ret_answer, struct error *error);
SUSPENDS bool s3_client_put_legal_hold(struct s3_client *client, const struct s3_call *call, bool is_on,
                                       struct s3_answer *ret_answer, struct error *error);

/* ---- buckets ---- */

struct s3_bucket_entry {
    struct span name;
    int64_t created_ms;
};

SUSPENDS bool s3_client_list_buckets(struct s3_client *client, const struct s3_call *call, struct arena *arena,
                                     struct s3_bucket_entry **ret_buckets, unsigned *ret_count,
                                     struct s3_answer *ret_answer, struct error *error);

struct s3_uploads_request {
    struct span prefix;
    struct span key_marker;
    struct span upload_id_marker;
    unsigned entries_max; /* 0: the backend's limit */
};

struct s3_upload_entry {
    struct span key;
    struct span upload_id;
    struct span initiator; /* its ID */
    int64_t initiated_ms;
};

struct s3_uploads_page {
    struct s3_upload_entry *entries;
    unsigned count;
    bool is_truncated;
    struct span next_key_marker;
    struct span next_upload_id_marker;
};

SUSPENDS bool s3_client_list_uploads(struct s3_client *client, const struct s3_call *call,
                                     const struct s3_uploads_request *request, struct arena *arena,
                                     struct s3_uploads_page *ret_page, struct s3_answer *ret_answer,
                                     struct error *error);

/* ---- uploads in parts ---- */

/* `ret_upload_id` lies in the arena. */
SUSPENDS bool s3_client_create_upload(struct s3_client *client, const struct s3_call *call, struct arena *arena,
                                      struct span *ret_upload_id, struct s3_answer *ret_answer, struct error *error);

/* The body is that of `call`; the part's ETag is ret_answer->etag. */
SUSPENDS bool s3_client_upload_part(struct s3_client *client, const struct s3_call *call, struct span upload_id,
                                    unsigned number, struct s3_answer *ret_answer, struct error *error);

struct s3_copy_source {
    struct span bucket;
    struct span key;
    struct span version;  /* empty: the current one */
    struct span if_match; /* x-amz-copy-source-if-match; empty: none */
    bool has_range;       /* UploadPartCopy: bytes first .. last */
    uint64_t first;
    uint64_t last;
};

/* The result's ETag is put into ret_answer->etag. */
SUSPENDS bool s3_client_copy_part(struct s3_client *client, const struct s3_call *call, struct span upload_id,
                                  unsigned number, const struct s3_copy_source *source, struct s3_answer *ret_answer,
                                  struct error *error);
SUSPENDS bool s3_client_copy_object(struct s3_client *client, const struct s3_call *call,
                                    const struct s3_copy_source *source, struct s3_answer *ret_answer,
                                    struct error *error);

struct s3_part {
    unsigned number;
    struct span etag;
    uint64_t size;       /* of a list */
    int64_t modified_ms; /* of a list */
    const struct checksum_value
        *sum; /* where the upload was created with an algorithm; NULL: none, or it is not said */
};

/* Conditions are headers of `call`. The object's ETag is put into ret_answer->etag. */
SUSPENDS bool s3_client_complete_upload(struct s3_client *client, const struct s3_call *call, struct span upload_id,
                                        const struct s3_part *parts, unsigned parts_count, struct s3_answer *ret_answer,
                                        struct error *error);
SUSPENDS bool s3_client_abort_upload(struct s3_client *client, const struct s3_call *call, struct span upload_id,
                                     struct s3_answer *ret_answer, struct error *error);

struct s3_parts_page {
    struct s3_part *parts;
    unsigned count;
    bool is_truncated;
    unsigned next_marker;
    enum checksum_algorithm algorithm; /* that the upload was created with; NONE: none, or it is not said */
    enum checksum_type type;           /* of its completion */
};

SUSPENDS bool s3_client_list_parts(struct s3_client *client, const struct s3_call *call, struct span upload_id,
                                   unsigned after_number, unsigned parts_max, struct arena *arena,
                                   struct s3_parts_page *ret_page, struct s3_answer *ret_answer, struct error *error);

/* ---- multi-delete ---- */

struct s3_delete_item {
    struct span key;
    struct span version; /* empty: none */
    struct span etag;    /* empty: no condition */
    /* filled in: */
    bool is_deleted;                       /* the backend says so; also when there was nothing to delete */
    bool is_marker;                        /* a marker was made, or, of an item with a version, removed */
    char marker_version[S3_VERSION_BYTES]; /* then: its id; "": the backend names none */
    struct error error;                    /* when not deleted */
};

/* Up to S3_DELETE_ITEMS_MAX; keys may come twice. True: the backend answered, look at each item; an item that the
 * answer does not name is ERROR_DAMAGED. */
SUSPENDS bool s3_client_delete_objects(struct s3_client *client, const struct s3_call *call,
                                       struct s3_delete_item *items, unsigned count, struct s3_answer *ret_answer,
                                       struct error *error);

/* ---- tags ---- */

struct s3_tag {
    struct span name;
    struct span value;
};

enum { S3_TAGS_MAX = 64 };

SUSPENDS bool s3_client_get_tags(struct s3_client *client, const struct s3_call *call, struct arena *arena,
                                 struct s3_tag **ret_tags, unsigned *ret_count, struct s3_answer *ret_answer,
                                 struct error *error);
/* None: deletes them. */
SUSPENDS bool s3_client_put_tags(struct s3_client *client, const struct s3_call *call, const struct s3_tag *tags,
                                 unsigned count, struct s3_answer *ret_answer, struct error *error);

/* ---- lifecycle rules of a bucket ---- */

struct s3_lifecycle_rule {
    struct span id;
    struct span prefix; /* empty: of every key */
    bool is_enabled;
    bool has_tags; /* it is about objects with certain tags alone */
    bool expires;  /* removes current objects, by Days or Date */
    bool moves;    /* current objects, to another storage class */
};

enum { S3_LIFECYCLE_RULES_MAX = 1000 };

/* S3_NoSuchLifecycleConfiguration: there are none. */
SUSPENDS bool s3_client_get_lifecycle(struct s3_client *client, const struct s3_call *call, struct arena *arena,
                                      struct s3_lifecycle_rule **ret_rules, unsigned *ret_count,
                                      struct s3_answer *ret_answer, struct error *error);
