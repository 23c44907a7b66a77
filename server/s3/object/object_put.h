/* server/s3/object/object_put.h -- an object from one body: what PutObject and the upload from a web form share.
 *
 * What the object will be is said by the request's headers; a form's fields have been made headers by then. Where the
 * body comes from is the operation's. */
#pragma once

#include "codec/seal/seal_record.h"
#include "server/keys/object_seal.h"
#include "server/s3/headers/object_headers.h"
#include "server/s3/headers/object_tags.h"
#include "server/s3/rights/acl_request.h"
#include "store/condition.h"

struct object_put {
    struct buffer metadata;
    struct tag_list tags;
    struct object_acl acl;
    struct object_lock lock;
    struct write_condition condition_storage;
    const struct write_condition *condition; /* NULL: none */
    struct object_encryption encryption;     /* headers/encryption.h */
};

/* Always freed, also after a refusal. */
void object_put_init(struct object_put *put);
void object_put_free(struct object_put *put);

/* All that the headers say but for the body. */
SUSPENDS bool object_put_take(struct s3_request *request, struct object_put *put, struct error *error);

struct object_source {
    bool is_size_known;
    uint64_t size;                    /* original bytes, when known */
    enum checksum_algorithm checksum; /* to be computed */
    /* The whole body into the writer, verified and finished; on failure the writer is left to be aborted. */
    SUSPENDS bool (*receive)(struct s3_request *request, void *context, struct object_writer *writer,
                             struct object_digest *ret_digest, struct error *error);
    void *context;
};

/* Makes it visible in one step, or nothing of it. */
SUSPENDS bool object_put_store(struct s3_request *request, const struct object_put *put,
                               const struct object_source *source, struct object_attributes *ret_attributes,
                               struct error *error);

/* The headers that an answer has beside its status. */
SUSPENDS void object_put_answer(struct s3_request *request, const struct object_put *put,
                                const struct object_attributes *attributes);
