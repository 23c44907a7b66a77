/* server/s3/s3.h -- the door of this room: an HTTP exchange comes in, S3's answer goes out.
 *
 * s3_handle is the http_handler of the public listener: one call answers one request completely, success or refusal,
 * and reports what came of it to the observer. It runs on the connection's fiber and keeps nothing between requests, so
 * one struct s3_settings per shard is all the state there is. */
#pragma once

#include "runtime/base/clock.h"
#include "server/access/access.h"
#include "server/auth/signature.h"
#include "server/http/connection.h"
#include "server/object/object.h"
#include "server/settings/settings.h"

#include <stdbool.h>
#include <stdint.h>

/* What can be asked for; S3_Unknown is 0. The names without "S3_" are in operations.def. */
enum s3_operation {
#define S3_OPERATION(name, action, writes) S3_##name,
#include "server/s3/operations.def"
#undef S3_OPERATION
    S3_OPERATIONS, /* how many */
};

const char *s3_operation_name(enum s3_operation operation);

/* Which stored bytes of a body in a bucket behind were read. */
struct stored_read {
    struct span etag; /* the bucket's, of the revision; empty: nothing was read */
    uint64_t size;    /* of the whole body */
    uint64_t first;
    uint64_t end;
};

/* What came of one request, for metrics and the log. All spans are valid during the call of the observer only. */
struct s3_outcome {
    enum s3_operation operation;
    int status;                    /* 0: nothing could be answered */
    const char *code;              /* the S3 error code (static), NULL: success, or the client went away */
    const char *message;           /* the whole reason, also where the client is told less; "": success */
    bool is_cut;                   /* the connection was cut in the middle of an answer */
    struct span account;           /* the account's name; empty: anonymous, or not authenticated */
    enum access_source decided_by; /* what decided that it may, or may not */
    struct span bucket;            /* as asked for: never a metric label */
    struct span key;
    uint64_t original_bytes_written; /* by PutObject and CopyObject: what the client sent ... */
    uint64_t stored_bytes_written;   /* ... and what it takes in the store, sidecar included */
    uint32_t codec;                  /* codec id of the object that was written or read; see has_codec */
    bool has_codec;
    uint64_t object_size; /* original, of the object that was read or written */
    bool has_object_size;
    struct stored_read stored_read;
    uint64_t duration_ns; /* from the complete head to the answer's end */
};

/* Called once per request, after the answer; must not suspend. Method, target, request id, bytes in and out are in the
 * exchange. */
typedef void s3_observer(void *context, const struct http_exchange *exchange, const struct s3_outcome *outcome);

struct trusted_proxies;
struct access_log; /* access_log/access_log.h */

/* May clients bring keys of their own (SSE-C)? Over plain HTTP everybody on the way reads them. */
enum customer_keys { CUSTOMER_KEYS_OVER_TLS, CUSTOMER_KEYS_OVER_HTTP, CUSTOMER_KEYS_OFF };

/* Pointers are borrowed and must outlive the last request. */
struct s3_settings {
    struct bucket_store *store;
    struct settings *bucket_settings;
    struct object_codecs *codecs;
    struct signature_verifier *verifier;
    const struct accounts *accounts;
    const struct clock *clock;
    const char *region;                            /* "us-east-1" */
    const char *domain;                            /* for virtual-host style, lower case; NULL: path style only */
    const char *host_id;                           /* x-amz-id-2: which process answered */
    const struct trusted_proxies *trusted_proxies; /* whose X-Forwarded-For counts (client_address.h); NULL: nobody's */
    enum ownership default_ownership;              /* what CreateBucket records when nobody says which */
    bool blocks_new_buckets;                       /* new buckets have the whole public access block */
    bool is_raw;                                   /* --raw: no name is reserved, of keys or of metadata */
    enum customer_keys customer_keys;
    struct kms *kms;           /* of SSE-KMS (server/kms/kms.h); NULL: nothing is encrypted */
    bool takes_form_version_2; /* web forms may be signed with signature version 2 */
    bool refuses_plain;        /* --sse require: what is not encrypted is not read */
    s3_observer *observe;      /* NULL: nobody looks */
    void *observe_context;
    struct access_log *access_log; /* of buckets that log; NULL: none does */
};

/* The least arena (http_settings.arena_bytes_max) that every request fits into: 1000 keys of 1024 bytes with what
 * belongs to them. */
enum { S3_ARENA_BYTES_MAX = 8 << 20 };

/* An http_handler; `context` is a const struct s3_settings *. */
SUSPENDS void s3_handle(struct http_exchange *exchange, void *context);

/* Answers a request whose head could not be read (http_head_parse failed with `reason`): the same XML, ids and report
 * as any refusal. `context` as above. The caller closes the connection. */
SUSPENDS void s3_refuse(struct http_exchange *exchange, const struct error *reason, void *context);
