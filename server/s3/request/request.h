/* server/s3/request/request.h -- one S3 request as its operation sees it: what is addressed, the parameters, who asks.
 *
 * Lives on the connection's fiber from the first byte of work to the observer's call. All spans point into the
 * exchange's head or its arena. */
#pragma once

#include "server/access/access.h"
#include "server/s3/s3.h"

#include <stdbool.h>
#include <stdint.h>

enum s3_level {
    LEVEL_SERVICE = 1,
    LEVEL_BUCKET = 2,
    LEVEL_OBJECT = 4,
};

struct s3_parameter {
    struct span name;
    struct span value; /* decoded once; empty for a bare name */
};

/* A lock as the body of PutObjectRetention or PutObjectLegalHold writes it; empty: it does not ask for that. */
struct lock_asked {
    struct span mode;
    struct span retain_until;
    struct span hold;
};

/* What tells revisions of an object apart; zero: of none. */
struct judged_revision {
    char stored_etag[STORED_ETAG_TEXT_BYTES];
    uint64_t number; /* object_attributes.revision */
};

struct s3_request {
    const struct s3_settings *settings;
    struct http_exchange *exchange;
    const struct http_head *head;
    struct arena *arena;
    int64_t now_ms;

    enum s3_level level;
    struct span path;   /* decoded once, as the signer saw it */
    struct span bucket; /* empty at LEVEL_SERVICE */
    struct span key;    /* empty above LEVEL_OBJECT */
    struct s3_parameter *parameters;
    unsigned parameters_count;
    uint64_t parameters_present; /* a bit for the lower six bits of the first byte of each name */
    bool has_hoisted_headers;    /* a presigned URL carries x-amz-* headers as parameters */

    struct authentication authentication;
    struct customer_key *customer_key; /* that came with it (headers/encryption.h), or NULL; wiped at its end */
    struct customer_key *source_key;   /* likewise, of the source of a copy */
    struct s3_form *form;              /* of an upload from a web form; else NULL */
    struct bucket_info bucket_info;    /* of `bucket`, once it was found */
    const struct bucket_settings *bucket_settings; /* of `bucket`, pinned for the request; never NULL */
    struct access_bucket access;                   /* what they say of access (authorize.h) */
    bool has_judged_object;                        /* a decision was about an object's owner and grants ... */
    struct judged_revision judged;                 /* ... of this revision */
    const struct object_attributes *opened;        /* what is to be judged instead of a new look */
    struct span missed_key; /* s3:prefix, while it is asked whether a key that is not there may be known to be so */
    const struct buffer *tags_to_put; /* packed, once the body of PutObjectTagging, or the source of a copy was read */
    const struct lock_asked *lock_to_put;    /* once the body of PutObjectRetention or -LegalHold was read; else NULL */
    bool waits_for_body;                     /* a policy asks for what is in it, and it was not read yet */
    struct error_details details;            /* children of the Error element */
    struct span allow;                       /* headers of a refusal: Allow beside MethodNotAllowed ... */
    struct span content_range;               /* ... Content-Range beside InvalidRange ... */
    bool pays;                               /* who asks pays for it: x-amz-request-charged (statement 617) */
    char marker_version[VERSION_TEXT_BYTES]; /* ... of a delete marker that was found instead of an object; "": none */
    int64_t marker_modified_ms;
    bool has_no_version; /* ... and "x-amz-delete-marker: false" beside NoSuchKey (statement 414) */
    struct s3_outcome outcome;
};

/* Operations: true when the answer has been given, false with the reason of the refusal. */
typedef SUSPENDS bool s3_handler(struct s3_request *request, struct error *error);

/* Which bucket and key are addressed (path style or virtual-host style), and the parameters, all decoded once.
 * InvalidURI. */
bool s3_request_resolve(struct s3_request *request, struct error *error);

/* Names that no operation may touch: illegal buckets, keys too long, climbing or reserved. `writes` decides between
 * 400 InvalidObjectName and 404 NoSuchKey for the last. */
bool s3_request_check_names(struct s3_request *request, bool writes, struct error *error);
bool s3_key_is_allowed(struct s3_request *request, struct span key, bool writes, struct error *error);
/* One of the store's own names (names.h); with --raw there are none. */
bool s3_key_is_reserved(const struct s3_request *request, struct span key);

bool s3_request_method_is(const struct s3_request *request, const char *method);

/* Of the first byte of a name, in parameters_present. */
static inline uint64_t s3_parameter_bit(uint8_t first)
{
    return UINT64_C(1) << (first & 63);
}
/* False: no parameter's name begins with that byte. */
static inline bool s3_request_may_have_parameter(const struct s3_request *request, uint8_t first)
{
    return (request->parameters_present & s3_parameter_bit(first)) != 0;
}
/* The first parameter of that name, which is not empty. */
bool s3_request_parameter(const struct s3_request *request, const char *name, struct span *ret_value);
/* versionId: empty when not given. InvalidArgument when it cannot be one. */
bool s3_request_version(struct s3_request *request, struct span *ret_version, struct error *error);

/* The first header of that name, lower case; an x-amz-* header may have been hoisted into a presigned URL. */
bool s3_request_header(const struct s3_request *request, const char *name, struct span *ret_value);

/* Steps through the x-amz-* headers, sent or hoisted; *position starts at 0. False at the end. */
bool s3_request_next_amz_header(const struct s3_request *request, unsigned *position, struct span *ret_name,
                                struct span *ret_value);

/* The bucket was found and is the one that the client expects (x-amz-expected-bucket-owner, or `owner_header`). */
SUSPENDS bool s3_find_bucket(struct s3_request *request, struct span name, const char *owner_header,
                             struct bucket_info *ret_info, struct error *error);

/* The bucket that the request was let into is still the one of that name: to be asked when a body has come, which may
 * take long. A bucket that was made again is another one, perhaps somebody else's. NoSuchBucket. */
SUSPENDS bool s3_check_same_bucket(struct s3_request *request, struct error *error);

bool s3_operation_writes(enum s3_operation operation);
/* Of a bucket: sets a setting anew, or removes it. */
bool s3_operation_changes_settings(enum s3_operation operation);

/* For the report: what was written, and what it takes in the store. */
void s3_note_written(struct s3_request *request, const struct object_attributes *attributes);
void s3_note_part(struct s3_request *request, const struct part_attributes *part);

/* A count from outside, 0 and more; above `most` it is that. InvalidArgument. */
bool s3_parse_count(struct s3_request *request, const char *name, struct span text, unsigned most, unsigned *ret_count,
                    struct error *error);

/* 400 InvalidArgument with ArgumentName and ArgumentValue. Returns false. */
bool s3_refuse_argument(struct s3_request *request, const char *name, struct span value, const char *message,
                        struct error *error);
/* 501 NotImplemented with Header. Returns false. */
bool s3_refuse_header(struct s3_request *request, const char *header, struct error *error);

/* Memory of the request. NULL (or a span without data): the request is refused as too large. */
void *s3_allocate(struct s3_request *request, size_t size, struct error *error);
struct span s3_copy(struct s3_request *request, struct span bytes, struct error *error);
/* A number as text in the request's memory, for details. */
struct span s3_decimal(struct s3_request *request, uint64_t value);
